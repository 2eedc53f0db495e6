"""`compare_hpo`: Optuna's searches for a schedule beside hypergradients, at equal cost."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from ... import random
from ...checks import check_number, check_whole
from ...data import Dataset, Splits
from ...errors import ArgumentError
from ...files.atomic import make_folder
from ...hypergradients.options import HypergradientOptions
from ...learning.inner_run import seeded
from ...learning.options import LearningOptions
from ...learning.settings import arrays_of, check, need_optuna
from ...loop.digests import digest
from ...nn import Module
from ...progress import Progress
from ...records import takes
from ...store import FACTS_ERRORS, altered
from ..results import FILE
from ..setup import Setup
from .options import HpoFields, HpoOptions
from .regret import Searched
from .results import HpoComparison, read_runs
from .searches import SEARCHES, check_searches
from .training import Arrays, Costs, Meter, Problem, measured_costs, untrained_loss, whole_loss

DEFAULT_SEARCHES = ("random", "tpe", "hyperband", "hypergradients", "hybrid")
# what may differ between a folder of results and the call that goes on with it
_FREE = ("seeds", "searches", "costs", "untrained", "config", "date")


@takes(
    "data model searches steps budget seeds batch_size seed * loss learning_rates momentums weight_decays "
    "ranges networks fresh valid clip_gradient costs root out resume progress command",
    options=HpoOptions,
)
def compare_hpo(
    data: str | Splits = "digits",
    model: str | Callable[[Dataset, int], Module] = "mlp",
    searches: Sequence[str] = DEFAULT_SEARCHES,
    steps: int = 100,
    budget: float = 200.0,
    seeds: int = 3,
    batch_size: int = 64,
    seed: int = 0,
    *,
    root: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool = True,
    command: str | None = None,
    options: HpoOptions = HpoOptions(),
    **_: Unpack[HpoFields],
) -> HpoComparison:
    """Searches for a schedule with Optuna and with hypergradients, all for the same cost.

    A schedule is the learning rates, momenta and weight decays of training runs of `steps` steps. A search
    stops when nothing more fits in its budget. Searches without derivatives train `networks` networks for a
    setting, those with them 2. A run that diverges costs the steps that it made.

    Every setting that was the best validated one at its time is then trained anew on `fresh` networks, the
    same for all searches, and tested on the test data, which costs the search nothing: the lowest of many
    noisy losses is often luck. Regret is the distance to the lowest such test loss.

    Args:
        data: as for `compare`; a Splits is taken with its pixels divided by its `top`.
        model: as for `compare`.
        searches: "random", "tpe", "hyperband", "bohb" (TPE with Hyperband's pruner), through Optuna with its
            defaults; "hd" (hypergradient descent from random settings, whose mean rates are the schedule);
            "hypergradients" (`learn_schedule` from zeros, gated) and "hybrid" (its start="optuna",
            half of the cost for starting points).
        steps: length of a training run.
        budget: what a search may cost, in plain training runs of `steps` steps. A validation, and a step that
            is differentiated by all values, count as many plain steps as they take on this machine, by
            processor time, measured once (`settings["costs"]`).
        seeds: how often each search is run.
        batch_size: examples per step.
        seed: the first seed; the others follow it.
        root: the folder of data sets, as for `data.load`.
        out: a folder for results.csv, results.json and report.html, written after every search, so that
            Ctrl-C keeps what is done; KeyboardInterrupt has it as `comparison`, too.
        resume: goes on with the searches that are not in `out` yet.
        progress: shows a bar with the time left.
        command: the command line that does this again, for the report.
        options: an `HpoOptions`, whose fields may be given one by one instead. None: its defaults.

    Returns:
        All searches, with `summary()`, `table()` and `write(folder)`.

    Raises:
        ArgumentError: names, counts, a budget in which a search cannot do anything, and results of other
            settings in `out`.
        ArgumentTypeError: arguments of a wrong type.
        BufferError: labels that lie on another device than the CPU.
        DTypeError: inputs or labels of a dtype that the loss does not take.
        FormatError: what `out` holds is damaged or altered.
        ImportError: Optuna is not installed.
        MissingFiles: files of a data set are not where they were looked for.
        OSError: `out` cannot be made or written; nothing has been searched then.
        ShapeError: inputs that the network does not take.
    """
    names = check_searches(searches)
    check_whole(seeds, "seeds", 1)
    if out is not None:
        make_folder(out, "out")
    runs_allowed = check_number(budget, "budget")
    declared = None if options.costs is None else Costs(*options.costs)
    settings = check(
        steps, batch_size, (options.learning_rates, options.momentums, options.weight_decays),
        HypergradientOptions(mode="forward", clip_gradient=options.clip_gradient), LearningOptions(seed=seed),
    )  # fmt: skip
    need_optuna("compare_hpo")
    setup = Setup.of(data, model, root)
    test = (setup.splits.test.x, setup.splits.test.y)
    train, held = arrays_of(setup.splits.train, options.valid, settings)
    problem = Problem(
        lambda _: setup.network(), options.loss, train, held, settings, options.networks, options.ranges
    )
    facts = _described(setup, problem) | {
        "budget": runs_allowed, "seeds": seeds, "fresh": options.fresh, "searches": names,
        "declared": None if declared is None else asdict(declared),
    }  # fmt: skip
    kept, counted = _kept(Path(out) / FILE, facts) if out is not None and resume else ([], None)
    counted = counted or declared or measured_costs(problem, seed)
    problem = replace(problem, costs=counted)
    _check_budget(names, problem, runs_allowed)
    jobs = [(name, number) for number in range(seed, seed + seeds) for name in names]
    # far from the numbers that searches use
    tests = [random.derived(seed, 2**31, i) for i in range(options.fresh)]
    zeros = problem.parted([0.0] * sum(settings.counts))
    facts["untrained"] = float(np.mean([untrained_loss(problem.job(zeros, s, test)) for s in tests]))
    result = HpoComparison(kept, facts | {"costs": asdict(counted)}, command)
    done = {(run.search, run.seed) for run in kept}
    with Progress(len(jobs) * int(runs_allowed * steps), "compare_hpo", progress) as bar:
        for name, number in jobs:
            if (name, number) in done:
                bar.advance(int(runs_allowed * steps))
                continue
            try:
                result.runs.append(_search(name, number, problem, runs_allowed * steps, bar, test, tests))
                if out is not None:
                    result.write(out)
            except KeyboardInterrupt as stop:
                stop.comparison = result  # type: ignore[attr-defined]
                raise
    if out is not None:
        result.write(out)
    return result


def _search(
    name: str,
    seed: int,
    problem: Problem,
    budget: float,
    bar: Progress,
    test: Arrays,
    tests: Sequence[int],
) -> Searched:
    """One search, and the tests of what it would have returned; tests: seeds of networks."""
    meter = Meter(problem, bar)
    SEARCHES[name].run(problem, budget, seed, meter)
    bar.advance(max(0, int(budget) - int(meter.cost)))
    searched = Searched(name, seed, meter.tried, {})
    for i in searched.improvements():
        values = problem.parted(meter.tried[i].values)
        jobs = [problem.job(values, s, test) for s in tests]
        searched.tested[i] = [whole_loss(job) for job in jobs]
    return searched


def _check_budget(names: Sequence[str], problem: Problem, budget: float) -> None:
    for name in names:
        least = SEARCHES[name].least(problem) / problem.settings.steps
        if not least <= budget < math.inf:
            raise ArgumentError(
                f"budget: got {budget:g} runs; allowed: at least {least:.3g}, which {name} needs to do "
                "anything at all"
            )


def _described(setup: Setup, problem: Problem) -> dict[str, Any]:
    """What the files and the report say of how it was made."""
    s = problem.settings
    tested = [np.asarray(setup.splits.test.x), np.asarray(setup.splits.test.y)]
    train, valid, test = len(problem.train[0]), len(problem.valid[0]), len(setup.splits.test)
    return setup.settings(
        seeded(problem.make_model, s.learning.seed).num_parameters(),
        {"train": train, "valid": valid, "test": test},
        steps=s.steps, batch_size=s.batch_size, counts=list(s.counts), first_seed=s.learning.seed,
        ranges=[list(pair) for pair in problem.ranges], networks=problem.networks,
        clip_gradient=s.options.clip_gradient,
        digests={"train": digest(problem.train), "valid": digest(problem.valid), "test": digest(tested)},
    )  # fmt: skip


def _kept(path: Path, facts: dict[str, Any]) -> tuple[list[Searched], Costs | None]:
    """What an earlier call with the same settings has found."""
    if not path.exists():
        return [], None
    before, runs = read_runs(path)
    try:
        costs = Costs(**{name: float(value) for name, value in before["costs"].items()})
    except FACTS_ERRORS as error:
        raise altered(f"resume: {path}", error) from None
    for name, value in json.loads(json.dumps(facts)).items():
        # older files say nothing of the data
        told = name in before or name != "digests"
        if name not in _FREE and told and before.get(name) != value:
            raise ArgumentError(
                f"resume: {path} was made with {name}={before.get(name)!r}, got {value!r}; "
                "allowed: the same settings, or another folder"
            )
    return runs, costs


__all__ = ["DEFAULT_SEARCHES", "compare_hpo"]
