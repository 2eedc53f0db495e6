"""`compare`: one network trained with many ways to set the learning rate, over several seeds."""

from __future__ import annotations

import csv
import json
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np

from .. import models, random
from ..config import config
from ..data import Dataset, Splits, load
from ..errors import ArgumentError, Diverged
from ..loop.history import COLUMNS, History
from ..nn import Module
from ..nn.functional import cross_entropy
from ..progress import Progress
from ..search.find import find_lr
from ..training.fit import fit
from ..training.methods import KINDS, METHODS, Method

DEFAULT_METHODS = ("sgd", "momentum", "adam", "l4mom", "l4adam", "tlr", "qlabgrad", "alrs")
MODELS: dict[str, Callable[[Dataset, int], Module]] = {
    "mlp": lambda train, classes: models.mlp(math.prod(train.x.shape[1:]), outputs=classes),
    "lenet": lambda train, classes: models.lenet(classes, _channels(train), train.x.shape[1]),
    "mnist_cnn": lambda train, classes: models.mnist_cnn(classes),
    "alrs_cnn": lambda train, classes: models.alrs_cnn(classes, _channels(train), train.x.shape[1]),
}


def _channels(train: Dataset) -> int:
    return train.x.shape[3] if train.x.ndim == 4 else 1


@dataclass
class Run:
    """One method with one seed. found: the rate found before training, None without a search."""

    method: str
    seed: int
    history: History
    seconds: float
    found: float | None = None
    searched: int = 0
    diverged: bool = False
    initial: float | None = None

    @property
    def train_loss(self) -> float:
        """Mean training loss of the last epoch."""
        return self.history.rows[-1]["train_loss"] if self.history.rows else math.nan

    @property
    def accuracy(self) -> float:
        """Test accuracy after the last epoch, 0 to 1."""
        return self.history.rows[-1]["accuracy"] if self.history.rows and not self.diverged else math.nan

    def rate_range(self) -> tuple[float, float]:
        """Between which rates the middle 90 % of the steps lay."""
        rates = self.history.rates[:, 0]
        rates = rates[np.isfinite(rates)]
        if not len(rates):
            return math.nan, math.nan
        return float(np.quantile(rates, 0.05)), float(np.quantile(rates, 0.95))


