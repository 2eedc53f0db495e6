"""The last word on a learned schedule: candidates validated on networks that had no say in their choice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# for each seed of an outer step: what ruins one network in five shows among ten
NETWORKS_A_SEED = 5


@dataclass
class Finals:
    """The outer steps that were validated once more, and their losses, a column per network, which are the
    same networks for all."""

    steps: np.ndarray
    losses: np.ndarray

    @classmethod
    def empty(cls, networks: int) -> Finals:
        return cls(np.zeros(0, np.int64), np.zeros((0, networks)))

    def scores(self) -> np.ndarray:
        """Mean loss plus its standard error, inf where a run diverged: a schedule that ruins one network of
        many is not taken for the sake of the others."""
        finite = np.isfinite(self.losses).all(1)
        losses = np.where(finite[:, None], self.losses, 0.0)
        error = losses.std(1, ddof=1) / np.sqrt(losses.shape[1])
        return np.where(finite, losses.mean(1) + error, np.inf)

    @property
    def best(self) -> int | None:
        """The outer step; None where none is known to end well."""
        scores = self.scores()
        return int(self.steps[scores.argmin()]) if np.isfinite(scores).any() else None
