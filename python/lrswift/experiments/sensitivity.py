"""`sensitivity`: how much the initial learning rate matters to each method."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..checks import check_number
from ..data import Dataset, Splits
from ..errors import ArgumentError
from ..nn import Module
from ..progress import Progress
from ..training.methods import METHODS
from .final_losses import FinalLosses
from .results import FILE, written
from .runs import DEFAULT_METHODS, check_methods, facts_of, kept_runs, settings_of, train_all
from .sensitivity_report import render, table
from .setup import Setup

INITIAL = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
_FIELDS = (
    "method", "initial", "seed", "train_loss", "valid_loss", "accuracy", "diverged", "found_lr", "lr_low",
    "lr_high", "seconds",
)  # fmt: skip


@dataclass
class Sensitivity(FinalLosses):
    """All runs. `loss(method, initial)` is what the picture shows; `write(folder)`, `table()`."""

    def table(self, width: int | None = None) -> str:
        """Final losses as aligned text, a column per initial rate; `width`: as of a comparison."""
        text = table(self).text(width=width)
        return f"final training loss by initial rate (=: the method has none)\n{text}"

    def columns(self) -> Sequence[str]:
        """Those of a run."""
        return _FIELDS

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

    def facts(self) -> dict[str, Any]:
        """The initial rates, and an entry per run, with the loss and the rate of every step."""
        runs = [facts_of(run) | row for run, row in zip(self.runs, self.rows(), strict=True)]
        return {"initial": self.initial, "runs": runs}

    def page(self) -> str:
        """The report, the least sensitive method first."""
        return render(self)


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
    resume: bool = False,
) -> Sensitivity:
    """Trains `model` on `data` with each of `methods` from each of the rates `initial`.

    initial: positive numbers: the rate of methods that keep one, the first rate (TLR), trial rate
    (QLABGrad) or the search's start (ALRS) of the others. Methods without one, as L4, run once per seed.
    The other arguments are those of `compare`.
    Raises ArgumentError for unknown names and rates that are not positive.
    """
    check_methods(methods, seeds, epochs)
    rates = sorted({check_number(rate, "initial") for rate in initial})
    if not rates or rates[0] <= 0:
        raise ArgumentError(f"initial: got {list(initial)!r}; allowed: numbers above 0, at least one")
    setup = Setup.of(data, model, root)
    jobs = [
        (name, rate) for name in methods for rate in (rates if METHODS[name].begun is not None else [None])
    ]
    settings = settings_of(setup, seeds, epochs, batch_size, seed)
    kept = kept_runs(Path(out) / FILE, settings, ("initial",)) if out is not None and resume else []
    result = Sensitivity(kept, settings, command, initial=rates)
    with Progress(len(jobs) * seeds, "sensitivity", progress, "run") as bar, written(result, out):
        train_all(setup, jobs, seeds, epochs, batch_size, seed, bar, result.runs)
    return result
