"""QLABGrad on MNIST: the rates of four methods, and the table of all, beside schedules by hand.

Source: the QLABGrad paper, table 2 and figures 3 to 5.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import models, optim, schedule
from ...nn import Module
from ...pictures.figure import panels
from ...rates.adapters import HD, L4, LQA, QLABGrad
from .drawings import beside, color
from .study import Cell, Judgement, Numbers, Outcome, Root, Study
from .training import images, trained

NETWORKS: Mapping[str, Callable[[], Module]] = {
    "MLP": functools.partial(models.mlp, 784, (1000, 1000)),
    "CNN": functools.partial(models.mnist_cnn, 10, "average"),
}
FIRST = 0.1  # of every method, in the paper
# test accuracy in percent after 30,000 iterations
TABLE_2 = {
    ("SGD", "MLP"): 98.42, ("SGD", "CNN"): 99.09, ("HGD", "MLP"): 98.43, ("HGD", "CNN"): 99.06,
    ("L4GD", "MLP"): 97.43, ("L4GD", "CNN"): 98.54, ("LQA", "MLP"): 98.47, ("LQA", "CNN"): 98.05,
    ("QLABGrad", "MLP"): 98.36, ("QLABGrad", "CNN"): 99.18,
}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """epochs of `images` training images, so many seeds, the networks."""

    epochs: int
    images: int | None
    seeds: int
    networks: tuple[str, ...] = ("MLP", "CNN")
    batch_size: int = 64


def rates(steps: int) -> dict[str, Any]:
    """Method -> rate, over plain gradient descent."""
    decay = 0.01 ** (1 / steps)
    return {
        "SGD": FIRST,
        "HGD": HD(initial=FIRST, meta_lr=1e-3),
        "L4GD": L4(),
        "LQA": LQA(trial=FIRST),
        "QLABGrad": QLABGrad(trial=FIRST, check=None),
        "QLABGrad, checked": QLABGrad(trial=FIRST),
        "exponential": schedule.Exponential(FIRST, decay),
        "reciprocal": schedule.Reciprocal(FIRST, 99 / steps),
        "halving": schedule.Step(FIRST, max(1, steps // 7), 0.5),
        "cosine": schedule.Cosine(FIRST, 1e-3, steps=steps),
    }


ADAPTIVE = ("HGD", "L4GD", "LQA", "QLABGrad", "QLABGrad, checked")


def _cells(methods: Sequence[str]) -> Callable[[Settings, int], Sequence[Cell]]:
    def cells(settings: Settings, seed: int) -> Sequence[Cell]:
        return [
            Cell(method, network, seed + k)
            for network in settings.networks
            for method in methods
            for k in range(settings.seeds)
        ]

    return cells


def _run(settings: Settings, cell: Cell, root: Root) -> Numbers:
    splits = images("mnist", root, settings.images)
    steps = settings.epochs * -(-len(splits.train) // settings.batch_size)
    rate = rates(steps)[cell.method]
    make = functools.partial(optim.SGD, lr=rate)
    network = NETWORKS[cell.setting]
    return trained(network, make, splits, settings.epochs, settings.batch_size, cell.seed)


def _near(outcome: Outcome) -> Judgement:
    off = {
        pair: outcome.mean(*pair, "accuracy") - paper
        for pair, paper in TABLE_2.items()
        if pair in outcome.pairs()
    }
    told = ", ".join(f"{' '.join(pair)} {value:+.2f}" for pair, value in off.items())
    return Judgement(all(abs(value) <= 0.5 for value in off.values()), f"ours less the paper's, %: {told}")


def _reaches(method: str, network: str) -> Callable[[Outcome], Judgement]:
    def judge(outcome: Outcome) -> Judgement:
        ours, paper = outcome.mean(method, network, "accuracy"), TABLE_2[method, network]
        return Judgement(abs(ours - paper) <= 0.5, f"{ours:.2f} %, the paper {paper:.2f} %")

    return judge


# a row of the ledger for each number of the table
CELLS = {
    f"qlab-table2-{method.lower()}-{network.lower()}": _reaches(method, network)
    for method, network in TABLE_2
}


def _best(outcome: Outcome) -> Judgement:
    ranks = []
    for network in outcome.settings():
        found = {m: outcome.mean(m, network, "accuracy") for m in outcome.methods()}
        order = sorted(found, key=lambda m: -found[m])
        ranks.append((network, order.index("QLABGrad") + 1, len(order), found["QLABGrad"]))
    told = ", ".join(
        f"{network}: place {rank} of {of} with {value:.2f} %" for network, rank, of, value in ranks
    )
    return Judgement(all(rank == 1 for _, rank, _, _ in ranks), told)


def _rates_picture(_: Any, outcome: Outcome) -> Any:
    figure, axes = panels(len(outcome.settings()))
    for axis, network in zip(axes, outcome.settings(), strict=True):
        for place, method in enumerate(outcome.methods()):
            line = np.array(outcome.of(method, network)[0]["rates"], float)
            axis.plot(np.linspace(0, 1, len(line)), line, color=color(place), label=method, linewidth=0.8)
        axis.set(title=network, xlabel="part of the run", ylabel="rate", yscale="log")
    axes[0].legend(frameon=False, fontsize=7)
    return figure


def _steadier(outcome: Outcome) -> Judgement:
    """The spread of a method's rates: quantiles 0.95 over 0.05, of the steps kept."""
    found = {}
    for method in outcome.methods():
        line = np.array(outcome.of(method, outcome.settings()[0])[0]["rates"], float)
        line = line[np.isfinite(line) & (line > 0)]
        low, middle, high = np.quantile(line, (0.05, 0.5, 0.95))
        found[method] = f"{method} {low:.3g}, {middle:.3g}, {high:.3g}"
    return Judgement(None, f"quantiles 0.05, 0.5, 0.95 of the rates: {'; '.join(found.values())}")


TABLE = Study(
    name="qlab-table2",
    paper="QLABGrad",
    item="table 2, figures 4 and 5",
    about="""Test accuracy on MNIST from a first rate of 0.1, batches of 64: a network of two layers of
    1000, and one of 5x5 convolutions with average pooling, whose widths the paper does not give.
    QLABGrad is the paper's (check=None); "checked" is ours.""",
    scales={
        "quick": Settings(1, 300, 1),
        "small": Settings(2, 8000, 1),
        "medium": Settings(4, None, 1),
    },
    cells=_cells(list(rates(100))),
    run=_run,
    metric=("accuracy", "% of the test images"),
    published=TABLE_2,
    claims={"qlab-table2-near": _near, "qlab-table2-best": _best, **CELLS},
    whole=frozenset({"qlab-table2-near", *CELLS}),
    picture=lambda _, outcome: beside(outcome, "accuracy", TABLE_2, "test accuracy, %"),
    extra=("train_loss",),
)
RATES = Study(
    name="qlab-rates",
    paper="QLABGrad",
    item="figure 3",
    about="The rates of hypergradient descent, L4, LQA and QLABGrad over a run on MNIST (784-1000-1000-10).",
    scales={
        "quick": Settings(1, 300, 1, ("MLP",)),
        "small": Settings(1, 10_000, 1, ("MLP",)),
        "medium": Settings(4, None, 1, ("MLP",)),
    },
    cells=_cells(ADAPTIVE),
    run=_run,
    metric=("rate", "the last"),
    claims={"qlab-rates": _steadier},
    picture=_rates_picture,
    extra=("train_loss", "accuracy"),
)
