"""What runs are worth beside tuned references: pure functions of results.

A reference of a workload is the best of many settings of SGD with momentum and Adam (`references`). Its gain
is how far it brings the validation loss down from the start. Of a run, `lost` is the share of that gain that
it does not reach at the end of the budget; its steps to the target are the gradients until the loss is down
by 95 % of the gain, between two validations in a straight line.

The profile is that of AlgoPerf (Dahl et al., arXiv 2306.07179): for each tau the share of workloads on which
a method reaches the target within tau times the steps of the fastest one; its score the mean height from tau
1 to 4.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

import numpy as np

from .result import RunResult

# of the reference's gain: what is near it, and the target
NEAR, TARGET = 0.05, 0.95
TAUS = np.linspace(1.0, 4.0, 301)
# the reference among the methods
TUNED = "tuned reference"


@dataclass(frozen=True)
class Reference:
    """The tuned reference of a workload.

    Attributes:
        workload: its name.
        steps, batch: its budget, as a result says it.
        setting: the optimizer, its schedule and rate, in words.
        start: the validation loss before the first step, the mean over seeds.
        final: that at the end, the mean over seeds.
        spread: the standard deviation over seeds of what is lost to the mean, as a share of the gain.
        curves: of each seed (gradients, validation loss).
    """

    workload: str
    steps: int
    batch: int
    setting: str
    start: float
    final: float
    spread: float
    curves: tuple[tuple[tuple[int, float], ...], ...]

    @property
    def target(self) -> float:
        """The validation loss at 95 % of the gain."""
        return self.start - TARGET * (self.start - self.final)

    @property
    def to_target(self) -> float:
        """Its own steps to the target, the geometric mean over seeds; inf where one misses it."""
        return _geometric(steps_to(curve, self.target) for curve in self.curves)


def lost(result: RunResult, reference: Reference) -> float:
    """The share of the reference's gain that a run does not reach: 1 for none, below 0 if it gains more.

    1, too, for a run that diverged or failed.
    """
    if result.final is None or not math.isfinite(result.final):
        return 1.0
    gain = reference.start - reference.final
    return min(1.0, (result.final - reference.final) / gain)


def steps_to(curve: Iterable[Sequence[float | None]], target: float) -> float:
    """Gradients until the loss of a curve is at or below `target`, at least 1; inf if it never is."""
    before: tuple[float, float] | None = None
    for at, loss, *_ in curve:
        value = math.inf if loss is None else loss
        steps = 0.0 if at is None else float(at)
        if value <= target:
            if before is None or not math.isfinite(before[1]):
                return max(1.0, steps)
            share = (before[1] - target) / (before[1] - value)
            return max(1.0, before[0] + share * (steps - before[0]))
        before = (steps, value)
    return math.inf


@dataclass(frozen=True)
class Score:
    """What a method is worth on some workloads.

    Attributes:
        method: its name.
        lost: share of the reference's gain that it does not reach, the mean over workloads.
        near: on how many workloads it loses less than 5 %.
        worst: the largest loss on a workload, and on which one.
        reached: on how many workloads all seeds reach the target.
        ratio: steps to the target over the reference's, the median over workloads; inf where the target is
            missed on half of them.
        diverged: how many runs did, or failed.
        height: of the performance profile, the mean over tau from 1 to 4.
        workloads: how many it was run on.
        losses: by workload, the mean over seeds.
        ratios: by workload.
        profile: share of workloads at each of `TAUS`.
    """

    method: str
    lost: float
    near: int
    worst: float
    worst_workload: str
    reached: int
    ratio: float
    diverged: int
    height: float
    workloads: int
    losses: Mapping[str, float]
    ratios: Mapping[str, float]
    profile: np.ndarray


def scores(results: Sequence[RunResult], references: Mapping[str, Reference]) -> list[Score]:
    """A score per method on the workloads that all of them were run on, the reference's among them.

    Args:
        results: of any methods, workloads and seeds. Runs on workloads without a reference are left out.
        references: by workload.

    Returns:
        The scores, what loses least first. Empty where no workload is common to all methods.
    """
    by: dict[tuple[str, str], list[RunResult]] = {}
    for result in results:
        by.setdefault((result.method, result.workload), []).append(result)
    methods = list(dict.fromkeys(method for method, _ in by))
    common = [name for name in references if methods and all((m, name) in by for m in methods)]
    if not common:
        return []
    taken = {
        method: {
            name: _geometric(steps_to(r.curve, references[name].target) for r in by[method, name])
            for name in common
        }
        for method in methods
    }
    tuned = {name: references[name].to_target for name in common}
    fastest = {name: min(tuned[name], *(steps[name] for steps in taken.values())) for name in common}
    found = [
        _score(
            method,
            {name: fmean(lost(r, references[name]) for r in by[method, name]) for name in common},
            taken[method], tuned, fastest,
            sum(r.final is None for name in common for r in by[method, name]),
        )
        for method in methods
    ]  # fmt: skip
    found.append(_score(TUNED, dict.fromkeys(common, 0.0), tuned, tuned, fastest, 0))
    return sorted(found, key=lambda score: score.lost)


def _score(
    method: str,
    losses: dict[str, float],
    taken: dict[str, float],
    tuned: dict[str, float],
    fastest: dict[str, float],
    diverged: int,
) -> Score:
    worst = max(losses, key=lambda name: losses[name])
    ratios = {name: _over(taken[name], tuned[name]) for name in losses}
    times = np.array([_over(taken[name], fastest[name]) for name in losses])
    heights = (times[:, None] <= TAUS + 1e-12).mean(0)
    return Score(
        method, fmean(losses.values()), sum(loss < NEAR for loss in losses.values()), losses[worst], worst,
        sum(math.isfinite(steps) for steps in taken.values()), median(ratios.values()), diverged,
        float(np.trapezoid(heights, TAUS) / (TAUS[-1] - TAUS[0])), len(losses), losses, ratios, heights,
    )  # fmt: skip


def _over(steps: float, others: float) -> float:
    """Infinite where the target is missed, also where the other one missed it, too."""
    return steps / others if math.isfinite(steps) and math.isfinite(others) else math.inf


def _geometric(values: Iterable[float]) -> float:
    found = list(values)
    return math.exp(fmean(map(math.log, found))) if all(map(math.isfinite, found)) else math.inf
