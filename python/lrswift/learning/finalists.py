"""The last word on a learned schedule: candidates validated on networks that had no say in their choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .inner_run import Outcome

# for each seed of an outer step: what ruins one network in ten shows among twenty
NETWORKS_A_SEED = 10
# how far back to its untrained loss a network is counted that lost all it had won, and came back by luck
SETBACK = 0.2


@dataclass
class Finals:
    """The outer steps that were validated once more; a column per network, the same networks for all.

    losses: validation losses; penalties: what is added to them where the training loss peaked.
    """

    steps: np.ndarray
    losses: np.ndarray
    penalties: np.ndarray

    @classmethod
    def empty(cls, networks: int) -> Finals:
        return cls(np.zeros(0, np.int64), np.zeros((0, networks)), np.zeros((0, networks)))

    @classmethod
    def of(cls, steps: np.ndarray, outcomes: Sequence[Outcome]) -> Finals:
        """outcomes: those of the first step's networks, then those of the next one's."""
        losses = np.array([o.valid_loss for o in outcomes]).reshape(len(steps), -1)
        return cls(steps, losses, np.array([penalty(o) for o in outcomes]).reshape(losses.shape))

    def scores(self) -> np.ndarray:
        """Mean loss plus its standard error, inf where a run diverged: a schedule that ruins one network of
        many is not taken for the sake of the others."""
        finite = np.isfinite(self.losses).all(1)
        losses = np.where(finite[:, None], self.losses + self.penalties, 0.0)
        error = losses.std(1, ddof=1) / np.sqrt(losses.shape[1])
        return np.where(finite, losses.mean(1) + error, np.inf)

    @property
    def best(self) -> int | None:
        """The outer step; None where none is known to end well."""
        scores = self.scores()
        return int(self.steps[scores.argmin()]) if np.isfinite(scores).any() else None


def penalty(outcome: Outcome) -> float:
    """Of a network whose training loss peaked: what it would lose, were it not for luck."""
    losses = outcome.train_losses
    if not np.isfinite(outcome.valid_loss) or not peaked(losses):
        return 0.0
    return SETBACK * max(0.0, float(losses[0]) - outcome.valid_loss)


def peaked(losses: np.ndarray) -> bool:
    """Whether training losses, after half of their decline, rose again by all of it."""
    if not len(losses):
        return False
    low = np.minimum.accumulate(losses)
    decline = losses[0] - low[-1]
    late = losses[0] - low >= decline / 2
    return bool(decline > 0 and (losses - low > decline)[late].any())
