"""Tuned references: the best setting of momentum SGD and Adam on each workload, made once and kept.

Each of {momentum SGD, Adam} x {constant, cosine, 5 % warm-up and cosine} is tried on half-decades of rates
from 1e-4 to 1 on seed 0, and beyond an end while the best rate lies there. The best rate of each of the three
best pairs is run on the seeds 1, 2 and 3; the pair with the least mean loss is the reference. Where runs are
dear, each pair is tried on five rates about the one that is best for the pair before, and two pairs go on.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Iterable
from importlib import resources
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

from ... import optim, store
from ...errors import FormatError
from ...optim import Optimizer
from ...progress import Progress
from ...schedule import Schedule
from ...store import FACTS_ERRORS, altered
from .methods import cosine, warm_cosine
from .result import RunResult
from .run import Run, trained
from .scores import Reference
from .workload import Prepared, Root, Workload, prepared

FILE = "references.json"
SEEDS = (1, 2, 3)
# half-decades: rate 10**(k / 2)
_LOWEST, _HIGHEST = -8, 0
_BEYOND = 8

_DIRECTIONS: dict[str, Callable[..., Optimizer]] = {
    "adam": optim.Adam, "momentum": functools.partial(optim.SGD, momentum=0.9),
}  # fmt: skip
_SHAPES: dict[str, Callable[[float, int], float | Schedule]] = {
    "constant": lambda rate, steps: rate, "cosine": cosine, "warm cosine": warm_cosine,
}  # fmt: skip
Pair = tuple[str, str]


class Tuning:
    """The search for the reference of one workload."""

    def __init__(self, data: Prepared, told: Callable[[RunResult], object] = lambda result: None) -> None:
        self.data = data
        self.told = told
        self.tried: dict[Pair, dict[int, float]] = {}

    def reference(self) -> tuple[Reference, dict[str, Any]]:
        """The reference, and what was tried: for each pair the loss at each rate, and finalists' losses."""
        start = (_LOWEST + _HIGHEST) // 2
        for direction in _DIRECTIONS:
            centre = start if direction == "adam" else start + 2
            for shape in _SHAPES:
                self._line((direction, shape), centre)
                centre = self._best((direction, shape))
        ranked = sorted(self.tried, key=lambda pair: self.tried[pair][self._best(pair)])
        finalists = {}
        for pair in ranked[: 2 if self.data.workload.dear else 3]:
            finalists[pair] = [self._run(pair, self._best(pair), seed) for seed in SEEDS]
        best = min(finalists, key=lambda pair: _mean(finalists[pair]))
        tried = {
            "rates": {
                " ".join(pair): {f"{_rate(k):.3g}": loss for k, loss in sorted(losses.items())}
                for pair, losses in self.tried.items()
            },
            "finalists": {
                f"{' '.join(pair)} {_rate(self._best(pair)):.3g}": [r.final for r in runs]
                for pair, runs in finalists.items()
            },
        }
        return self._of(best, finalists[best]), tried

    def _line(self, pair: Pair, centre: int) -> None:
        dear = self.data.workload.dear
        losses = self.tried.setdefault(pair, {})
        for k in range(centre - 2, centre + 3) if dear else range(_LOWEST, _HIGHEST + 1):
            losses[k] = self._loss(pair, k)
        for _ in range(_BEYOND):
            k = self._best(pair)
            beyond = k - 1 if k == min(losses) else k + 1 if k == max(losses) else None
            if beyond is None:
                return
            losses[beyond] = self._loss(pair, beyond)

    def _best(self, pair: Pair) -> int:
        losses = self.tried[pair]
        return min(losses, key=lambda k: losses[k])

    def _loss(self, pair: Pair, k: int) -> float:
        final = self._run(pair, k, 0, impatient=True).final
        return math.inf if final is None else final

    def _run(self, pair: Pair, k: int, seed: int, impatient: bool = False) -> RunResult:
        direction, shape = pair

        def train(run: Run) -> None:
            rate = _SHAPES[shape](_rate(k), run.left)
            run.go(_DIRECTIONS[direction](run.model.parameters(), lr=rate))

        result = trained(self.data, " ".join(pair), train, seed, impatient)
        if result.status == "error":
            raise RuntimeError(f"{result.workload}: {' '.join(pair)} {_rate(k):.3g}: {result.note}")
        self.told(result)
        return result

    def _of(self, pair: Pair, runs: list[RunResult]) -> Reference:
        work = self.data.workload
        start, final = fmean(run.start for run in runs), _mean(runs)
        spread = pstdev((run.final or math.nan) / (start - final) for run in runs)
        curves = tuple(tuple((at, float(f"{loss:.5g}")) for at, loss, _ in run.curve) for run in runs)
        setting = f"{' '.join(pair)} {_rate(self._best(pair)):.3g}"
        return Reference(work.name, work.steps, work.batch, setting, start, final, spread, curves)


