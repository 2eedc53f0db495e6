"""A callback, and which epoch of a history is the best."""

from __future__ import annotations

import math
from typing import Any

from ..checks import check_number, shown
from ..errors import ArgumentError
from ..loop.history import History


class Callback:
    """What `fit` calls after each epoch, and once more at its end. Both do nothing by themselves."""

    def __call__(self, history: History) -> bool | None:
        """After an epoch, when its row is written.

        Args:
            history: of the run so far; `history.rows[-1]` is the epoch's row, `history.optimizer` and
                `history.model` what is trained.

        Returns:
            A true value to end the training.
        """
        return None

    def end(self, history: History) -> None:
        """After the last epoch, also where a callback has ended the training; not after an error.

        Args:
            history: of the whole run.
        """


class Watched:
    """A number of the rows, and which way is better.

    metric: its name; higher: whether more is better; least: by how much better counts as better.
    """

    def __init__(self, owner: str, metric: str, higher: bool | None, least: float = 0.0) -> None:
        if not isinstance(metric, str):
            raise ArgumentError(
                f"{owner}: metric: got {shown(metric)}; allowed: a name of the history's rows"
            )
        if higher not in (None, True, False):
            raise ArgumentError(f"{owner}: higher: got {shown(higher)}; allowed: True, False, None")
        self.owner, self.metric = owner, metric
        # losses are better where they are lower, and so are errors
        self.higher = metric.endswith(("accuracy", "f1", "auc")) if higher is None else bool(higher)
        self.least = check_number(least, f"{owner}: min_delta")
        if self.least < 0:
            raise ArgumentError(f"{owner}: min_delta: got {shown(least)}; allowed: a number of at least 0")

    def value(self, row: dict[str, Any]) -> float:
        """The number of a row; ArgumentError where it has none."""
        found = row.get(self.metric)
        if found is None:
            known = ", ".join(key for key, value in row.items() if value is not None)
            why = "; fit(valid=...) measures on validation data" if self.metric in row else ""
            raise ArgumentError(f"{self.owner}: metric: {self.metric!r} is not known{why}; allowed: {known}")
        return float(found)

    def better(self, value: float, than: float) -> bool:
        """Whether a value is an improvement; one that is no number never is."""
        if math.isnan(value):
            return False
        return math.isnan(than) or (value > than + self.least if self.higher else value < than - self.least)

    def progress(self, rows: list[dict[str, Any]], patience: int = 1) -> tuple[int, int | None]:
        """The place of the last row that was an improvement, and that at which patience was over first.

        -1 where no value is a number; None where it is not over.
        """
        place, best, over = -1, math.nan, None
        for i, row in enumerate(rows):
            value = self.value(row)
            if self.better(value, best):
                place, best = i, value
            if over is None and i - max(place, 0) >= patience:
                over = i
        return place, over
