"""L4 on Fashion-MNIST: a convolutional network with dropout, beside tuned Adam and momentum.

Source: Rolinek and Martius, arXiv 1802.05074, section 3.5 and table 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ... import models
from .drawings import curves
from .l4_mnist import rule
from .study import Cell, Judgement, Numbers, Outcome, Root, Study
from .training import images, trained

METHODS = ("L4Mom", "L4Adam", "momentum 0.01", "Adam 0.0003")


@dataclass(frozen=True)
class _Settings:
    epochs: int
    images: int | None
    seeds: int
    batch_size: int = 100


def _cells(settings: _Settings, seed: int) -> Sequence[Cell]:
    return [Cell(method, "", seed + k) for method in METHODS for k in range(settings.seeds)]


def _run(settings: _Settings, cell: Cell, root: Root) -> Numbers:
    splits = images("fashion-mnist", root, settings.images)
    return trained(
        models.fashion_convnet, rule(cell.method), splits, settings.epochs, settings.batch_size, cell.seed
    )


def _lower(outcome: Outcome) -> Judgement:
    loss = {m: outcome.mean(m, "", "train_loss") for m in outcome.methods()}
    told = ", ".join(f"{name} {value:.3g}" for name, value in loss.items())
    return Judgement(min(loss["L4Mom"], loss["L4Adam"]) < loss["Adam 0.0003"], told)


STUDY = Study(
    name="l4-fashion",
    paper="L4",
    item="section 3.5, table 4",
    about="""Training loss (with dropout) and test accuracy of convolutions to 32 and 64 channels and a
    layer of 1024 on Fashion-MNIST, batches of 100: L4's defaults beside the constant rates that the
    paper tuned.""",
    scales={
        "quick": _Settings(1, 200, 1),
        "small": _Settings(8, 4000, 1),
        "medium": _Settings(20, 20_000, 1),
    },
    cells=_cells,
    run=_run,
    metric=("train_loss", "mean of the last epoch, with dropout"),
    claims={"l4-fashion-loss": _lower},
    picture=lambda _, outcome: curves(outcome, "losses", "training loss"),
    extra=("final_loss", "accuracy"),
)
