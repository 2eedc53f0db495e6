"""TLR on detection: single-shot detection, with one rate and with one for each tensor.

Source: the TLR paper, figure 5.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import models, optim, random
from ...data import Boxes, shapes
from ...models.detection import overlaps
from ...rates.adapters import TLR
from .drawings import curves
from .study import Cell, Judgement, Numbers, Outcome, Root, Study
from .training import course, run_of

METHODS = ("TLR", "TLR per tensor", "SGD")
RATES = (3e-4, 1e-3, 1e-2)
BATCH, HELD_OUT = 32, 64


@dataclass(frozen=True)
class Settings:
    """epochs of so many pictures of `size` pixels; `width` channels at first."""

    epochs: int
    pictures: int
    seeds: int
    width: int
    size: int = 64


def _cells(settings: Settings, seed: int) -> Sequence[Cell]:
    return [
        Cell(method, f"initial {rate:g}", seed + k)
        for method in METHODS
        for rate in RATES
        for k in range(settings.seeds)
    ]


def _run(settings: Settings, cell: Cell, root: Root) -> Numbers:
    data, held = (shapes(n, settings.size, seed=k) for k, n in ((0, settings.pictures), (1, HELD_OUT)))
    make = functools.partial(models.ssd, len(data.classes), settings.width, settings.size)
    initial = float(cell.setting.split()[1])
    rates: Mapping[str, Callable[[], Any]] = {
        "TLR": lambda: TLR(initial=initial),
        "TLR per tensor": lambda: TLR(initial=initial, per="tensor"),
        "SGD": lambda: initial,
    }
    optimizer = functools.partial(optim.SGD, lr=rates[cell.method](), momentum=0.8, weight_decay=5e-4)
    random.seed(cell.seed)
    train = (_scaled(data), *make().targets(data.boxes, data.labels))
    network, history, diverged = run_of(
        make, optimizer, train, None, settings.epochs, BATCH, cell.seed, models.multibox_loss
    )
    numbers = course(history, diverged)
    losses = numbers["losses"]
    numbers["rose"] = float(bool(numbers["diverged"]) or losses[-1] > losses[0])
    return {**numbers, "found": 0.0 if numbers["diverged"] else found(network.eval(), held)}


def _scaled(data: Boxes) -> np.ndarray:
    return data.x.astype(np.float32) / 255


def found(network: models.SSD, data: Boxes) -> float:
    """Percent of the things that a box of their class overlaps by half or more."""
    hits = total = 0
    for detection, boxes, labels in zip(network.detect(_scaled(data)), data.boxes, data.labels, strict=True):
        total += len(labels)
        for box, label in zip(boxes, labels, strict=True):
            own = detection.boxes[detection.labels == label]
            hits += bool(len(own) and overlaps(box[None], own).max() >= 0.5)
    return 100 * hits / total


def _diverges(outcome: Outcome) -> Judgement:
    """The paper's picture: with one rate the loss ends above its first epoch's, with rates per layer below.

    Runs from whose weights and initial rate a constant rate goes up do not count.
    """
    rose = {m: np.array([outcome.values(m, s, "rose") for s in outcome.settings()]) for m in METHODS}
    fine = rose["SGD"] == 0
    one, each = (int((rose[m][fine] > 0).sum()) for m in ("TLR", "TLR per tensor"))
    told = (
        f"of {int(fine.sum())} runs that go down with a constant rate, {one} end above their first epoch "
        f"with one rate, {each} with rates per tensor"
    )
    return Judgement(one > 0 and each == 0 if fine.any() else None, told)


def _number(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "diverged"


def _lower(outcome: Outcome) -> Judgement:
    best = {
        m: np.mean([_least(outcome, m, place) for place in range(len(outcome.of(m, outcome.settings()[0])))])
        for m in outcome.methods()
    }
    told = ", ".join(f"{m} {_number(float(value))}" for m, value in best.items())
    return Judgement(
        bool(best["TLR per tensor"] <= best["TLR"]), f"from the best initial rate of each seed: {told}"
    )


def _least(outcome: Outcome, method: str, place: int) -> float:
    """The least final loss over the initial rates, of one of the seeds."""
    found = [outcome.values(method, s, "train_loss")[place] for s in outcome.settings()]
    return min(value if math.isfinite(value) else math.inf for value in found)


STUDY = Study(
    name="tlr-detection",
    paper="TLR",
    item="figure 5",
    about="""Multibox loss of single-shot detection over VGG-16, on pictures of squares, discs and triangles
    that are drawn (PASCAL VOC is not at hand, and the weights are not trained before): TLR with one rate
    and with one for each tensor, and a constant rate, momentum 0.8, decay 5e-4.""",
    scales={
        "quick": Settings(1, 64, 1, 2),
        "small": Settings(20, 600, 3, 4),
        "medium": Settings(60, 4000, 1, 16),
    },
    cells=_cells,
    run=_run,
    metric=("train_loss", "mean of the last epoch"),
    claims={"tlr-detection": _diverges, "tlr-detection-perlayer": _lower},
    picture=lambda _, outcome: curves(outcome, "losses", "multibox loss"),
    extra=("found", "rate", "rose"),
)
