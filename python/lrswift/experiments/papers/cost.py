"""What a step costs beside one of plain gradient descent.

Source: the QLABGrad paper, section 5 (relative times).
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import models, optim, random
from ...nn.functional import cross_entropy
from ...tensors.creation import tensor
from .drawings import beside
from .qlab_mnist import rates
from .study import Cell, Judgement, Numbers, Outcome, Root, Study
from .training import images

METHODS = ("SGD", "HGD", "L4GD", "LQA", "QLABGrad", "QLABGrad, checked")
PAPER = {
    ("SGD", ""): 1.0, ("HGD", ""): 1.3, ("L4GD", ""): 1.3, ("QLABGrad", ""): 1.4, ("LQA", ""): 1.6,
}  # fmt: skip


@dataclass(frozen=True)
class _Settings:
    rounds: int
    steps: int
    seeds: int = 1
    batch_size: int = 64


def _cells(settings: _Settings, seed: int) -> Sequence[Cell]:
    return [Cell(method, "", seed + k) for method in METHODS for k in range(settings.seeds)]


def _run(settings: _Settings, cell: Cell, root: Root) -> Numbers:
    """Rounds of steps, one of the method and one of plain descent in turn; the median of their ratios."""
    splits = images("mnist", root)
    rng = np.random.default_rng(cell.seed)
    sides = []
    for method in (cell.method, "SGD"):
        random.seed(cell.seed)
        network = models.mlp(784, (1000, 1000))
        sides.append((network, optim.SGD(network.parameters(), lr=rates(1000)[method])))
    ratios = []
    for _ in range(settings.rounds):
        seconds = []
        for network, optimizer in sides:
            rows = rng.integers(0, len(splits.train), (settings.steps, settings.batch_size))
            batches = [(tensor(splits.train.x[r]), tensor(splits.train.y[r])) for r in rows]
            start = time.process_time()
            for x, y in batches:
                optimizer.minimize(functools.partial(_loss, network, x, y))
            seconds.append(time.process_time() - start)
        ratios.append(seconds[0] / seconds[1])
    return {"ratio": float(np.median(ratios)), "low": min(ratios), "high": max(ratios)}


def _loss(network: Any, x: Any, y: Any) -> Any:
    return cross_entropy(network(x), y)


def _near(outcome: Outcome) -> Judgement:
    found = {method: outcome.mean(method, "", "ratio") for method in outcome.methods()}
    told = ", ".join(f"{name} {value:.2f}" for name, value in found.items())
    off = [abs(found[name] - paper) for (name, _), paper in PAPER.items()]
    return Judgement(max(off) <= 0.15, told)


def _near_of(method: str) -> Callable[[Outcome], Judgement]:
    def judge(outcome: Outcome) -> Judgement:
        ratio, paper = outcome.mean(method, "", "ratio"), PAPER[method, ""]
        return Judgement(abs(ratio - paper) <= 0.15, f"{ratio:.2f}, the paper {paper:g}")

    return judge


STUDY = Study(
    name="cost",
    paper="QLABGrad",
    item="section 5, relative times",
    about="""Processor time of a step by `minimize`, in a loop of Python, over that of plain gradient
    descent (784-1000-1000-10, batches of 64), by rounds in turn; the median of the rounds.""",
    scales={"quick": _Settings(1, 2), "small": _Settings(11, 20), "medium": _Settings(31, 50)},
    cells=_cells,
    run=_run,
    metric=("ratio", "times plain descent"),
    published=PAPER,
    claims={
        "cost": _near,
        **{f"cost-{m.lower()}": _near_of(m) for m in ("HGD", "L4GD", "LQA", "QLABGrad")},
    },
    picture=lambda _, outcome: beside(outcome, "ratio", PAPER, "times plain gradient descent"),
    extra=("low", "high"),
)
