"""Runs of methods: one network trained with one method from one seed, and all of an experiment."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import random
from ..errors import ArgumentError, Diverged
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
) -> tuple[list[Run], dict[str, Any]]:
    """(runs, settings) of the jobs, each a method and its initial rate (None: its own), with all seeds."""
    runs: list[Run] = []
    for name, initial in jobs:
        for seed in range(first_seed, first_seed + seeds):
            runs.append(train_once(name, seed, setup, epochs, batch_size, initial))
            bar.advance(1, loss=runs[-1].train_loss, accuracy=runs[-1].accuracy)
    random.seed(first_seed)
    splits = setup.splits
    settings = setup.settings(
        setup.network().num_parameters(),
        {"train": len(splits.train), "test": len(splits.test)},
        epochs=epochs,
        steps_per_epoch=-(-len(splits.train) // batch_size),
        batch_size=batch_size,
        seeds=seeds,
        first_seed=first_seed,
    )
    return runs, settings


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
