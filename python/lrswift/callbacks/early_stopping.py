"""Ends a run that no longer gets better."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..checks import check_whole, shown
from ..errors import ArgumentError, ArgumentTypeError, warn
from ..loop.history import History
from ..optim.searched import is_searched
from .base import Callback, Watched


class EarlyStopping(Callback):
    """Ends `fit` after `patience` epochs without an improvement, and puts the best weights back.

        lr.fit(model, train=train, valid=valid, epochs=100, callbacks=[lr.callbacks.EarlyStopping()])

    What it decides follows from the rows of the history alone, so a run that is resumed ends where it would
    have ended. Weights of before are then not known, and a warning says so where they would be the best.
    Epochs in which lr="auto" searches do not count, as their steps are undone.

    Args:
        metric: a name of the history's rows. Default "valid_loss".
        patience: epochs without an improvement that are put up with, at least 1. Default 5.
        min_delta: by how much better counts as an improvement, at least 0. Default 0.0.
        higher: whether more is better; None: for names that end in "accuracy", "f1" or "auc". Default None.
        restore_best: whether the model gets the weights and buffers of its best epoch back at the end, also
            of a run that was not ended early; the optimizer's state is that of the last step. Default True.
        finish: epochs that a rate of lr="auto" takes to fall to 0 when patience is over, before the run ends;
            0: it ends at once. Other rates take no notice. Default 0.

    Attributes:
        best_epoch: the best epoch so far, counted from 1; None before any.
        stopped_epoch: the epoch after which the run was ended; None where it was not.

    Raises:
        ArgumentError: a value is out of bounds, or, in `fit`, the rows have no such number.
        ArgumentTypeError: in `fit`, the model has no `state_dict` to restore.
    """

    def __init__(
        self,
        metric: str = "valid_loss",
        patience: int = 5,
        min_delta: float = 0.0,
        higher: bool | None = None,
        restore_best: bool = True,
        finish: int = 0,
    ) -> None:
        self.patience = check_whole(patience, "EarlyStopping: patience", 1)
        self.finish = check_whole(finish, "EarlyStopping: finish", 0)
        if not isinstance(restore_best, bool):
            raise ArgumentError(
                f"EarlyStopping: restore_best: got {shown(restore_best)}; allowed: True, False"
            )
        self.restore_best = restore_best
        self._watched = Watched("EarlyStopping", metric, higher, min_delta)
        self._begin()

    def _begin(self) -> None:
        self.best_epoch: int | None = None
        self.stopped_epoch: int | None = None
        self._weights: dict[str, np.ndarray] | None = None
        self._rows = 0

    def __call__(self, history: History) -> bool:
        """True when patience is over."""
        if len(history.rows) <= self._rows:
            # another run
            self._begin()
        self._rows = len(history.rows)
        # steps of a search are undone, and say nothing of the run
        searched = _searched(history.optimizer)
        rows = [row for row in history.rows if row["step"] > searched]
        if not rows:
            return False
        best, over = self._watched.progress(rows, self.patience)
        self.best_epoch = rows[best]["epoch"] if best >= 0 else None
        if self.restore_best and best == len(rows) - 1:
            with history.optimizer._point(evaluating=True):
                self._weights = _copied(history.model)
        if over is None:
            return False
        if over + self.finish > len(rows) - 1:
            if over == len(rows) - 1 and is_searched(history.optimizer.rate):
                steps = rows[-1]["step"] - rows[-2]["step"]
                history.optimizer.finish(self.finish * steps)
            return False
        self.stopped_epoch = rows[-1]["epoch"]
        return True

    def end(self, history: History) -> None:
        """Puts the best weights back."""
        if not self.restore_best or self.best_epoch is None:
            return
        if self._weights is None:
            return warn(
                f"EarlyStopping: the best epoch, {self.best_epoch}, was before the run was resumed, so its "
                "weights are not known; the model has the last ones"
            )
        with history.optimizer._point(evaluating=True):
            history.model.load_state_dict(self._weights)
        return None


def _searched(optimizer: Any) -> float:
    """The steps of a search, infinite while it goes on; 0 where there is none."""
    if not is_searched(optimizer.rate):
        return 0.0
    core = optimizer._core
    return math.inf if math.isnan(core.get("found")) else float(core.get("searched"))


def _copied(model: Any) -> dict[str, np.ndarray]:
    if not hasattr(model, "state_dict") or not hasattr(model, "load_state_dict"):
        raise ArgumentTypeError(
            f"EarlyStopping: restore_best: the model, a {type(model).__name__}, has no state_dict; allowed: "
            "restore_best=False, or an nn.Module"
        )
    return {name: np.array(value) for name, value in model.state_dict().items()}
