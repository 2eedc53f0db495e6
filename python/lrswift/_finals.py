"""The last word on a learned schedule: candidates validated on networks that had no say in their choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

# (factor of the rates, and of both rates and 1 - momentum): cooler; the same effective rate over longer
# averages of the gradient; hotter over such averages
VARIANTS = ((0.7, 1.0), (1.0, 0.6), (1.4, 0.6))
# of the gated update
MAX_MOMENTUM = 0.97
# a round that finds nothing better is the last
ROUNDS = 2


@dataclass
class Finals:
    """Candidates in the order they were validated: the outer step each comes from, its values, and its
    losses, a column per network, which are the same networks for all."""

    steps: np.ndarray
    values: np.ndarray
    losses: np.ndarray

    @classmethod
    def empty(cls, values: int, networks: int) -> Finals:
        return cls(np.zeros(0, np.int64), np.zeros((0, values)), np.zeros((0, networks)))

    def add(self, steps: np.ndarray, values: np.ndarray, losses: np.ndarray) -> None:
        self.steps = np.concatenate([self.steps, steps])
        self.values = np.concatenate([self.values, values])
        self.losses = np.concatenate([self.losses, losses])

    def scores(self) -> np.ndarray:
        """Mean loss plus its standard error, inf where a run diverged: a schedule that ruins one network of
        six is not taken for the sake of the other five."""
        finite = np.isfinite(self.losses).all(1)
        losses = np.where(finite[:, None], self.losses, 0.0)
        error = losses.std(1, ddof=1) / np.sqrt(losses.shape[1])
        return np.where(finite, losses.mean(1) + error, np.inf)

    @property
    def best(self) -> int | None:
        """None where no candidate is known to end well."""
        scores = self.scores()
        return int(scores.argmin()) if np.isfinite(scores).any() else None


def variants(values: np.ndarray, counts: Sequence[int]) -> np.ndarray:
    """[variants, N] of values [N]; nothing is traded where no momentum is left to trade for."""
    rates, momenta = slice(0, counts[0]), slice(counts[0], counts[0] + counts[1])
    highest = values[momenta].max(initial=-np.inf)
    found = []
    for factor, trade in VARIANTS:
        if not counts[1] or 1 - (1 - highest) * trade > MAX_MOMENTUM:
            trade = 1.0
        if (factor, trade) == (1, 1):
            continue
        made = values.copy()
        made[rates] *= factor * trade
        made[momenta] = 1 - (1 - made[momenta]) * trade
        found.append(made)
    return np.stack(found)


def compare(
    finals: Finals,
    finalists: np.ndarray,
    values: np.ndarray,
    counts: Sequence[int],
    validate: Callable[[np.ndarray], np.ndarray],
) -> None:
    """Adds outer steps `finalists` with their values [F, N], then variants of the best so far.

    validate: losses [F, networks] of values [F, N].
    """
    finals.add(finalists, values, validate(values))
    for _ in range(ROUNDS):
        best = finals.best
        if best is None:
            return
        others = variants(finals.values[best], counts)
        finals.add(np.full(len(others), finals.steps[best]), others, validate(others))
        if finals.best == best:
            return
