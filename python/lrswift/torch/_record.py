"""The flight recorder of an adapted optimizer: rows as the native one keeps them."""

from __future__ import annotations

import functools
import math
from collections import deque
from collections.abc import Mapping

import numpy as np

from .._core import Optimizer as CoreOptimizer
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
