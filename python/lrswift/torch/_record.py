"""The flight recorder of an adapted optimizer: rows as the native one keeps them."""

from __future__ import annotations

import functools
import math
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._core import Machine as CoreMachine
from .._core import Optimizer as CoreOptimizer
from ..checks import check_whole
from ..optim import decisions
from ..optim.searched import account
from ..rates.codes import Bound, Outcome


@functools.cache
def fields() -> tuple[str, ...]:
    """What a row holds, in the core's order."""
    names, _ = CoreOptimizer("sgd", {}, "constant", {"rate": 1.0}).history()
    return tuple(names.split(","))


class StepRecord:
    """The last `capacity` decisions; min_lr and max_lr: the adapter's."""

    def __init__(self, capacity: int, min_lr: float, max_lr: float) -> None:
        self.min_lr, self.max_lr = min_lr, max_lr
        self._rows: deque[list[float]] = deque(maxlen=capacity)

    def add(
        self,
        step: int,
        machine: int,
        numbers: Mapping[str, float],
        outcome: Outcome,
        rate: float | None = None,
        scale: float = 1.0,
        limit: float = math.nan,
    ) -> None:
        """A decision and its inputs, by the core's names."""
        bound = Bound.NONE
        if rate is not None:
            bound = (
                Bound.HIGHEST if rate >= self.max_lr else Bound.LOWEST if rate <= self.min_lr else Bound.NONE
            )
        row = {
            "probes": 0.0, **numbers, "step": step, "machine": machine, "rate": rate or 0.0, "bound": bound,
            "fallback": 0.0, "limit": limit, "scale": scale, "outcome": outcome,
        }  # fmt: skip
        self._rows.append([float(row.get(name, math.nan)) for name in fields()])

    def history(self) -> dict[str, np.ndarray]:
        """Field -> float64 [rows], oldest first."""
        table = np.array(self._rows).reshape(len(self._rows), len(fields()))
        return {name: table[:, i] for i, name in enumerate(fields())}


class Recording:
    """What an adapted optimizer tells of its decisions: the public half of its record."""

    rate: Any
    step_count: int
    _card: tuple[str, dict[str, float]]
    _searches: bool
    _machines: list[CoreMachine]
    _record: StepRecord | None = None

    def record(self, on: bool = True, capacity: int = 10_000) -> None:
        """Keeps the last decisions of the rate, with their inputs, for `history`, `explain` and `plot`.

        Args:
            on: False forgets them. Default True.
            capacity: how many are kept, at least 1. Default 10000.

        Raises:
            ArgumentError: `capacity` is no whole number of at least 1.
        """
        check_whole(capacity, "record: capacity", 1)
        low, high = getattr(self.rate, "min_lr", -math.inf), getattr(self.rate, "max_lr", math.inf)
        self._record = StepRecord(capacity, low, high) if on else None

    @property
    def history(self) -> dict[str, np.ndarray]:
        """Decisions since `record()`, as of the native optimizer: field -> float64 [rows], oldest first."""
        kept = StepRecord(1, 0.0, 0.0) if self._record is None else self._record
        return kept.history()

    def explain(self, step: int | None = None) -> str:
        """Says in words why the rate of a step is what it is, a line per rate.

        Args:
            step: counted from 0. `record()` must have been called before it. None: with lr="auto" what was
                found and planned for the whole run, or how far the search has come; else the last step on
                record. Default None.

        Returns:
            The text.

        Raises:
            ArgumentError: the record does not hold that step.
        """
        if step is None:
            if self._searches:
                return account(self._machines[0])
            steps = self.history["step"]
            step = int(steps[-1]) if len(steps) else 0
        return decisions.explain(self.history, step, self._card[0])

    def plot(self, ax: Any = None) -> Any:
        """A matplotlib Figure: loss and rate of the steps on record.

        Args:
            ax: two axes of matplotlib to draw into. None: a new Figure. Default None.

        Returns:
            The Figure, or what was given.

        Raises:
            ArgumentError: `ax` is given and not two axes, or nothing is on record.
            ImportError: matplotlib is not installed.
        """
        return decisions.drawn(self.history, ax)

    def _note(self, machine: int, numbers: Mapping[str, float], rate: float | None) -> None:
        """Records what a machine made of a step; rate None: the parameters stayed."""
        if self._record is None:
            return
        outcome = Outcome.STAYED if rate is None else Outcome.TAKEN
        scale = self._machines[0].get("rate_scale")
        self._record.add(self.step_count, machine, numbers, outcome, rate, scale)
