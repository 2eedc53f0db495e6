"""`leaderboard`: methods with nothing tuned, on many workloads, beside tuned references."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ...checks import check_whole
from ...config import config
from ...errors import ArgumentError
from ...files.atomic import make_folder
from ..results import Results
from . import named, references, report
from .method import Method
from .result import RunResult
from .runs import run_all
from .scores import Reference, Score, lost, scores, steps_to
from .workload import Half, Workload

RUNS = "runs.jsonl"
DEFAULT_METHODS = (
    "auto", "adam_1e-3", "adam_1e-2_warm_cosine", "schedule_free_adamw", "prodigy", "find_lr_adam",
    "l4adam", "tlr", "dog", "qlabgrad", "momo",
)  # fmt: skip


@dataclass
class Leaderboard(Results[RunResult]):
    """All runs, and what they are worth. `table()`, `scores`, `write(folder)`.

    Attributes:
        runs: a `RunResult` per workload, method and seed.
        workloads: which were trained.
        references: the tuned references, by workload.
        about: of each method, in a line.
    """

    workloads: Sequence[Workload] = ()
    references: Mapping[str, Reference] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)

    digits = 6

    @cached_property
    def scores(self) -> list[Score]:
        """A `Score` per method and one of the references, what loses least first."""
        return scores(self.runs, self._judged())

    def _judged(self) -> dict[str, Reference]:
        return {w.name: self.references[w.name] for w in self.workloads if w.name in self.references}

    def summary(self) -> list[dict[str, Any]]:
        """A dict per score: "method", "lost", "near", "worst", "reached", "ratio" and others of `Score`."""
        return [{**asdict(score), "profile": score.profile.tolist()} for score in self.scores]

    def table(self) -> str:
        """The scores as aligned text, what loses least first; and what failed."""
        text = report.table(self.scores, dict(self.about), self.names()).text()
        without = [w.name for w in self.workloads if w.name not in self.references]
        if without:
            text += f"\n\nwithout a tuned reference, and not judged: {', '.join(without)}"
        for name in self.names():
            failed = [run for run in self.of(name) if run.status == "error"]
            if failed:
                where = ", ".join(dict.fromkeys(run.workload for run in failed))
                text += f"\n\n{name} failed on {where}; the first time: {failed[0].note}"
        return text

    def columns(self) -> Sequence[str]:
        """Those of a run."""
        return [
            "workload", "half", "kind", "method", "seed", "status", "start", "final", "lost",
            "steps_to_target", "budget", "searched", "seconds", "note",
        ]  # fmt: skip

    def rows(self) -> list[dict[str, Any]]:
        """A dict per run."""
        of = {workload.name: workload for workload in self.workloads}
        return [
            {
                "workload": run.workload, "half": of[run.workload].half, "kind": of[run.workload].kind,
                "method": run.method, "seed": run.seed, "status": run.status, "start": run.start,
                "final": run.final, **self._beside(run), "budget": run.steps, "searched": run.searched,
                "seconds": run.seconds, "note": run.note,
            }
            for run in self.runs
        ]  # fmt: skip

    def _beside(self, run: RunResult) -> dict[str, float | None]:
        reference = self.references.get(run.workload)
        if reference is None:
            return {"lost": None, "steps_to_target": None}
        return {"lost": lost(run, reference), "steps_to_target": steps_to(run.curve, reference.target)}

    def facts(self) -> dict[str, Any]:
        """The scores, and every run with its curve."""
        return {"summary": self.summary(), "runs": [json.loads(run.line()) for run in self.runs]}

    def page(self) -> str:
        """The report, what loses least first."""
        s = self.settings
        made = {
            "Seeds": ", ".join(map(str, s["seeds"]))
            + ", each deciding network and batches, alike for all methods",
            "Software": f"lrswift {s['config']['version']}",
            "Processor": s["config"].get("instruction_set", ""),
            "Date": s["date"],
        }  # fmt: skip
        return report.render(
            self.scores, self.workloads, self.runs, self._judged(), dict(self.about), made, self.command
        )


def leaderboard(
    methods: Sequence[str | Method | Callable[..., Any]] = DEFAULT_METHODS,
    workloads: Sequence[str | Workload] | None = None,
    half: Half | None = None,
    seeds: Sequence[int] = (1, 2, 3),
    *,
    out: str | os.PathLike[str] | None = None,
    root: str | os.PathLike[str] | None = None,
    tuned: str | os.PathLike[str] | None = None,
    fresh: bool = False,
    executor: Any = None,
    progress: bool = True,
    command: str | None = None,
) -> Leaderboard:
    """Runs methods on many small workloads, with nothing chosen for any of them, beside tuned references.

    Every method may ask for the same number of gradients on a workload, those of its own search included.
    Workloads are split for ever into a half to choose methods by and one to report on.

    Args:
        methods: names of the list, "module:name" of one's own, or `Method`s. What "module:name" names is a
            Method, a function (params, steps) that makes an optimizer, or a function of a `Run`.
        workloads: names of the list, "module:name", or `Workload`s. None: all of the list. Default None.
        half: "choosing" or "reporting": only those. None: both. Default None.
        seeds: of networks and order of batches, each at least 0. Default (1, 2, 3).
        out: a folder for runs.jsonl, to which each run is added as it ends, and results.csv, results.json and
            report.html. Runs that are in it are not run again. None: no files. Default None.
        root: the folder of data sets, as for `data.load`. Default None.
        tuned: a file of references, as `lrswift leaderboard --references` makes. None: those that come with
            the package. Default None.
        fresh: whether to run also what `out` has, for a method of one's own that has changed. Default False.
        executor: None, anything with `submit(function, argument)`, or a function that makes one: spreads the
            runs. Default None.
        progress: whether to show a bar. Default True.
        command: the command line that does this again, for the report. Default None.

    Returns:
        A `Leaderboard`: `table()`, `scores`, `write(folder)`.

    Raises:
        ArgumentError: a name is unknown or given twice, a seed is out of bounds, a method does not take a
            workload, or `out` has runs of other budgets.
        ArgumentTypeError: a method or a workload is none.
        BufferError: arrays of a workload of one's own lie on another device, like the two errors below.
        DTypeError: such arrays are of a dtype that is not allowed.
        ShapeError: they are of different lengths.
        FormatError: a file in `out`, of references or of a data set is damaged.
        ImportError: the package of a method is not installed.
        MissingFiles: a data set is not there; nothing has been run then.
        OSError: `out` cannot be made or written.
    """
    chosen = named.methods(methods)
    found = named.workloads(workloads, half)
    numbers = [check_whole(seed, "seeds", 0, 2**32 - 1) for seed in seeds]
    if not numbers or len(set(numbers)) < len(numbers):
        raise ArgumentError(f"seeds: got {list(seeds)!r}; allowed: one or more, each once")
    known = references.kept(None if tuned is None else Path(tuned))
    fitting = {
        w.name: known[w.name] for w in found
        if w.name in known and (known[w.name].steps, known[w.name].batch) == (w.steps, w.batch)
    }  # fmt: skip
    path = None if out is None else make_folder(out, "out") / RUNS
    place = None if root is None else os.fspath(root)
    given = [name if isinstance(name, str) else method for name, method in zip(methods, chosen, strict=True)]
    runs = run_all(found, given, numbers, path, place, executor, progress, fresh)
    settings = {
        "methods": [method.name for method in chosen],
        "workloads": [
            {"name": w.name, "half": w.half, "kind": w.kind, "steps": w.steps, "batch": w.batch}
            for w in found
        ],
        "seeds": numbers,
        "references": {name: reference.setting for name, reference in fitting.items()},
        "config": config(),
        "date": time.strftime("%Y-%m-%d"),
    }
    about = {method.name: method.about for method in chosen}
    result = Leaderboard(runs, settings, command, found, fitting, about)
    if out is not None:
        result.write(out)
    return result


__all__ = ["DEFAULT_METHODS", "Leaderboard", "leaderboard"]
