"""ALRS on CIFAR-10 and CIFAR-100: training a ResNet-18 with the rate found.

Source: the ALRS paper, tables 2 and 3, and figure 1.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ... import models, random
from ...data import Splits
from ...errors import MissingFiles
from ...nn.functional import cross_entropy
from ...search.find import find_lr
from .alrs_mnist import OPTIMIZERS, STANDARD
from .drawings import curves
from .study import Cell, Judgement, Numbers, Outcome, Root, Study
from .training import photographs, trained

BATCH = 128
RATES = ("standard", "x 0.1", "x 10", "ALRS")


@dataclass(frozen=True)
class Settings:
    """epochs of `images` training images (None: all), so many seeds, `width` channels in the first stage."""

    epochs: int
    images: int | None
    seeds: int
    width: int


def _cells(settings: Settings, seed: int) -> Sequence[Cell]:
    return [
        Cell(rate, optimizer, seed + k)
        for optimizer in OPTIMIZERS
        for rate in RATES
        for k in range(settings.seeds)
    ]


def _splits(name: str, root: Root, count: int | None) -> Splits:
    """The data, or CIFAR-10 in the place of CIFAR-100 where that is not there."""
    try:
        return photographs(root, count, name)
    except MissingFiles:
        if name != "cifar100":
            raise
        return photographs(root, count)


def _run_on(name: str) -> Callable[[Settings, Cell, Root], Numbers]:
    def run(settings: Settings, cell: Cell, root: Root) -> Numbers:
        splits = _splits(name, root, settings.images)
        make = functools.partial(models.resnet, 18, len(splits.classes), settings.width)
        rate = _rate(cell, make, splits)
        optimizer = functools.partial(OPTIMIZERS[cell.setting], lr=rate)
        numbers = trained(make, optimizer, splits, settings.epochs, BATCH, cell.seed)
        return {**numbers, "rate": rate, "data": splits.name, "images": len(splits.train)}

    return run


def _rate(cell: Cell, make: Callable[[], Any], splits: Splits) -> float:
    if cell.method != "ALRS":
        return STANDARD[cell.setting] * {"standard": 1.0, "x 0.1": 0.1, "x 10": 10.0}[cell.method]
    random.seed(cell.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return find_lr(
            make(), cross_entropy, splits.train, OPTIMIZERS[cell.setting], BATCH, max_epochs=5,
            seed=cell.seed, progress=False, rule="signs",
        ).lr  # fmt: skip


def _as_good(optimizer: str, wanted: str) -> Callable[[Outcome], Judgement]:
    def judge(outcome: Outcome) -> Judgement:
        found = {m: outcome.mean(m, optimizer, "train_loss") for m in outcome.methods()}
        rate = outcome.mean("ALRS", optimizer, "rate")
        told = ", ".join(f"{name} {value:.3g}" for name, value in found.items())
        data = outcome.of("ALRS", optimizer)[0]["data"]
        holds = found["ALRS"] <= min(found["x 0.1"], found["x 10"])
        # of other data than the table's the numbers are told, and no more
        return Judgement(holds if data == wanted else None, f"on {data}: {told} (rate {rate:.2g})")

    return judge


def _study(table: str, data: str, about: str) -> Study:
    name = f"alrs-{table.replace(' ', '')}"
    return Study(
        name=name,
        paper="ALRS",
        item=table,
        about=f"""Training loss of a ResNet-18 without decay, batches of 128: momentum 0.9 and Adam at a
        standard rate, a tenth and ten times of it, and at the rate that ALRS finds. {about}""",
        scales={
            "quick": Settings(1, 256, 1, 2),
            "small": Settings(4, 4000, 1, 8),
            "medium": Settings(10, 20_000, 1, 16),
        },
        cells=_cells,
        run=_run_on(data),
        metric=("train_loss", "mean of the last epoch"),
        claims={f"{name}-sgd": _as_good("SGD", data), f"{name}-adam": _as_good("Adam", data)},
        picture=lambda _, outcome: curves(outcome, "losses", "training loss"),
        extra=("accuracy", "rate", "images"),
    )


TABLE2 = _study("table 2", "cifar10", "At small scale the network has an eighth of the paper's channels.")
TABLE3 = _study(
    "table 3", "cifar100", "Where CIFAR-100 is not at hand, CIFAR-10 is in its place, and the numbers say so."
)
