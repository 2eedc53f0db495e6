"""Runs of methods: one network trained with one method from one seed, and all of an experiment."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import random, store
from ..errors import ArgumentError, Diverged, FormatError
from ..loop.history import History
from ..nn.functional import cross_entropy
from ..progress import Progress
from ..search.find import find_lr
from ..training.fit import fit, held_out
from ..training.methods import METHODS
from .setup import Setup

DEFAULT_METHODS = ("auto", "sgd", "momentum", "adam", "l4mom", "l4adam", "tlr", "qlabgrad", "alrs")


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
    def name(self) -> str:
        """The method's."""
        return self.method

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


def check_methods(methods: Sequence[str], seeds: int, epochs: int) -> None:
    """Raises ArgumentError for unknown names and for nothing to run."""
    if not methods:
        raise ArgumentError(f"methods: got none; allowed: {', '.join(METHODS)}, rate+direction, ...")
    for name in methods:
        METHODS[name]
    if seeds < 1 or epochs < 1:
        raise ArgumentError(f"seeds, epochs: got {seeds}, {epochs}; allowed: at least 1")


def train_all(
    setup: Setup,
    jobs: Sequence[tuple[str, float | None]],
    seeds: int,
    epochs: int,
    batch_size: int,
    first_seed: int,
    bar: Progress,
    runs: list[Run],
) -> None:
    """Adds to `runs` those of the jobs that it lacks: each a method and its initial rate (None: its own).

    Only whole runs are added, also where Ctrl-C ends it.
    """
    known = {(run.method, run.initial, run.seed) for run in runs}
    for name, initial in jobs:
        for seed in range(first_seed, first_seed + seeds):
            if (name, initial, seed) in known:
                bar.advance(1)
                continue
            runs.append(train_once(name, seed, setup, epochs, batch_size, initial))
            bar.advance(1, loss=runs[-1].train_loss, accuracy=runs[-1].accuracy)


def settings_of(setup: Setup, seeds: int, epochs: int, batch_size: int, first_seed: int) -> dict[str, Any]:
    """How the runs are made, for records and reports."""
    random.seed(first_seed)
    splits = setup.splits
    return setup.settings(
        setup.network().num_parameters(),
        {"train": len(splits.train), "test": len(splits.test)},
        epochs=epochs,
        steps_per_epoch=-(-len(splits.train) // batch_size),
        batch_size=batch_size,
        seeds=seeds,
        first_seed=first_seed,
    )


# of the settings: what may differ between a record and its continuation
_LOOSE = ("seeds", "first_seed", "config", "date")


def facts_of(run: Run) -> dict[str, Any]:
    """A run for results.json, with the loss and the rate of every step."""
    return {
        "method": run.method, "seed": run.seed, "found_lr": run.found, "search_batches": run.searched,
        "seconds": run.seconds, "diverged": run.diverged, "initial": run.initial,
        "epochs": run.history.rows,
        "losses": [*map(float, run.history.losses)], "rates": [*map(float, run.history.rates[:, 0])],
    }  # fmt: skip


def kept_runs(path: Path, settings: dict[str, Any], entries: Sequence[str]) -> list[Run]:
    """The runs of a results.json that was made with the same settings; none where there is no file.

    entries: what such a file has beside its runs. Raises ArgumentError for other settings, FormatError for a
    file that is damaged, altered, or another.
    """
    if not path.exists():
        return []
    where = f"resume: {path}"
    facts = store.read_checked_json(path, where, (*entries, "settings", "command", "runs"))
    try:
        before, runs = facts["settings"], [_run(run) for run in facts["runs"]]
        told = {name: before.get(name) for name in settings}
    except store.FACTS_ERRORS as error:
        raise FormatError(
            f"{where}: no results of compare; allowed: those, as they were written ({error})"
        ) from None
    for name, value in json.loads(json.dumps(store.plain(settings))).items():
        if name not in _LOOSE and told[name] != value:
            raise ArgumentError(
                f"{where} was made with {name}={told[name]!r}, got {value!r}; allowed: the same settings, or "
                "another folder"
            )
    return runs


def _run(facts: dict[str, Any]) -> Run:
    history = History()
    # JSON has no nan
    history.rows = [
        {
            **row,
            **{
                key: math.nan
                for key in ("train_loss", "valid_loss", "lr", "lr_low", "lr_high")
                if row[key] is None
            },
        }
        for row in facts["epochs"]
    ]
    rates = np.array(facts["rates"], np.float64)
    history.add(np.array(facts["losses"], np.float64), np.repeat(rates[:, None], 3, 1))
    method, seed, initial = str(facts["method"]), int(facts["seed"]), facts["initial"]
    return Run(
        method, seed, history, float(facts["seconds"]), facts["found_lr"], int(facts["search_batches"]),
        bool(facts["diverged"]), None if initial is None else float(initial),
    )  # fmt: skip


def train_once(
    name: str, seed: int, setup: Setup, epochs: int, batch_size: int, initial: float | None = None
) -> Run:
    """One run of a method; initial: the rate that it begins with, None for its own."""
    train, method = setup.splits.train, METHODS[name]
    random.seed(seed)
    network = setup.network()
    start = time.perf_counter()
    found = None
    chosen = method.make if initial is None or method.begun is None else method.begun(initial)
    if method.kind == "found":
        # a search takes some dozens of batches, which small data have in many epochs only
        passes = max(5, 200 * batch_size // len(train))
        found = find_lr(
            network, cross_entropy, train, chosen, batch_size,
            start=1.0 if initial is None else initial, max_epochs=passes, seed=seed, progress=False,
        )  # fmt: skip
    search_seconds = time.perf_counter() - start
    parameters = network.named_parameters()
    optimizer = chosen(parameters) if found is None else chosen(parameters, lr=found.lr)
    train, rate_valid = held_out(optimizer, train)
    random.seed(seed)
    diverged = False
    try:
        history = fit(
            network, optimizer, train, setup.splits.test, rate_valid=rate_valid,
            epochs=epochs, batch_size=batch_size, seed=seed, progress=False,
        )  # fmt: skip
    except Diverged as error:
        history, diverged = error.history, True
    seconds = search_seconds + sum(row["seconds"] for row in history.rows)
    rate, searched = (None, 0) if found is None else (found.lr, found.steps)
    return Run(name, seed, history, seconds, rate, searched, diverged, initial)