@dataclass
class Comparison:
    """All runs of a comparison. `write(folder)` makes the files, `table()` the text."""

    runs: list[Run]
    settings: dict[str, Any]
    command: str | None = None
    methods: dict[str, Method] = field(default_factory=lambda: METHODS)

    def names(self) -> list[str]:
        """The methods in the order they were run."""
        return list(dict.fromkeys(run.method for run in self.runs))

    def of(self, method: str) -> list[Run]:
        """The runs of one method, a seed each."""
        return [run for run in self.runs if run.method == method]

    def summary(self) -> list[dict[str, Any]]:
        """A dict per method: rate, low, high (the rate found or the range used), train_loss, accuracy,
        accuracy_std (both 0 to 1, over seeds), seconds, diverged (how many runs)."""
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

    def table(self) -> str:
        """The summary as aligned text."""
        rows = [("method", "learning rate", "train loss", "test accuracy %", "seconds")]
        rows += [
            (
                row["label"],
                rate_text(row),
                loss_text(row),
                accuracy_text(row),
                f"{row['seconds']:.1f}",
            )
            for row in self.summary()
        ]
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        lines = [
            "  ".join(
                cell.ljust(w) if i < 2 else cell.rjust(w)
                for i, (cell, w) in enumerate(zip(r, widths, strict=True))
            )
            for r in rows
        ]
        rule = "  ".join("-" * w for w in widths)
        return "\n".join([lines[0], rule, *lines[1:]])

    def write(self, folder: str | os.PathLike[str]) -> Path:
        """Writes results.csv (a line per run and epoch), results.json and report.html; returns the last."""
        from .comparison_report import render

        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        with (target / "results.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, ["method", "seed", *COLUMNS, "found_lr"])
            writer.writeheader()
            for run in self.runs:
                for row in run.history.rows:
                    writer.writerow({"method": run.method, "seed": run.seed, "found_lr": run.found, **row})
        (target / "results.json").write_text(json.dumps(_plain(self._facts()), indent=1))
        report = target / "report.html"
        report.write_text(render(self))
        return report

    def _facts(self) -> dict[str, Any]:
        runs = [
            {
                "method": run.method, "seed": run.seed, "found_lr": run.found, "search_batches": run.searched,
                "seconds": run.seconds, "diverged": run.diverged, "epochs": run.history.rows,
                "losses": [*map(float, run.history.losses)], "rates": [*map(float, run.history.rates[:, 0])],
            }
            for run in self.runs
        ]  # fmt: skip
        return {"settings": self.settings, "command": self.command, "summary": self.summary(), "runs": runs}


def _plain(value: Any) -> Any:
    """Numbers to six digits, and null for what JSON has no word for."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def rate_text(row: dict[str, Any]) -> str:
    """The rate of a method in a word: 0.1, 0.0021 - 0.4, or found 0.012."""
    low, high = row["low"], row["high"]
    if row["found"] is not None:
        return f"found {row['found']:.2g}" + (
            f" ({low:.2g} - {high:.2g})" if f"{low:.2g}" != f"{high:.2g}" else ""
        )
    if math.isnan(low):
        return "-"
    return f"{low:.2g}" if f"{low:.2g}" == f"{high:.2g}" else f"{low:.2g} - {high:.2g}"


def loss_text(row: dict[str, Any]) -> str:
    """The final training loss with four decimals, in powers of ten when it has gone astray."""
    loss = row["train_loss"]
    return "-" if loss is None else f"{loss:.4f}" if loss < 1000 else f"{loss:.1e}"


def accuracy_text(row: dict[str, Any]) -> str:
    """Mean +- standard deviation over seeds in percent; how many runs diverged, if any."""
    lost = f" ({row['diverged']} diverged)" if row["diverged"] else ""
    return (
        "-" + lost
        if row["accuracy"] is None
        else f"{100 * row['accuracy']:.2f} +- {100 * row['accuracy_std']:.2f}{lost}"
    )


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
) -> Comparison:
    """Trains `model` on `data` with each of `methods` and `seeds` different seeds from `seed` on.

    data: a name for `data.load` or its result; pixels are scaled to [0, 1]. model: mlp, lenet, mnist_cnn,
    alrs_cnn, or a function (train, classes) -> Module. methods: names from `methods.METHODS`. epochs 20,
    batch_size 64. A seed decides initial weights, order of batches and random numbers, alike for all
    methods. out: a folder for results.csv, results.json and report.html.
    A run that diverges is kept as such. Raises ArgumentError for unknown names.
    """
    check_methods(methods, model, seeds, epochs)
    splits = (load(data, root) if isinstance(data, str) else data).scaled()
    make = MODELS[model] if isinstance(model, str) else model
    runs: list[Run] = []
    with Progress(len(methods) * seeds, "compare", progress, "run") as bar:
        for name in methods:
            for number in range(seed, seed + seeds):
                runs.append(train_once(name, number, splits, make, epochs, batch_size))
                bar.note({"accuracy": runs[-1].accuracy})
                bar.advance(1)
    random.seed(seed)
    settings = described(splits, model, make, epochs, batch_size, seeds, seed)
    result = Comparison(runs, settings, command)
    if out is not None:
        result.write(out)
    return result


def check_methods(methods: Sequence[str], model: Any, seeds: int, epochs: int) -> None:
    """Raises ArgumentError for unknown names and for nothing to run."""
    unknown = [name for name in methods if name not in METHODS]
    if unknown or not methods:
        raise ArgumentError(f"methods: got {', '.join(unknown) or 'none'}; allowed: {', '.join(METHODS)}")
    if isinstance(model, str) and model not in MODELS:
        raise ArgumentError(f"model: got {model!r}; allowed: {', '.join(MODELS)}")
    if seeds < 1 or epochs < 1:
        raise ArgumentError(f"seeds, epochs: got {seeds}, {epochs}; allowed: at least 1")


def described(
    splits: Splits,
    model: Any,
    make: Callable[[Dataset, int], Module],
    epochs: int,
    batch_size: int,
    seeds: int,
    seed: int,
) -> dict[str, Any]:
    """What was done, for the files and the report."""
    return {
        "data": splits.name, "train_examples": len(splits.train), "test_examples": len(splits.test),
        "model": model if isinstance(model, str) else getattr(model, "__name__", "custom"),
        "parameters": make(splits.train, len(splits.classes)).num_parameters(),
        "epochs": epochs, "steps_per_epoch": -(-len(splits.train) // batch_size), "batch_size": batch_size,
        "seeds": seeds, "first_seed": seed,
        "config": config(), "date": time.strftime("%Y-%m-%d"),
    }  # fmt: skip


def train_once(
    name: str,
    seed: int,
    splits: Splits,
    make: Callable[[Dataset, int], Module],
    epochs: int,
    batch_size: int,
    initial: float | None = None,
) -> Run:
    """One run of a method; initial: the rate that it begins with, None for its own."""
    random.seed(seed)
    network = make(splits.train, len(splits.classes))
    method = METHODS[name]
    start = time.perf_counter()
    found = None
    chosen = method.make if initial is None or method.begun is None else method.begun(initial)
    if method.kind == "found":
        # a search takes some dozens of batches, which small data have in many epochs only
        passes = max(5, 200 * batch_size // len(splits.train))
        found = find_lr(
            network, cross_entropy, splits.train, chosen, batch_size,
            start=1.0 if initial is None else initial, max_epochs=passes, seed=seed, progress=False,
        )  # fmt: skip
    search_seconds = time.perf_counter() - start
    parameters = network.named_parameters()
    optimizer = chosen(parameters) if found is None else chosen(parameters, lr=found.lr)
    random.seed(seed)
    diverged = False
    try:
        history = fit(
            network,
            optimizer,
            splits.train,
            splits.test,
            epochs=epochs,
            batch_size=batch_size,
            seed=seed,
            progress=False,
        )
    except Diverged as error:
        history, diverged = error.history, True  # type: ignore[attr-defined]
    seconds = search_seconds + sum(row["seconds"] for row in history.rows)
    return Run(
        name,
        seed,
        history,
        seconds,
        found.lr if found else None,
        found.steps if found else 0,
        diverged,
        initial,
    )


__all__ = ["DEFAULT_METHODS", "KINDS", "METHODS", "MODELS", "Comparison", "Run", "compare"]
