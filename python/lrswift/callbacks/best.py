"""Keeps the best weights on disk."""

from __future__ import annotations

import os

from .. import store
from ..loop.history import History
from .base import Callback, Watched


class BestCheckpoint(Callback):
    """Writes the model's weights whenever an epoch is the best so far; `lr.load` reads them.

    The file is replaced atomically. To go on with a run, `fit(checkpoint=..., resume=True)` is what keeps
    all of its state.

    Args:
        path: a safetensors file, in a folder that exists.
        metric: a name of the history's rows. Default "valid_loss".
        higher: whether more is better; None: for names that end in "accuracy", "f1" or "auc". Default None.

    Raises:
        ArgumentError: a value is out of bounds, or, in `fit`, the rows have no such number.
        FileNotFoundError: the folder does not exist.
        OSError: nothing can be written there.
    """

    def __init__(
        self, path: str | os.PathLike[str], metric: str = "valid_loss", higher: bool | None = None
    ) -> None:
        self._watched = Watched("BestCheckpoint", metric, higher)
        store.check_writable(path, "BestCheckpoint: path")
        self.path = path

    def __call__(self, history: History) -> None:
        """Writes the file if this epoch is the best."""
        if self._watched.progress(history.rows)[0] == len(history.rows) - 1:
            store.save(self.path, history.model)
