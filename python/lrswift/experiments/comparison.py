"""`compare`: one network trained with many ways to set the learning rate, over several seeds."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from ..data import Dataset, Splits
from ..loop.history import COLUMNS
from ..nn import Module
from ..progress import Progress
from ..training.methods import KINDS, METHODS, Method
from .comparison_report import render, table
from .results import FILE, Results, written
from .runs import DEFAULT_METHODS, Run, check_methods, facts_of, kept_runs, settings_of, train_all
from .setup import MODELS, Setup


@dataclass
class Comparison(Results[Run]):
    """All runs of a comparison. `write(folder)` makes the files, `table()` the text."""

    methods: dict[str, Method] = field(default_factory=lambda: METHODS)

    # the curves of all steps are in results.json
    digits = 6

    def summary(self) -> list[dict[str, Any]]:
        """A dict per method.

        found, low, high: the rate found, or the range used. train_loss, accuracy and accuracy_std (0 to 1):
        over seeds. seconds. diverged: how many runs.
        """
        return [self._summarized(name) for name in self.names()]

    def _summarized(self, name: str) -> dict[str, Any]:
        runs = self.of(name)
        accuracies = [run.accuracy for run in runs if not math.isnan(run.accuracy)]
        losses = [run.train_loss for run in runs if not math.isnan(run.train_loss)]
        ranges = [rate for run in runs for rate in run.rate_range() if math.isfinite(rate)]
        found = [run.found for run in runs if run.found is not None]
        return {
            "method": name,
            "label": self.methods[name].label,
            "kind": self.methods[name].kind,
            "found": fmean(found) if found else None,
            "low": min(found) if found else min(ranges, default=math.nan),
            "high": max(found) if found else max(ranges, default=math.nan),
            "train_loss": fmean(losses) if losses else None,
            "accuracy": fmean(accuracies) if accuracies else None,
            "accuracy_std": stdev(accuracies) if len(accuracies) > 1 else 0.0,
            "seconds": fmean(run.seconds for run in runs),
            "diverged": sum(run.diverged for run in runs),
        }

    def table(self, width: int | None = None) -> str:
        """The summary as aligned text; labels are broken where it would be wider than `width`."""
        return table(self, self.summary(), self.methods).text(width=width)

    def columns(self) -> Sequence[str]:
        """Those of an epoch, with its run."""
        return ["method", "seed", *COLUMNS, "found_lr"]

    def rows(self) -> list[dict[str, Any]]:
        """A dict per run and epoch."""
        return [
            {"method": run.method, "seed": run.seed, "found_lr": run.found, **row}
            for run in self.runs
            for row in run.history.rows
        ]

    def facts(self) -> dict[str, Any]:
        """The summary, and the loss and rate of every step of every run."""
        return {"summary": self.summary(), "runs": [facts_of(run) for run in self.runs]}

    def page(self) -> str:
        """The report, the most accurate method first."""
        return render(self, self.summary(), self.methods)


def compare(
    data: str | Splits = "digits",
    model: str | Callable[[Dataset, int], Module] = "mlp",
    methods: Sequence[str] = DEFAULT_METHODS,
    seeds: int = 3,
    epochs: int = 20,
    batch_size: int = 64,
    seed: int = 0,
    root: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    progress: bool = True,
    command: str | None = None,
    resume: bool = False,
) -> Comparison:
    """Trains one network with several methods and seeds, and compares what they reach.

    A seed decides initial weights, order of batches and random numbers, alike for all methods. A run that
    diverges is kept as such.

    Args:
        data: a name for `data.load`, or its result; pixels are scaled to [0, 1].
        model: a classifier of `lr.models` by name: mlp, mlp-1000, mlp-300-100, lenet, mnist_cnn, alrs_cnn,
            mnist_cnn-average, fashion_convnet, resnet18 to resnet56, wrn-16-1, wrn-16-4, wrn-22-8 and
            densenet121; or a function (train, classes) -> Module.
        methods: names of `training.methods.METHODS`, or composed ones: any rate, direction or rate+direction,
            with arguments, as "l4+adam:alpha=0.2".
        seeds: how many runs each method has.
        epochs: passes over the training data in a run.
        batch_size: examples per step.
        seed: the first seed; the others follow it.
        root: the folder of data sets, as for `data.load`.
        out: a folder for results.csv, results.json and report.html; None: no files. Ctrl-C writes what is
            done; KeyboardInterrupt has it as `comparison`, too.
        progress: shows a bar.
        command: the command line that does this again, for the report.
        resume: keeps the runs of `out`, and trains the others.

    Returns:
        All runs, with `summary()`, `table()` and `write(folder)`.

    Raises:
        ArgumentError: unknown names, nothing to run, or results of other settings in `out`.
        ArgumentTypeError: data that are neither a name nor a Splits.
        BufferError: labels that lie on another device than the CPU.
        DTypeError: inputs or labels of a dtype that the loss does not take.
        FileNotFoundError: files of a data set are missing, as `MissingFiles`.
        FormatError: they, or the results in `out`, are not what they should be.
        OSError: they cannot be read.
        ShapeError: inputs that the network does not take.
    """
    check_methods(methods, seeds, epochs)
    setup = Setup.of(data, model, root)
    settings = settings_of(setup, seeds, epochs, batch_size, seed)
    kept = kept_runs(Path(out) / FILE, settings, ("summary",)) if out is not None and resume else []
    result = Comparison(kept, settings, command)
    with Progress(len(methods) * seeds, "compare", progress, "run") as bar, written(result, out):
        jobs = [(name, None) for name in methods]
        train_all(setup, jobs, seeds, epochs, batch_size, seed, bar, result.runs)
    return result


__all__ = ["DEFAULT_METHODS", "KINDS", "METHODS", "MODELS", "Comparison", "Run", "compare"]