def _rate(k: int) -> float:
    return float(10 ** (k / 2))


def _mean(runs: list[RunResult]) -> float:
    return fmean(math.inf if run.final is None else run.final for run in runs)


# ---- the file --------------------------------------------------------------------------------------------
def made(workload: Workload, root: Root = None, told: Callable[[RunResult], object] = lambda r: None) -> Any:
    """The entry of a workload in the file: its reference, and what was tried.

    Raises:
        FormatError: a file of its data is damaged.
        MissingFiles: its data are not there.
    """
    reference, tried = Tuning(prepared(workload, root), told).reference()
    return {**{k: v for k, v in vars(reference).items() if k != "workload"}, **tried}


def make(
    workloads: Iterable[Workload], path: Path, root: Root = None, progress: bool = True
) -> dict[str, Reference]:
    """Tunes the references that `path` does not have yet for these budgets, and writes each into it.

    Raises:
        FormatError: the file, or one of a data set, is damaged.
        MissingFiles: data are not there.
        OSError: the file cannot be written.
    """
    store.check_writable(path, "references")
    entries = _entries(path.read_text(encoding="utf-8"), str(path)) if path.exists() else {}
    names = list(workloads)
    with Progress(len(names), "references", progress, "workload") as bar:
        for work in names:
            known = entries.get(work.name)
            if known is None or (known["steps"], known["batch"]) != (work.steps, work.batch):
                entries[work.name] = made(work, root)
                write(path, entries)
            bar.advance(1)
    return _references(entries, str(path))


def write(path: Path, entries: dict[str, Any]) -> None:
    """Writes the entries, a line each, so that a new one is one line of a difference."""
    lines = (f"{json.dumps(name)}: {json.dumps(store.plain(entries[name], 6))}" for name in entries)
    store.write_text(path, "{\n" + ",\n".join(lines) + "\n}\n")


def kept(path: Path | None = None) -> dict[str, Reference]:
    """The references of a file (None: those of the package), by workload.

    Raises:
        FormatError: the file is none of references.
        OSError: it cannot be read.
    """
    place = resources.files(__package__).joinpath(FILE) if path is None else path
    text = place.read_text(encoding="utf-8")
    return _references(_entries(text, str(place)), str(place))


def _entries(text: str, where: str) -> dict[str, Any]:
    return store.facts_of(where, text)


def _references(entries: dict[str, Any], where: str) -> dict[str, Reference]:
    try:
        return {name: _reference(name, entry) for name, entry in entries.items()}
    except FormatError:
        raise
    except FACTS_ERRORS as error:
        raise altered(where, f"an entry that is no reference ({error})") from None


def _reference(name: str, entry: dict[str, Any]) -> Reference:
    numbers = {key: float(entry[key]) for key in ("start", "final", "spread")}
    curves = tuple(tuple((int(at), float(loss)) for at, loss in curve) for curve in entry["curves"])
    return Reference(
        name, int(entry["steps"]), int(entry["batch"]), str(entry["setting"]), curves=curves, **numbers
    )
