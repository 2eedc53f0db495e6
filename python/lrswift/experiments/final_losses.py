"""The final loss by method and initial rate, and which runs failed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import median

from ..training.methods import METHODS
from .results import Results
from .runs import Run


@dataclass
class FinalLosses(Results[Run]):
    """initial: the rates that the methods began with, ascending."""

    initial: list[float] = field(kw_only=True)

    def names(self) -> list[str]:
        """What was run from every rate, in this order; where Ctrl-C ended it, others have some only."""
        return [name for name in super().names() if all(self.of(name, rate) for rate in self.rates(name))]

    def of(self, name: str, *initial: float | None) -> list[Run]:
        """The runs of a method, a seed each; from `initial` if given, None for methods that have none."""
        return [run for run in super().of(name) if not initial or run.initial in initial]

    def has_initial(self, method: str) -> bool:
        """Whether there is a rate to begin with."""
        return METHODS[method].begun is not None

    def rates(self, method: str) -> list[float | None]:
        """What the method began with."""
        return [*self.initial] if self.has_initial(method) else [None]

    def untrained(self) -> float:
        """Loss before training: the median over runs."""
        return median(float(run.history.losses[0]) for run in self.runs if len(run.history.losses))

    def failed(self, run: Run) -> bool:
        """Whether a run diverged, or ended clearly above (1.05 times) the loss before training."""
        return run.diverged or not run.train_loss <= 1.05 * self.untrained()

    def loss(self, method: str, initial: float | None) -> float:
        """Mean training loss of the last epoch, median over the seeds; inf when most of them failed."""
        return median(math.inf if self.failed(run) else run.train_loss for run in self.of(method, initial))

    def worst(self, method: str) -> float:
        """The highest loss that any of the initial rates leads to."""
        return max(self.loss(method, rate) for rate in self.rates(method))

    def ranked(self) -> list[str]:
        """The methods, those that suffer least from a bad initial rate first."""
        return sorted(self.names(), key=self.worst)
