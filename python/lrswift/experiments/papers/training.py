"""Training runs of a study: a network on images with one optimizer, and the numbers kept of it."""

from __future__ import annotations

import functools
import math
import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import random
from ...data import Dataset, Splits, load
from ...errors import Diverged
from ...loop.history import History
from ...nn import Module
from ...nn.functional import cross_entropy
from ...optim import Optimizer
from ...tensors.autograd import no_grad
from ...training.fit import fit
from .study import Root

# points of a curve that are kept
POINTS = 200


def images(name: str, root: Root, count: int | None = None) -> Splits:
    """A data set, pixels divided by 255, of its first `count` training images."""
    return _images(name, None if root is None else os.fspath(root), count)


@functools.lru_cache(maxsize=2)
def _images(name: str, root: str | None, count: int | None) -> Splits:
    splits = load(name, root).scaled()
    if count is None or count >= len(splits.train):
        return splits
    return Splits(splits.name, splits.train[:count], splits.test, splits.classes)


def photographs(root: Root, count: int | None, name: str = "cifar10") -> Splits:
    """CIFAR, pixels divided by 255: its first `count` training images, and then 2000 of the test."""
    with warnings.catch_warnings():
        # not all of the training batches may be there
        warnings.simplefilter("ignore")
        splits = images(name, root, count)
    return splits if count is None else Splits(splits.name, splits.train, splits.test[:2000], splits.classes)


def trained(
    make: Callable[[], Module],
    optimizer: Callable[[Any], Optimizer],
    splits: Splits,
    epochs: int,
    batch_size: int,
    seed: int,
    loss: Callable[..., Any] = cross_entropy,
) -> dict[str, Any]:
    """Trains a new network and tells what became of it.

    Returns:
        "train_loss", the mean of the last epoch; "final_loss", of the whole training set at the end;
        "accuracy", of the test set in percent; "losses", by epoch; "rates", by step, at most 200; "rate", the
        last; "diverged". Losses of a run that diverged are infinite.
    """
    network, history, diverged = run_of(
        make, optimizer, splits.train, splits.test, epochs, batch_size, seed, loss
    )
    return numbers_of(history, network, splits.train, diverged)


def run_of(
    make: Callable[[], Module],
    optimizer: Callable[[Any], Optimizer],
    train: Any,
    valid: Any,
    epochs: int,
    batch_size: int,
    seed: int,
    loss: Callable[..., Any],
) -> tuple[Any, History, bool]:
    """The network after training, the history, and whether it diverged. Warnings show in the numbers."""
    random.seed(seed)
    network = make()
    chosen = optimizer(network.named_parameters())
    random.seed(seed)
    diverged = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            history = fit(
                network, chosen, train, valid, loss,
                epochs=epochs, batch_size=batch_size, seed=seed, progress=False,
            )  # fmt: skip
        except Diverged as error:
            history, diverged = error.history, True
    return network, history, diverged


def course(history: History, diverged: bool) -> dict[str, Any]:
    """Losses and rates of a run of any loss: what `trained` says but for those of the whole training set.

    "train_loss" is infinite where the run diverged or ended above ten times its first losses.
    """
    rows, losses, rates = history.rows, history.losses, history.rates[:, 0]
    begun = float(np.mean(losses[:10])) if len(losses) else math.nan
    last = rows[-1]["train_loss"] if rows else math.nan
    lost = diverged or not math.isfinite(last) or last > 10 * begun
    return {
        "train_loss": math.inf if lost else last,
        "losses": [row["train_loss"] for row in rows],
        "rates": thinned(rates),
        "rate": float(rates[-1]) if len(rates) else math.nan,
        "diverged": float(lost),
        "seconds": sum(row["seconds"] for row in rows),
    }


def numbers_of(history: History, network: Module, train: Dataset, diverged: bool) -> dict[str, Any]:
    """As `trained` says."""
    rows = history.rows
    final = math.inf if diverged else mean_loss(network, train)
    diverged = diverged or not math.isfinite(final)
    rates = history.rates[:, 0]
    return {
        "train_loss": math.inf if diverged or not rows else rows[-1]["train_loss"],
        "final_loss": math.inf if diverged else final,
        "accuracy": 100 * rows[-1]["accuracy"] if rows and not diverged else 10.0,
        "losses": [row["train_loss"] for row in rows],
        "rates": thinned(rates),
        "rate": float(rates[-1]) if len(rates) else math.nan,
        "diverged": float(diverged),
        "seconds": sum(row["seconds"] for row in rows),
    }


def mean_loss(network: Module, data: Dataset, rows: int = 1000) -> float:
    """Cross-entropy over a data set, in evaluation mode."""
    was = network.training
    network.eval()
    total = 0.0
    with no_grad():
        for low in range(0, len(data), rows):
            x, y = data.x[low : low + rows], data.y[low : low + rows]
            total += len(x) * cross_entropy(network(x), y).item()
    network.train(was)
    return total / len(data)


def thinned(values: np.ndarray, points: int = POINTS) -> list[float]:
    """At most so many, evenly over the run."""
    if len(values) <= points:
        return [float(value) for value in values]
    return [float(value) for value in values[np.linspace(0, len(values) - 1, points).astype(int)]]
