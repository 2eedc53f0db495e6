"""The last word on a learned schedule: candidates validated on networks that had no say in their choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .._core import finalist_penalty, judge_finalists
from .inner_run import Outcome

# for each seed of an outer step: what ruins one network in ten shows among twenty
NETWORKS_A_SEED = 10


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
        """Before anything was validated once more."""
        return cls(np.zeros(0, np.int64), np.zeros((0, networks)), np.zeros((0, networks)))

    @classmethod
    def of(cls, steps: np.ndarray, outcomes: Sequence[Outcome]) -> Finals:
        """outcomes: those of the first step's networks, then those of the next one's."""
        losses = np.array([o.valid_loss for o in outcomes]).reshape(len(steps), -1)
        penalties = [
            finalist_penalty({"train_losses": o.train_losses.tolist(), "valid_loss": o.valid_loss})
            for o in outcomes
        ]
        return cls(steps, losses, np.array(penalties).reshape(losses.shape))

    def scores(self) -> np.ndarray:
        """float64 [outer steps]: mean loss plus its standard error, inf where a run diverged."""
        return self._judged()[0]

    @property
    def best(self) -> int | None:
        """The outer step; None where none is known to end well."""
        chosen = self._judged()[1]
        return None if chosen is None else int(self.steps[chosen])

    def _judged(self) -> tuple[np.ndarray, int | None]:
        rows = {"losses": self.losses.ravel().tolist(), "penalties": self.penalties.ravel().tolist()}
        scores, best = judge_finalists({**rows, "networks": self.losses.shape[1]})
        return np.array(scores), best
