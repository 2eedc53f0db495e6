"""L4 on CIFAR-10: a ResNet with weight decay in the loss.

Source: Rolinek and Martius, arXiv 1802.05074, section 3.3 and figure 4.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ... import models, optim, schedule
from ...rates.adapters import L4
from .drawings import curves
from .study import Cell, Judgement, Numbers, Outcome, Root, Study
from .training import photographs, trained

METHODS = ("L4Mom", "L4Adam", "momentum 0.1", "momentum 0.1, steps", "Adam 0.001")
BATCH, DECAY = 128, 1e-4


@dataclass(frozen=True)
class Settings:
    """epochs of `images` training images (None: all), so many seeds; depth and width of the network."""

    epochs: int
    images: int | None
    seeds: int
    depth: int
    width: int


def _cells(settings: Settings, seed: int) -> Sequence[Cell]:
    return [Cell(method, "", seed + k) for method in METHODS for k in range(settings.seeds)]


def _run(settings: Settings, cell: Cell, root: Root) -> Numbers:
    splits = photographs(root, settings.images)
    steps = settings.epochs * -(-len(splits.train) // BATCH)
    drops = schedule.MultiStep(0.1, [steps // 2, 3 * steps // 4], 0.1)
    heavy = functools.partial(optim.SGD, momentum=0.9, weight_decay=DECAY)
    made: Mapping[str, Callable[[Any], optim.Optimizer]] = {
        # L4Mom and L4Adam, whose rate sees the loss that is decayed
        "L4Mom": functools.partial(optim.EMA, lr=L4(decay_in_loss=True), weight_decay=DECAY),
        "L4Adam": functools.partial(optim.Adam, lr=L4(decay_in_loss=True), eps=1e-4, weight_decay=DECAY),
        "momentum 0.1": functools.partial(heavy, lr=0.1),
        "momentum 0.1, steps": functools.partial(heavy, lr=drops),
        "Adam 0.001": functools.partial(optim.Adam, lr=1e-3, weight_decay=DECAY),
    }
    network = functools.partial(models.resnet, settings.depth, 10, settings.width)
    return trained(network, made[cell.method], splits, settings.epochs, BATCH, cell.seed)


def _lower(outcome: Outcome) -> Judgement:
    found = {m: outcome.mean(m, "", "train_loss") for m in outcome.methods()}
    told = ", ".join(f"{name} {value:.3g}" for name, value in found.items())
    return Judgement(
        min(found["L4Mom"], found["L4Adam"]) <= min(found["momentum 0.1"], found["Adam 0.001"]), told
    )


STUDY = Study(
    name="l4-resnet",
    paper="L4",
    item="section 3.3, figure 4",
    about="""Training loss of a ResNet on CIFAR-10, batches of 128, with decay of 1e-4 as a part of the loss
    that L4 sees: its defaults beside momentum 0.9 at 0.1, constant and with two drops by hand, and Adam. At
    small scale the network is a ResNet-20 of half the width, and images are not changed at random.""",
    scales={
        "quick": Settings(1, 512, 1, 20, 2),
        "small": Settings(8, 3000, 1, 20, 8),
        "medium": Settings(40, 20_000, 1, 32, 16),
    },
    cells=_cells,
    run=_run,
    metric=("train_loss", "mean of the last epoch"),
    claims={"l4-resnet": _lower},
    picture=lambda _, outcome: curves(outcome, "losses", "training loss"),
    extra=("accuracy", "rate"),
)
