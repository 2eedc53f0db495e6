"""The searches: what each does with a budget, counted in plain training steps."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import random
from ...errors import ArgumentError
from ...learning.learn import learn_schedule
from .descent import descend
from .training import Meter, MeteredExecutor, Problem, Spent, Training

# Hyperband's resource: a run is validated after 1, 3, 9 and all 27 of its 27ths
REDUCTION, RUNGS = 3, 3
# the gated update asks where seeds agree
REPLICAS = 2

Spend = Callable[[Problem, float, int, Meter], None]


@dataclass(frozen=True)
class Search:
    """How a search is called, in one line what it does, and `run(problem, budget, seed, meter)`.

    least(problem): the smallest budget that it can do anything with.
    """

    label: str
    how: str
    run: Spend
    least: Callable[[Problem], float]


def _plain(problem: Problem) -> float:
    """A run to its end."""
    return problem.settings.steps + problem.costs.validation


def _outer(problem: Problem) -> float:
    """An outer step of `learn_schedule`."""
    steps = problem.settings.steps * problem.costs.differentiated
    return REPLICAS * (steps + problem.costs.validation)


def _through_optuna(sampler: Callable[[Any, int], Any], pruned: bool = False) -> Spend:
    """Asks Optuna for settings until another whole run does not fit in the budget."""

    def run(problem: Problem, budget: float, seed: int, meter: Meter) -> None:
        import optuna

        from ...learning.hybrid import distributions, quiet

        steps, last = problem.settings.steps, REDUCTION**RUNGS
        stops = [REDUCTION**k for k in range(RUNGS + 1)] if pruned else [last]
        pruner = optuna.pruners.HyperbandPruner(1, last, REDUCTION) if pruned else optuna.pruners.NopPruner()
        within = distributions(problem.settings.counts, problem.ranges)
        with quiet():
            # Hyperband's brackets follow from the name
            study = optuna.create_study(study_name="lrswift", sampler=sampler(optuna, seed), pruner=pruner)
            whole = problem.networks * (steps + len(stops) * problem.costs.validation)
            while meter.cost + whole <= budget:
                trial = study.ask(dict(within))
                values = problem.parted([trial.params[name] for name in within])
                seeds = [random.derived(seed, trial.number, i) for i in range(problem.networks)]
                trainings = [Training(problem.job(values, s)) for s in seeds]
                for stop in stops:
                    loss = _advanced(trainings, -(-steps * stop // last), meter)
                    trial.report(loss, stop)
                    # asked in any case: Optuna's pruner keeps in mind what it was asked about
                    stopped = trial.should_prune() or not math.isfinite(loss)
                    if stopped and stop < last:
                        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                        meter.note(values, loss, whole=False)
                        break
                else:
                    study.tell(trial, loss)
                    meter.note(values, loss)

    return run


def _advanced(trainings: list[Training], step: int, meter: Meter) -> float:
    """Mean validation loss at `step`, inf as soon as a network diverges."""
    losses = []
    for training in trainings:
        before = training.step
        fine = training.advance(step)
        meter.spend(training.step - before, fine)
        if not fine:
            return math.inf
        losses.append(training.validate())
    return float(np.mean(losses))


def _hypergradients(problem: Problem, budget: float, seed: int, meter: Meter) -> None:
    """The gated outer loop from zeros, until another outer step does not fit."""
    # none costs less than a plain run
    _learn(problem, budget, seed, meter, int(budget / REPLICAS / problem.settings.steps), None)


def _hybrid(problem: Problem, budget: float, seed: int, meter: Meter) -> None:
    """Half of the budget for starting points; more for refinement, since those that diverge are cheap."""
    trials = max(1, int(budget / 2 / (REPLICAS * _plain(problem))))
    _learn(problem, budget, seed, meter, int(budget / _outer(problem)), trials)


def _learn(
    problem: Problem, budget: float, seed: int, meter: Meter, outer_steps: int, trials: int | None
) -> None:
    s = problem.settings
    with warnings.catch_warnings(), contextlib.suppress(Spent):
        # that runs diverge and hypergradients are noise at the edges of wide ranges is what they are for
        warnings.filterwarnings("ignore", message="learn_schedule: ")
        learn_schedule(
            problem.make_model, problem.loss, problem.train, problem.valid, s.steps, s.batch_size, *s.counts,
            outer_steps=outer_steps, seeds=REPLICAS, seed=seed, options=s.options,
            executor=MeteredExecutor(meter, REPLICAS, budget), finalists=1, ranges=problem.ranges,
            start=None if trials is None else "optuna", trials=trials or 1, progress=False,
        )  # fmt: skip


def _one(problem: Problem) -> float:
    return problem.networks * (problem.settings.steps + (RUNGS + 1) * problem.costs.validation)


def _random(optuna: Any, seed: int) -> Any:
    return optuna.samplers.RandomSampler(seed)


def _tpe(optuna: Any, seed: int) -> Any:
    return optuna.samplers.TPESampler(seed=seed)


SEARCHES: dict[str, Search] = {
    "random": Search("random search", "uniform, through Optuna", _through_optuna(_random), _one),
    "tpe": Search("TPE", "Optuna's tree of Parzen estimators", _through_optuna(_tpe), _one),
    "hyperband": Search(
        "Hyperband", "random, runs stopped early by Optuna's pruner", _through_optuna(_random, True), _one
    ),
    "bohb": Search("TPE + Hyperband", "TPE, runs stopped early", _through_optuna(_tpe, True), _one),
    "hd": Search("hypergradient descent", "at random settings, the rate descends", descend, _plain),
    "hypergradients": Search(
        "hypergradients", "learn_schedule, gated, from zeros", _hypergradients, _outer
    ),
    "hybrid": Search(
        "hybrid", 'learn_schedule(start="optuna"), half of the budget for starts', _hybrid,
        lambda problem: _outer(problem) + REPLICAS * _plain(problem),
    ),
}  # fmt: skip


def check_searches(names: Any) -> list[str]:
    """The names; ArgumentError for unknown ones and none."""
    given = [names] if isinstance(names, str) else list(names)
    unknown = [str(name) for name in given if name not in SEARCHES]
    if unknown or not given:
        raise ArgumentError(f"searches: got {', '.join(unknown) or 'none'}; allowed: {', '.join(SEARCHES)}")
    return list(dict.fromkeys(given))
