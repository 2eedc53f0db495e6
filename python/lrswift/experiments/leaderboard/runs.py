"""All runs of a leaderboard: resumed from a file, spread over an executor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import random
from ...errors import ArgumentError
from ...learning.workers import Workers
from ...progress import Progress
from . import named
from .method import Method
from .result import RunResult, append, newest, read
from .run import trained
from .workload import Root, Workload, prepared
from .workloads import WORKLOADS


@dataclass(frozen=True)
class Job:
    """One run, as another process is told of it: by names, or by what can be pickled."""

    workload: str | Workload
    method: str | Method
    seed: int
    root: Root = None

    def run(self) -> RunResult:
        """Trains."""
        work, method = named.workload(self.workload), named.method(self.method)
        return trained(prepared(work, self.root), method.name, method.train, self.seed)


def run_all(
    workloads: Sequence[Workload],
    methods: Sequence[str | Method],
    seeds: Sequence[int],
    path: Path | None = None,
    root: Root = None,
    executor: Any = None,
    progress: bool = False,
    fresh: bool = False,
) -> list[RunResult]:
    """Every method on every workload from every seed.

    Args:
        workloads: which.
        methods: which; those that are not in the list by themselves or as "module:name".
        seeds: of networks and order of batches.
        path: a file of lines to which each result is added; what it holds is not run again. None: no file.
        root: the folder of data sets, as for `data.load`.
        executor: None (here), or as for `learn_schedule`; methods and workloads that are not known by name
            are then pickled.
        progress: shows a bar.
        fresh: runs also what the file holds; the newest result of a run counts.

    Returns:
        The results of these runs, those of the file included.

    Raises:
        ArgumentError: the file has runs of another budget, or a method does not take a workload.
        FormatError: the file is damaged, or that of a data set.
        ImportError: a method's package is not installed.
        MissingFiles: a data set is not there. All are looked for before the first run.
    """
    state = random.get_state()
    try:
        return _run_all(workloads, methods, seeds, path, root, Workers(executor), progress, fresh)
    finally:
        random.set_state(state)


def _run_all(
    workloads: Sequence[Workload],
    methods: Sequence[str | Method],
    seeds: Sequence[int],
    path: Path | None,
    root: Root,
    workers: Workers,
    progress: bool,
    fresh: bool,
) -> list[RunResult]:
    kept = {} if path is None else {result.key: result for result in read(path)}
    for work in workloads:
        for each in methods:
            named.method(each).check(work)
    wanted = [(w, m, named.method(m).name, s) for w in workloads for m in methods for s in seeds]
    for work, _, _, _ in wanted:
        _check_budget(kept, work, path)
    left = [(w, m, s) for w, m, name, s in wanted if fresh or (w.name, name, s) not in kept]
    for work in dict.fromkeys(w for w, _, _ in left):
        prepared(work, root)
    jobs = [Job(w.name if WORKLOADS.get(w.name) is w else w, m, s, root) for w, m, s in left]
    found: list[RunResult] = []

    with Progress(len(wanted), "leaderboard", progress, "run") as bar:
        bar.advance(len(wanted) - len(jobs))

        def done(result: RunResult) -> None:
            found.append(result)
            if path is not None:
                append(path, result)
            bar.advance(1, loss=math.nan if result.final is None else result.final)

        workers.map(Job.run, jobs, done)
    keys = [(w.name, name, s) for w, _, name, s in wanted]
    results = {result.key: result for result in newest([*kept.values(), *found])}
    return [results[key] for key in keys]


def _check_budget(kept: dict[tuple[str, str, int], RunResult], work: Workload, path: Path | None) -> None:
    for result in kept.values():
        told = (result.steps, result.batch)
        if result.workload == work.name and told != (work.steps, work.batch):
            raise ArgumentError(
                f"out: {path} has runs of {work.name} of {told[0]} steps of {told[1]} rows, now "
                f"{work.steps} of {work.batch}; allowed: another folder"
            )
