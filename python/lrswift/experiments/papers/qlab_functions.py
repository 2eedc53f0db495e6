"""QLABGrad on functions of two numbers, and how FindPLR finds its trial rate.

Source: the QLABGrad paper, figures 2 and 8.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import functions, models, random
from ... import numpy as adapted
from ...functions import TestFunction
from ...nn.functional import cross_entropy
from ...pictures.figure import panels
from ...rates.adapters import QLABGrad
from ...search.trial import find_trial_rate
from ...tensors.creation import tensor
from .drawings import color
from .study import Cell, Judgement, Numbers, Outcome, Root, Study
from .training import images

METHODS = {
    "QLABGrad": lambda: QLABGrad(trial=0.01, check=None, refind_every=2**31 - 1),
    "QLABGrad, checked": lambda: QLABGrad(trial=0.01, refind_every=2**31 - 1),
    "SGD 0.01": lambda: 0.01,
}
NAMES = ("booth", "eggholder", "himmelblau")
ENOUGH = 1e-4
# iterations in the paper's figure; its starting points are not given
PAPER = {("QLABGrad", "booth"): 50.0, ("QLABGrad", "eggholder"): 500.0, ("QLABGrad", "himmelblau"): 90.0}


@dataclass(frozen=True)
class _Settings:
    starts: int
    iterations: int


def _cells(settings: _Settings, seed: int) -> Sequence[Cell]:
    return [
        Cell(method, name, seed + k) for name in NAMES for method in METHODS for k in range(settings.starts)
    ]


def _start(function: TestFunction, seed: int) -> np.ndarray:
    """Within the inner half of the domain, the same for all methods."""
    low, high = function.domain
    return np.random.default_rng(seed).uniform(low / 2, high / 2, 2)


def _run(settings: _Settings, cell: Cell, root: Root) -> Numbers:
    function: TestFunction = getattr(functions, cell.setting)
    x = _start(function, cell.seed)
    path = [x.copy()]
    optimizer = adapted.Adapted(METHODS[cell.method](), "sgd")
    count = settings.iterations
    with np.errstate(all="ignore"):
        for k in range(settings.iterations):
            gradient = function.gradient(x)
            if not np.isfinite(gradient).all():
                break
            if np.linalg.norm(gradient) < ENOUGH:
                count = k
                break
            value = float(function(x))
            optimizer.update([x], [gradient], value, lambda: float(function(x)))
            path.append(x.copy())
    kept = [[float(a), float(b)] for a, b in path[:200]]
    return {
        "iterations": float(count),
        "converged": float(count < settings.iterations),
        "value": float(function(x)),
        "path": kept,
    }


def _faster(outcome: Outcome) -> Judgement:
    told, holds = [], True
    for name in outcome.settings():
        ours, sgd = (outcome.values(m, name, "iterations") for m in ("QLABGrad", "SGD 0.01"))
        done = outcome.mean("QLABGrad", name, "converged")
        holds = holds and np.median(ours) < np.median(sgd)
        told.append(
            f"{name}: median {np.median(ours):.0f} ({100 * done:.0f} % arrive), SGD {np.median(sgd):.0f}"
        )
    return Judgement(bool(holds), "; ".join(told))


def _within(outcome: Outcome) -> Judgement:
    found = {name: float(np.median(outcome.values("QLABGrad", name, "iterations"))) for name in NAMES}
    told = ", ".join(f"{name} {n:.0f} (paper {PAPER['QLABGrad', name]:.0f})" for name, n in found.items())
    return Judgement(all(n <= PAPER["QLABGrad", name] for name, n in found.items()), told)


def _within_on(name: str) -> Callable[[Outcome], Judgement]:
    def judge(outcome: Outcome) -> Judgement:
        counts = outcome.values("QLABGrad", name, "iterations")
        paper = PAPER["QLABGrad", name]
        told = f"median {np.median(counts):.0f}, largest {counts.max():.0f}, the paper {paper:.0f}"
        return Judgement(bool(np.median(counts) <= paper), told)

    return judge


def _picture(_: Any, outcome: Outcome) -> Any:
    figure, axes = panels(len(NAMES))
    for axis, name in zip(axes, NAMES, strict=True):
        function: TestFunction = getattr(functions, name)
        line = np.linspace(*function.domain, 200)
        grid = np.stack(np.meshgrid(line, line), axis=-1)
        axis.contour(
            line, line, np.log(function(grid) - function.least + 1), 20, linewidths=0.4, colors="#bbb"
        )
        for place, method in enumerate(METHODS):
            path = np.array(outcome.of(method, name)[0]["path"])
            axis.plot(*path.T, "o-", markersize=2, linewidth=1, color=color(place), label=method)
        axis.set(title=name, xlim=function.domain, ylim=function.domain)
    axes[0].legend(frameon=False, fontsize=7)
    return figure


FUNCTIONS = Study(
    name="qlab-functions",
    paper="QLABGrad",
    item="figure 2",
    about="""Iterations until the gradient is shorter than 1e-4, from random starting points in the
    inner half of the domain; FindPLR once, from 0.01.""",
    scales={"quick": _Settings(2, 200), "small": _Settings(20, 20_000)},
    cells=_cells,
    run=_run,
    metric=("iterations", "until |g| < 1e-4"),
    published=PAPER,
    claims={
        "qlab-functions-faster": _faster,
        "qlab-functions-paper": _within,
        **{f"qlab-functions-{name}": _within_on(name) for name in NAMES},
    },
    picture=_picture,
    extra=("converged", "value"),
)


# ---- FindPLR ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _PlrSettings:
    seeds: int
    starts: tuple[float, ...] = (1e-5, 1e-3, 0.1, 1.0, 10.0)
    batch_size: int = 64


def _plr_cells(settings: _PlrSettings, seed: int) -> Sequence[Cell]:
    return [
        Cell("FindPLR", f"from {start:g}", seed + k)
        for start in settings.starts
        for k in range(settings.seeds)
    ]


def _plr(settings: _PlrSettings, cell: Cell, root: Root) -> Numbers:
    splits = images("mnist", root)
    random.seed(cell.seed)
    network = models.mlp(784, (1000, 1000))
    rows = np.random.default_rng(cell.seed).integers(0, len(splits.train), settings.batch_size)
    x, y = tensor(splits.train.x[rows]), tensor(splits.train.y[rows])
    start = float(cell.setting.split()[1])
    found = find_trial_rate(lambda: cross_entropy(network(x), y), network.parameters(), start)
    return {"found": found, "doublings": math.log2(found / start)}


def _seven(outcome: Outcome) -> Judgement:
    found = outcome.values("FindPLR", "from 1e-05", "doublings")
    told = ", ".join(f"{value:.0f}" for value in found)
    return Judgement(bool((found == 7).all()), f"doublings from 1e-5 at the first weights, by seed: {told}")


FIND_PLR = Study(
    name="qlab-findplr",
    paper="QLABGrad",
    item="figure 8",
    about="""FindPLR at the first weights of a network 784-1000-1000-10 on one batch of MNIST: what it
    finds from several starting rates. The paper goes from 1e-5 to 0.00128 by seven doublings.""",
    scales={"quick": _PlrSettings(2), "small": _PlrSettings(10)},
    cells=_plr_cells,
    run=_plr,
    metric=("found", "trial rate"),
    published={("FindPLR", "from 1e-05"): 0.00128},
    claims={"qlab-findplr-seven": _seven},
    extra=("doublings",),
)
