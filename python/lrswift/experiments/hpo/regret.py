"""What each search tried, and what its best settings are worth on fresh networks: regret and summary."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

import numpy as np

from ..results import Results
from .searches import SEARCHES
from .training import TriedSetting

# a regret of nothing has no place on a logarithmic axis
LEAST = 1e-2


@dataclass(frozen=True)
class Searched:
    """One search with one seed. tested: index into `tried` -> test losses of fresh networks.

    Tested is every setting that was, when it was found, the best validated one so far.
    """

    search: str
    seed: int
    tried: list[TriedSetting]
    tested: dict[int, list[float]]

    @property
    def name(self) -> str:
        """The search's."""
        return self.search

    @property
    def best(self) -> float:
        """The lowest validation loss of a whole run, inf without one."""
        return min((t.loss for t in self.tried if t.whole), default=math.inf)

    def test_losses(self) -> list[float]:
        """Of the setting that the search would return."""
        return self.tested[max(self.tested)] if self.tested else [math.inf]

    def cost(self) -> float:
        """Of the whole search, in plain training steps."""
        return self.tried[-1].cost if self.tried else 0.0

    def improvements(self) -> list[int]:
        """Indices of what was the best validated setting so far when it was found."""
        found: list[int] = []
        best = math.inf
        for i, tried in enumerate(self.tried):
            if tried.whole and tried.loss < best:
                found, best = [*found, i], tried.loss
        return found

    def curve(self, axis: str, validation: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """(x, loss) of the setting that the search would return if it were stopped at x.

        axis: "cost", "seconds" or "processor". The loss is that on test data, or the validation loss that
        the search has seen. It holds until the next x.
        """
        indices = self.improvements()
        x = np.array([getattr(self.tried[i], axis) for i in indices])
        if validation:
            return x, np.array([self.tried[i].loss for i in indices])
        return x, np.array([fmean(self.tested[i]) for i in indices])


@dataclass
class Regret(Results[Searched]):
    """How far searches are from the lowest test loss that any of them has found."""

    labels: dict[str, str] = field(default_factory=lambda: {k: s.label for k, s in SEARCHES.items()})

    def floor(self) -> float:
        """The lowest mean test loss of any setting tested: where the regret is zero."""
        losses = [fmean(found) for run in self.runs for found in run.tested.values()]
        return min(losses, default=math.nan)

    def regret_untrained(self) -> float:
        """Of networks that were not trained."""
        return float(self.settings["untrained"]) - self.floor()

    def ends(self, axis: str) -> float:
        """Where all searches are over: the budget, or the time of the longest one."""
        if axis == "cost":
            return float(self.settings["budget"] * self.settings["steps"])
        return max((getattr(run.tried[-1], axis) for run in self.runs if run.tried), default=1.0)

    def stairs(self, runs: Sequence[Searched], axis: str) -> tuple[np.ndarray, np.ndarray]:
        """(x, regret), the corners of the median over `runs`; inf while half of them have nothing yet."""
        curves = [run.curve(axis) for run in runs]
        at = np.unique(np.concatenate([*(x for x, _ in curves), [self.ends(axis)]]))
        held = [np.append(loss, np.inf)[np.searchsorted(x, at, side="right") - 1] for x, loss in curves]
        middle = np.median(held, axis=0) - self.floor()
        return np.repeat(at, 2)[1:], np.repeat(middle, 2)[:-1]

    def shown(self, runs: Sequence[Searched], axis: str) -> tuple[np.ndarray, np.ndarray]:
        """`stairs` on a logarithmic axis: at least LEAST, and nan where no training is as good."""
        x, regret = self.stairs(runs, axis)
        return x, np.where(regret < self.regret_untrained(), np.maximum(regret, LEAST), np.nan)

    def top(self) -> float:
        """Where a picture of regret ends: at no training, unless nothing was better than that."""
        untrained = self.regret_untrained()
        return untrained if untrained > LEAST else 10 * LEAST

    def summary(self) -> list[dict[str, Any]]:
        """A dict per search.

        search, label; tried, pruned, diverged (settings), cost (in whole plain runs), seconds and processor:
        means over seeds; valid_loss (the best that was seen), test_loss and its regret: medians over seeds,
        inf where no run came to its end; test_loss_low and test_loss_high.
        """
        return [self._summarized(name) for name in self.names()]

    def _summarized(self, name: str) -> dict[str, Any]:
        runs = self.of(name)
        tests = [fmean(run.test_losses()) for run in runs]
        last = [run.tried[-1] for run in runs if run.tried]
        tried = [t for run in runs for t in run.tried]
        test = median(tests)
        return {
            "search": name,
            "label": self.labels.get(name, name),
            "tried": len(tried) / len(runs),
            "pruned": sum(not t.whole and math.isfinite(t.loss) for t in tried) / len(runs),
            "diverged": sum(not math.isfinite(t.loss) for t in tried) / len(runs),
            "valid_loss": median(run.best for run in runs),
            "test_loss": test,
            "test_loss_low": min(tests),
            "test_loss_high": max(tests),
            "regret": test - self.floor() if math.isfinite(test) else math.inf,
            "cost": fmean(t.cost for t in last) / self.settings["steps"] if last else 0.0,
            "seconds": fmean(t.seconds for t in last) if last else 0.0,
            "processor": fmean(t.processor for t in last) if last else 0.0,
        }
