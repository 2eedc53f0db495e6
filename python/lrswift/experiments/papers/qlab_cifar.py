"""QLABGrad on CIFAR-10: a ResNet-18 with the rates of the adaptive methods.

Source: the QLABGrad paper, figure 6.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from ... import models, optim
from .drawings import curves
from .qlab_mnist import rates
from .study import Cell, Judgement, Numbers, Outcome, Root, Study
from .training import photographs, trained

METHODS = ("SGD", "HGD", "L4GD", "LQA", "QLABGrad", "QLABGrad, checked", "cosine")
BATCH = 128


@dataclass(frozen=True)
class Settings:
    """epochs of `images` training images (None: all), so many seeds, `width` channels in the first stage."""

    epochs: int
    images: int | None
    seeds: int
    width: int


def _cells(settings: Settings, seed: int) -> Sequence[Cell]:
    return [Cell(method, "", seed + k) for method in METHODS for k in range(settings.seeds)]


def _run(settings: Settings, cell: Cell, root: Root) -> Numbers:
    splits = photographs(root, settings.images)
    steps = settings.epochs * -(-len(splits.train) // BATCH)
    make = functools.partial(models.resnet, 18, 10, settings.width)
    optimizer = functools.partial(optim.SGD, lr=rates(steps)[cell.method])
    return trained(make, optimizer, splits, settings.epochs, BATCH, cell.seed)


def _best(outcome: Outcome) -> Judgement:
    found = {m: outcome.mean(m, "", "train_loss") for m in outcome.methods()}
    told = ", ".join(f"{name} {value:.3g}" for name, value in found.items())
    adaptive = min(found[m] for m in ("HGD", "L4GD", "LQA"))
    return Judgement(found["QLABGrad"] <= adaptive, told)


STUDY = Study(
    name="qlab-cifar",
    paper="QLABGrad",
    item="figure 6",
    about="""Training loss of a ResNet-18 on CIFAR-10 from a first rate of 0.1, plain gradient descent in
    batches of 128. QLABGrad is the paper's (check=None); "checked" is ours. At small scale the network has
    an eighth of the paper's channels.""",
    scales={
        "quick": Settings(1, 256, 1, 2),
        "small": Settings(6, 4000, 1, 8),
        "medium": Settings(20, 20_000, 1, 16),
    },
    cells=_cells,
    run=_run,
    metric=("train_loss", "mean of the last epoch"),
    claims={"qlab-cifar": _best},
    picture=lambda _, outcome: curves(outcome, "losses", "training loss"),
    extra=("accuracy", "rate"),
)
