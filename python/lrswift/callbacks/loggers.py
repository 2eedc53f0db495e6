"""Rows of the history for others to read: a CSV file, TensorBoard, a dictionary."""

from __future__ import annotations

import importlib
import numbers
import os
from typing import Any

from .. import store
from ..loop.history import History
from .base import Callback


class CSVLogger(Callback):
    """Writes the rows to a CSV file after each epoch; the same as `fit(log=path)`, beside other callbacks.

    Args:
        path: of the file, in a folder that exists. It is replaced atomically.

    Raises:
        FileNotFoundError: the folder does not exist.
        OSError: nothing can be written there.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        store.check_writable(path, "CSVLogger: path")
        self.path = path

    def __call__(self, history: History) -> None:
        """Writes all rows."""
        history.to_csv(self.path)


class DictLogger(Callback):
    """Keeps the rows as a dictionary of lists, as plots and tables of other libraries take them.

    Attributes:
        values: name of a column -> its values, one for each epoch; None where an epoch has none.
    """

    def __init__(self) -> None:
        self.values: dict[str, list[Any]] = {}

    def __call__(self, history: History) -> None:
        """Reads the rows anew."""
        names = dict.fromkeys(key for row in history.rows for key in row)
        self.values = {name: [row.get(name) for row in history.rows] for name in names}


class TensorBoard(Callback):
    """Writes the numbers of each epoch for TensorBoard, by the global step.

    Args:
        folder: where the event files go; made where it does not exist.

    Raises:
        ImportError: neither `torch.utils.tensorboard` nor `tensorboardX` can be imported.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = os.fspath(folder)
        self._writer: Any = None
        self._make = _writer()

    def __call__(self, history: History) -> None:
        """Writes the last row."""
        if self._writer is None:
            self._writer = self._make(self.folder)
        row = history.rows[-1]
        for name, value in row.items():
            if name not in ("epoch", "step") and isinstance(value, numbers.Real):
                self._writer.add_scalar(name, float(value), row["step"])
        self._writer.flush()

    def end(self, history: History) -> None:
        """Closes the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _writer() -> Any:
    for module in ("torch.utils.tensorboard", "tensorboardX"):
        try:
            return importlib.import_module(module).SummaryWriter
        except ImportError:
            continue
    raise ImportError(
        "TensorBoard: no writer is installed; allowed: pip install tensorboardX, or tensorboard beside torch"
    )
