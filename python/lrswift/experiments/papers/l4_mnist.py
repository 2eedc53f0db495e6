"""L4 on MNIST: a network of 300 and 100 units, beside a grid of constant rates, and small batches.

Source: Rolinek and Martius, arXiv 1802.05074, sections 3.2 and 3.6, figures 3 and 6, table 3.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ... import models, optim
from .drawings import against, curves
from .study import Cell, Judgement, Numbers, Outcome, Root, Study
from .training import images, trained


@dataclass(frozen=True)
class Settings:
    """epochs of `images` training images (None: all) in batches of `batch_size`, with so many seeds."""

    epochs: int
    images: int | None
    seeds: int
    batch_sizes: tuple[int, ...] = (64,)
    grid: tuple[float, ...] = ()


MOMENTUM_GRID = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5)
ADAM_GRID = tuple(rate / 50 for rate in MOMENTUM_GRID)

RULES: Mapping[str, Callable[[Any], optim.Optimizer]] = {
    "L4Mom": optim.L4Mom,
    "L4Adam": optim.L4Adam,
    "L4Mom, alpha 0.25": functools.partial(optim.L4Mom, alpha=0.25),
    "L4Adam, alpha 0.25": functools.partial(optim.L4Adam, alpha=0.25),
}


def rule(method: str) -> Callable[[Any], optim.Optimizer]:
    """L4 as published, or "momentum RATE" and "Adam RATE"."""
    if method in RULES:
        return RULES[method]
    name, rate = method.rsplit(" ", 1)
    if name == "momentum":
        return functools.partial(optim.SGD, lr=float(rate), momentum=0.9)
    return functools.partial(optim.Adam, lr=float(rate))


def grid(settings: Settings) -> list[str]:
    """The constant rates of both baselines; those the paper tuned are among them."""
    places = range(len(MOMENTUM_GRID)) if not settings.grid else map(int, settings.grid)
    wanted = list(places)
    rates = [f"momentum {MOMENTUM_GRID[k]:g}" for k in wanted] + [f"Adam {ADAM_GRID[k]:g}" for k in wanted]
    return rates


def cells(settings: Settings, seed: int) -> Sequence[Cell]:
    """Every rule and every constant rate, at one batch size."""
    methods = [*RULES, *grid(settings)]
    return [
        Cell(method, f"batch {size}", seed + k)
        for size in settings.batch_sizes
        for method in methods
        for k in range(settings.seeds)
    ]


def batch_cells(settings: Settings, seed: int) -> Sequence[Cell]:
    """The defaults and the paper's tuned rates, at several batch sizes."""
    methods = ("L4Mom", "L4Adam", "momentum 0.05", "Adam 0.001")
    return [
        Cell(method, f"batch {size}", seed + k)
        for size in settings.batch_sizes
        for method in methods
        for k in range(settings.seeds)
    ]


def run(settings: Settings, cell: Cell, root: Root) -> Numbers:
    """Trains the network of 300 and 100 units."""
    splits = images("mnist", root, settings.images)
    make = functools.partial(models.mlp, 784, (300, 100))
    size = int(cell.setting.split()[1])
    return trained(make, rule(cell.method), splits, settings.epochs, size, cell.seed)


def best(outcome: Outcome, family: str, setting: str, key: str = "train_loss") -> tuple[str, float]:
    """The constant rate of a family with the least number."""
    found = {m: outcome.mean(m, setting, key) for m in outcome.methods() if m.startswith(f"{family} ")}
    return min(found.items(), key=lambda pair: pair[1])


def beats(ours: str, family: str) -> Callable[[Outcome], Judgement]:
    """Whether a rule of L4 ends below the best constant rate of a family."""

    def judge(outcome: Outcome) -> Judgement:
        setting = outcome.settings()[0]
        loss = outcome.mean(ours, setting, "train_loss")
        name, least = best(outcome, family, setting)
        return Judgement(loss < least, f"{ours} {loss:.3g}, best of the grid, {name}, {least:.3g}")

    return judge


def tuned(outcome: Outcome) -> Judgement:
    """Whether the grid's best rates are those that the paper tuned."""
    setting = outcome.settings()[0]
    found = [best(outcome, family, setting)[0] for family in ("momentum", "Adam")]
    return Judgement(found == ["momentum 0.05", "Adam 0.001"], f"best of the grid: {', '.join(found)}")


def accurate(outcome: Outcome) -> Judgement:
    """Test accuracy with the defaults, beside 98.4 %."""
    setting = outcome.settings()[0]
    found = {name: outcome.mean(name, setting, "accuracy") for name in ("L4Mom", "L4Adam")}
    told = ", ".join(f"{name} {value:.2f} %" for name, value in found.items())
    return Judgement(all(abs(value - 98.4) <= 0.3 for value in found.values()), told)


def to_zero(outcome: Outcome) -> Judgement:
    """Training loss with the defaults."""
    setting = outcome.settings()[0]
    found = {name: outcome.mean(name, setting, "train_loss") for name in ("L4Mom", "L4Adam")}
    told = ", ".join(f"{name} {value:.2g}" for name, value in found.items())
    return Judgement(all(value < 1e-4 for value in found.values()), told)


def _steady(outcome: Outcome) -> Judgement:
    worst = {}
    for method in outcome.methods():
        found = [outcome.mean(method, setting, "train_loss") for setting in outcome.settings(method)]
        worst[method] = max(found) / min(found)
    told = ", ".join(f"{method} {ratio:.2g}" for method, ratio in worst.items())
    l4 = max(worst["L4Mom"], worst["L4Adam"])
    return Judgement(l4 < min(worst["momentum 0.05"], worst["Adam 0.001"]), f"largest over smallest: {told}")


MNIST = Study(
    name="l4-mnist",
    paper="L4",
    item="section 3.2, figure 3, table 3",
    about="""Training loss of a network 784-300-100-10 on MNIST, L4 with its defaults and with alpha
    0.25 beside nine constant rates for momentum 0.9 and nine for Adam.""",
    scales={
        "quick": Settings(1, 600, 1, grid=(5,)),
        "small": Settings(12, 20_000, 1),
        "medium": Settings(30, None, 1),
    },
    cells=cells,
    run=run,
    metric=("train_loss", "mean of the last epoch"),
    claims={
        "l4-mnist-zero": to_zero,
        "l4-mnist-momentum": beats("L4Mom", "momentum"),
        "l4-mnist-adam": beats("L4Adam", "Adam"),
        "l4-mnist-accuracy": accurate,
        "l4-table1-mnist": tuned,
    },
    whole=frozenset({"l4-mnist-zero", "l4-mnist-accuracy"}),
    picture=lambda _, outcome: curves(outcome, "losses", "training loss"),
    extra=("final_loss", "accuracy"),
)

BATCH = Study(
    name="l4-batch",
    paper="L4",
    item="section 3.6",
    about="""Training loss on MNIST (784-300-100-10) against the size of batches, with L4's defaults and
    the constant rates that the paper tuned at 64.""",
    scales={
        "quick": Settings(1, 600, 1, (16, 64)),
        "small": Settings(4, 6000, 1, (8, 16, 32, 64)),
        "medium": Settings(10, None, 3, (8, 16, 32, 64)),
    },
    cells=batch_cells,
    run=run,
    metric=("train_loss", "mean of the last epoch"),
    claims={"l4-batch-steady": _steady},
    picture=lambda _, outcome: against(
        outcome,
        "train_loss",
        {setting: float(setting.split()[1]) for setting in outcome.settings()},
        "batch size",
        "training loss",
    ),
    extra=("accuracy",),
)
