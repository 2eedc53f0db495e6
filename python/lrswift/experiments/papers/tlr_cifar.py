"""TLR on CIFAR-10: wide and dense networks from initial rates a hundred times apart.

Source: the TLR paper, appendix, figures 14 to 16.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ... import models
from .drawings import against
from .study import Cell, Judgement, Numbers, Outcome, Root, Study
from .tlr_mnist import rule
from .training import photographs, trained

METHODS = ("TLR", "TLR per tensor", "SGD", "multi-step")
RATES = (1e-3, 1e-2, 1e-1)
BATCH = 128


@dataclass(frozen=True)
class Settings:
    """epochs of `images` training images (None: all), so many seeds, and the networks by name."""

    epochs: int
    images: int | None
    seeds: int
    networks: tuple[str, ...]


NETWORKS: Mapping[str, Callable[[], Any]] = {
    "WRN-10-1": functools.partial(models.wide_resnet, 10, 1),
    "WRN-16-4": functools.partial(models.wide_resnet, 16, 4),
    "WRN-22-8": functools.partial(models.wide_resnet, 22, 8),
    "DenseNet, growth 6": functools.partial(models.densenet, growth=6, blocks=(2, 2, 2)),
    "DenseNet-121": functools.partial(models.densenet, 121, 12),
}


def _cells(settings: Settings, seed: int) -> Sequence[Cell]:
    return [
        Cell(method, f"{network}, initial {rate:g}", seed + k)
        for network in settings.networks
        for method in METHODS
        for rate in RATES
        for k in range(settings.seeds)
    ]


def _run(settings: Settings, cell: Cell, root: Root) -> Numbers:
    network, initial = cell.setting.split(", initial ")
    splits = photographs(root, settings.images)
    steps = -(-len(splits.train) // BATCH)
    optimizer = rule(cell.method, float(initial), settings.epochs, steps)
    return trained(NETWORKS[network], optimizer, splits, settings.epochs, BATCH, cell.seed)


def _spread(outcome: Outcome, method: str, family: str) -> float:
    found = [outcome.mean(method, s, "train_loss") for s in outcome.settings(method) if s.startswith(family)]
    return max(found) / min(found) if all(map(math.isfinite, found)) else math.inf


def _robust(family: str) -> Callable[[Outcome], Judgement]:
    def judge(outcome: Outcome) -> Judgement:
        if not any(s.startswith(family) for s in outcome.settings()):
            return Judgement(None, "not at this scale")
        found = {method: _spread(outcome, method, family) for method in outcome.methods()}
        told = ", ".join(
            f"{m} {ratio:.3g}" if math.isfinite(ratio) else f"{m} diverged" for m, ratio in found.items()
        )
        holds = min(found["TLR"], found["TLR per tensor"]) < found["SGD"]
        return Judgement(holds, f"largest over smallest loss from rates of 1e-3 to 1e-1: {told}")

    return judge


def _picture(_: Any, outcome: Outcome) -> Any:
    network = outcome.settings()[0].split(", initial ")[0]
    position = {
        s: float(s.rsplit(" ", 1)[1]) for s in outcome.settings() if s.startswith(f"{network}, initial ")
    }
    return against(outcome, "train_loss", position, "initial rate", "training loss")


STUDY = Study(
    name="tlr-cifar",
    paper="TLR",
    item="figures 14 to 16",
    about="""Training loss on CIFAR-10 from initial rates a hundred times apart, momentum 0.8, decay 5e-4:
    TLR with one rate and with one for each tensor, beside constant rates and a schedule of steps. At small
    scale the networks are a WRN-10-1 and a DenseNet of three blocks.""",
    scales={
        "quick": Settings(2, 512, 1, ("WRN-10-1",)),
        "small": Settings(8, 3000, 1, ("WRN-10-1", "DenseNet, growth 6")),
        "medium": Settings(40, 20_000, 1, ("WRN-16-4", "DenseNet-121")),
    },
    cells=_cells,
    run=_run,
    metric=("train_loss", "mean of the last epoch"),
    claims={"tlr-wrn": _robust("WRN"), "tlr-densenet": _robust("DenseNet")},
    picture=_picture,
    extra=("accuracy", "rate"),
)
