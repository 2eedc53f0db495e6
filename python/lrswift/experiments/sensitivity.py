"""`sensitivity`: how much the initial learning rate matters to each method."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from .. import random
from ..checks import check_number
from ..data import Dataset, Splits, load
from ..errors import ArgumentError
from ..nn import Module
from ..progress import Progress
from ..training.methods import METHODS
from .comparison import DEFAULT_METHODS, MODELS, Run, check_methods, described, train_once

INITIAL = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
_FIELDS = (
    "method", "initial", "seed", "train_loss", "valid_loss", "accuracy", "diverged", "found_lr", "lr_low",
    "lr_high", "seconds",
)  # fmt: skip


@dataclass
class Sensitivity:
    """All runs. `loss(method, initial)` is what the picture shows; `write(folder)`, `table()`."""

    runs: list[Run]
    initial: list[float]
    settings: dict[str, Any]
    command: str | None = None

    def names(self) -> list[str]:
        """The methods, in the order they were run."""
        return list(dict.fromkeys(run.method for run in self.runs))

    def of(self, method: str, initial: float | None) -> list[Run]:
        """The runs of a method from an initial rate, a seed each; None: for methods that have none."""
        return [run for run in self.runs if run.method == method and run.initial == initial]

    def has_initial(self, method: str) -> bool:
        return METHODS[method].begun is not None

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
        rates: Sequence[float | None] = self.initial if self.has_initial(method) else [None]
        return max(self.loss(method, rate) for rate in rates)

    def ranked(self) -> list[str]:
        """The methods, those that suffer least from a bad initial rate first."""
        return sorted(self.names(), key=self.worst)

    def table(self) -> str:
        """Final losses as aligned text, a column per initial rate."""
        header = ["method", *(f"{rate:g}" for rate in self.initial)]
        rows = []
        for name in self.ranked():
            rates = self.initial if self.has_initial(name) else [None] * len(self.initial)
            losses = [self.loss(name, rate) for rate in rates]
            cells = [f"{loss:.4f}" if math.isfinite(loss) else "failed" for loss in losses]
            if not self.has_initial(name):
                cells = [cells[0], *["="] * (len(cells) - 1)]
            rows.append([METHODS[name].label, *cells])
        widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

        def line(row: list[str]) -> str:
            return "  ".join(
                [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
            )

        title = "final training loss by initial rate (=: the method has none)"
        return "\n".join([title, line(header), "  ".join("-" * w for w in widths), *map(line, rows)])

    def rows(self) -> list[dict[str, Any]]:
        """A dict per run with what the files hold."""
        found = []
        for run in self.runs:
            last = run.history.rows[-1] if run.history.rows else {}
            low, high = run.rate_range()
            values = (
                run.method, run.initial, run.seed, run.train_loss, last.get("valid_loss"),
                last.get("accuracy"), self.failed(run), run.found, low, high, run.seconds,
            )  # fmt: skip
            found.append(dict(zip(_FIELDS, values, strict=True)))
        return found

    def write(self, folder: str | os.PathLike[str]) -> Path:
        """Writes results.csv and results.json (an entry per run) and report.html; returns the last."""
        from .sensitivity_report import render

        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        rows = self.rows()
        with (target / "results.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, _FIELDS)
            writer.writeheader()
            writer.writerows(rows)
        facts = {"settings": self.settings, "command": self.command, "initial": self.initial, "runs": rows}
        text = json.dumps(_without_nonfinite(facts), indent=1, allow_nan=False)
        (target / "results.json").write_text(text)
        report = target / "report.html"
        report.write_text(render(self))
        return report


def _without_nonfinite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nonfinite(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_without_nonfinite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def sensitivity(
    data: str | Splits = "digits",
    model: str | Callable[[Dataset, int], Module] = "mlp",
    methods: Sequence[str] = DEFAULT_METHODS,
    initial: Sequence[float] = INITIAL,
    seeds: int = 3,
    epochs: int = 20,
    batch_size: int = 64,
    seed: int = 0,
    root: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    progress: bool = True,
    command: str | None = None,
) -> Sensitivity:
    """Trains `model` on `data` with each of `methods` from each of the rates `initial`.

    initial: positive numbers: the rate of methods that keep one, the first rate (TLR), trial rate
    (QLABGrad) or the search's start (ALRS) of the others. Methods without one, as L4, run once per seed.
    The other arguments are those of `compare`.
    Raises ArgumentError for unknown names and rates that are not positive.
    """
    check_methods(methods, model, seeds, epochs)
    rates = sorted({check_number(rate, "initial") for rate in initial})
    if not rates or rates[0] <= 0:
        raise ArgumentError(f"initial: got {list(initial)!r}; allowed: numbers above 0, at least one")
    splits = (load(data, root) if isinstance(data, str) else data).scaled()
    make = MODELS[model] if isinstance(model, str) else model
    jobs = [
        (name, rate, number)
        for name in methods
        for rate in (rates if METHODS[name].begun is not None else [None])
        for number in range(seed, seed + seeds)
    ]
    runs: list[Run] = []
    with Progress(len(jobs), "sensitivity", progress, "run") as bar:
        for name, rate, number in jobs:
            runs.append(train_once(name, number, splits, make, epochs, batch_size, rate))
            bar.advance(1, loss=runs[-1].train_loss)
    random.seed(seed)
    settings = described(splits, model, make, epochs, batch_size, seeds, seed)
    result = Sensitivity(runs, rates, settings, command)
    if out is not None:
        result.write(out)
    return result
