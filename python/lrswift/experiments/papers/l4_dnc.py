"""L4 on repeat-copy: the differentiable neural computer.

Source: Rolinek and Martius, arXiv 1802.05074, section 3.4.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import models, optim
from ...data import repeat_copy
from ...tensors.autograd import no_grad
from .drawings import curves
from .l4_mnist import RULES
from .study import Cell, Judgement, Numbers, Outcome, Root, Study
from .training import course, run_of

METHODS = ("L4Mom", "L4Adam", "RMSprop 0.001", "Adam 0.001")
BITS, BATCH, HELD_OUT = 4, 16, 256


@dataclass(frozen=True)
class Settings:
    """epochs of so many sequences, so many seeds; the computer's sizes."""

    epochs: int
    sequences: int
    seeds: int
    hidden: int = 64
    slots: int = 16
    heads: int = 4


def _cells(settings: Settings, seed: int) -> Sequence[Cell]:
    return [Cell(method, "", seed + k) for method in METHODS for k in range(settings.seeds)]


def _run(settings: Settings, cell: Cell, root: Root) -> Numbers:
    make = functools.partial(
        models.dnc, BITS + 2, BITS + 1, settings.hidden, settings.slots, 16, settings.heads
    )
    rules: Mapping[str, Callable[[Any], optim.Optimizer]] = {
        **RULES,
        "RMSprop 0.001": functools.partial(optim.RMSprop, lr=1e-3),
        "Adam 0.001": functools.partial(optim.Adam, lr=1e-3),
    }
    train, held = repeat_copy(settings.sequences, BITS), repeat_copy(HELD_OUT, BITS, seed=1)
    network, history, diverged = run_of(
        make, rules[cell.method], train, None, settings.epochs, BATCH, cell.seed, models.bits_loss
    )
    return {**course(history, diverged), "right": right(network.eval(), held)}


def right(network: models.DNC, data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> float:
    """Percent of the bits that count and are answered right."""
    x, target, mask = data
    with no_grad():
        answered = network(x).numpy() > 0
    hits = (answered == (target > 0.5)) & (mask[:, :, None] > 0)
    return float(100 * hits.sum() / (mask.sum() * target.shape[2]))


def _learned(outcome: Outcome) -> Judgement:
    told = ", ".join(
        f"{m} {outcome.mean(m, '', 'train_loss'):.3g} nats ({outcome.mean(m, '', 'right'):.1f} % of the bits)"
        for m in outcome.methods()
    )
    best = max(outcome.mean(m, "", "right") for m in ("L4Mom", "L4Adam"))
    return Judgement(best > 99, told)


def _lower(outcome: Outcome) -> Judgement:
    found = {m: outcome.mean(m, "", "train_loss") for m in outcome.methods()}
    told = ", ".join(f"{name} {value:.3g}" for name, value in found.items())
    return Judgement(min(found["L4Mom"], found["L4Adam"]) <= found["RMSprop 0.001"], told)


STUDY = Study(
    name="l4-dnc",
    paper="L4",
    item="section 3.4",
    about="""Loss of the differentiable neural computer on repeat-copy (1 or 2 steps of 4 bits, said once or
    twice): L4 with its defaults beside RMSprop and Adam. Sequences are drawn before, where the paper's are
    new in every batch; 256 others are held out.""",
    scales={
        "quick": Settings(1, 64, 1, 16, 4, 1),
        "small": Settings(12, 4000, 3),
        "medium": Settings(50, 10_000, 3),
    },
    cells=_cells,
    run=_run,
    metric=("train_loss", "mean of the last epoch, nats a sequence"),
    claims={"l4-dnc": _learned, "l4-dnc-lower": _lower},
    picture=lambda _, outcome: curves(outcome, "losses", "loss"),
    extra=("right", "rate"),
)
