"""FDS, figure 1: what searches find in wide ranges against cost and time, hypergradients beside Optuna's.

Optuna's are random search, TPE, Hyperband, and BOHB-like: TPE with Hyperband's pruner. LeNet, five learning
rates, momentum and weight decay in the paper's ranges, gradients clipped at 3 as in its code (Hessian
products are not: the hypergradients are exact). `lr.compare_hpo` says how cost is counted.
Source: Micaelli and Storkey, arXiv 2007.07869, figure 1 (there a WRN-16-1 on CIFAR-10 and its rivals by
HpBandSter).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import models
from ...data import Dataset, Splits
from ...nn import Module
from ...pictures.figure import BLUE, GRAY, GREEN, ORANGE, panels
from ..hpo import HpoComparison, compare_hpo
from .problem import Figure, fashion_mnist

NAME = "fds-figure1"
CLIP = 3.0
SEARCHES = ("random", "tpe", "hyperband", "bohb", "hypergradients", "hybrid")


@dataclass(frozen=True)
class _Scale:
    steps: int
    batch_size: int
    budget: float
    seeds: int
    validation: int
    test: int


_SCALES = {
    "quick": _Scale(steps=8, batch_size=16, budget=40, seeds=1, validation=100, test=100),
    "small": _Scale(steps=100, batch_size=64, budget=150, seeds=3, validation=1000, test=5000),
    "medium": _Scale(steps=250, batch_size=128, budget=300, seeds=6, validation=5000, test=10_000),
}


def make(scale: str, data: str | os.PathLike[str] | None, out: Path, seed: int, progress: bool) -> str:
    """Searches, writes NAME.csv, .json, .png and the folder NAME of all settings tried; the table as text."""
    settings = _SCALES[scale]
    (x, y), (test_x, test_y) = fashion_mnist(data)
    test = Dataset(test_x[: settings.test], test_y[: settings.test], 1.0)
    splits = Splits("Fashion-MNIST", Dataset(x, y, 1.0), test, [str(k) for k in range(10)])
    result = compare_hpo(
        splits, lenet, SEARCHES, steps=settings.steps, budget=settings.budget, seeds=settings.seeds,
        batch_size=settings.batch_size, seed=seed, valid=settings.validation / len(x), clip_gradient=CLIP,
        out=out / NAME, resume=True, progress=progress, command=f"lrswift reproduce {NAME} --scale {scale}",
    )  # fmt: skip
    rows = sorted(result.summary(), key=lambda row: row["test_loss"])
    facts = {"costs": result.settings["costs"], "regret_is_above": result.floor()}
    figure = Figure(NAME, rows, settings, seed, facts, lambda: _picture(result), unprinted="search")
    return figure.write(out, str(out / NAME / "report.html"))


def lenet(train: Dataset, classes: int) -> Module:
    """Ten classes, one channel."""
    return models.lenet(classes)


def _picture(result: HpoComparison) -> Any:
    colors = dict(zip(result.names(), (GRAY, ORANGE, GREEN, "#e69f00", BLUE, "#7a5195"), strict=True))
    figure, axes = panels(2)
    for ax, axis, unit in zip(axes, ("cost", "processor"), (result.settings["steps"], 1), strict=True):
        for run in result.runs:
            _stairs(ax, result, [run], axis, unit, color=colors[run.search], alpha=0.3, linewidth=0.8)
        for name in result.names():
            label = result.labels[name] if axis == "cost" else None
            _stairs(ax, result, result.of(name), axis, unit, color=colors[name], linewidth=2, label=label)
        ax.set(yscale="log", ylim=(None, 1.1 * result.top()), title="Regret")
    axes[0].set(xlabel="cost, in training runs")
    axes[1].set(xlabel="seconds of processor time")
    figure.legend(frameon=False, loc="outside lower center", ncols=len(colors))
    return figure


def _stairs(ax: Any, result: HpoComparison, runs: Any, axis: str, unit: float, **style: Any) -> None:
    x, regret = result.shown(runs, axis)
    ax.plot(x / unit, regret, **style)
