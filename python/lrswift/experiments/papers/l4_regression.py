"""L4 on ill-conditioned regression: a linear network whose targets' rows differ in scale, full batches.

Source: Rolinek and Martius, arXiv 1802.05074, section 3.1, figure 2, table 2; problem: Recht and Rahimi.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ... import numpy as adapted
from ...errors import Diverged
from ...rates.adapters import L4
from .drawings import curves
from .study import Cell, Judgement, Numbers, Outcome, Root, Study
from .training import thinned

GOALS = (1e-3, 1e-6, 1e-10, 1e-14)
RATES: Mapping[str, tuple[float, ...]] = {
    "gradient descent": (1e-6, 3e-6, 1e-5, 3e-5, 1e-4),
    "momentum": (3e-7, 1e-6, 3e-6, 1e-5, 2e-5, 4e-5),
    "Adam": (1e-3, 3e-3, 1e-2, 3e-2, 0.1),
}
L4S: Mapping[str, tuple[str, float]] = {
    "L4Mom, alpha 0.15": ("ema", 0.15),
    "L4Mom, alpha 0.25": ("ema", 0.25),
    "L4Adam, alpha 0.15": ("adam", 0.15),
    "L4Adam, alpha 0.25": ("adam", 0.25),
}
LMA = "Levenberg-Marquardt"


@dataclass(frozen=True)
class _Settings:
    steps: int
    samples: int
    seeds: int
    conditions: tuple[float, ...] = (1e5,)


class Regression:
    """The sum |W1 W2 X - A X|^2, where A's rows have scales from 1 down to 1 / condition, and X is normal.

    W1 [10, 6] and W2 [6, 6], 96 weights, are normal at first; A's entries are uniform before they are scaled.
    """

    def __init__(self, condition: float, samples: int, seed: int) -> None:
        rng = np.random.RandomState(seed)
        self.start = [rng.randn(10, 6), rng.randn(6, 6)]
        target = np.linspace(1, 1 / condition, 10)[:, None] * rng.rand(10, 6)
        self.x = rng.randn(6, samples)
        self.y = target @ self.x

    def residual(self, weights: Sequence[np.ndarray]) -> np.ndarray:
        """[10, samples]."""
        return np.asarray(weights[0] @ (weights[1] @ self.x) - self.y)

    def loss(self, weights: Sequence[np.ndarray]) -> float:
        """The sum of squares."""
        return float(np.sum(self.residual(weights) ** 2))

    def gradient(self, weights: Sequence[np.ndarray]) -> tuple[float, list[np.ndarray]]:
        """The loss, and its gradient by both matrices."""
        residual = self.residual(weights)
        hidden = weights[1] @ self.x
        return float(np.sum(residual**2)), [
            2 * residual @ hidden.T, weights[0].T @ (2 * residual) @ self.x.T
        ]  # fmt: skip


def _cells(settings: _Settings, seed: int) -> Sequence[Cell]:
    constant = [f"{name} {rate:g}" for name, rates in RATES.items() for rate in rates]
    return [
        Cell(method, f"condition {condition:g}", seed + k)
        for condition in settings.conditions
        for method in (*L4S, *constant, LMA)
        for k in range(settings.seeds)
    ]


def _optimizer(method: str) -> adapted.Adapted:
    if method in L4S:
        direction, alpha = L4S[method]
        options = {"eps": 1e-4} if direction == "adam" else {}
        return adapted.Adapted(L4(alpha=alpha), direction, **options)
    name, rate = method.rsplit(" ", 1)
    if name == "Adam":
        return adapted.Adapted(float(rate), "adam")
    return adapted.Adapted(float(rate), "sgd", **({"momentum": 0.9} if name == "momentum" else {}))


def _run(settings: _Settings, cell: Cell, root: Root) -> Numbers:
    problem = Regression(float(cell.setting.split()[1]), settings.samples, cell.seed)
    losses = _levenberg(problem) if cell.method == LMA else _descent(problem, cell.method, settings.steps)
    first = losses[0]
    reached = {
        f"{goal:g}": next((k for k, v in enumerate(losses) if v < goal * first), None) for goal in GOALS
    }
    finite = [value for value in losses if math.isfinite(value)]
    # one that overflows has lost all
    least = min(finite) / first if math.isfinite(losses[-1]) else math.inf
    curve = [value / first for value in thinned(np.array(losses))]
    return {"loss": losses[-1] / first, "least": least, "losses": curve, **reached}


def _descent(problem: Regression, method: str, steps: int) -> list[float]:
    optimizer = _optimizer(method)
    weights = [w.copy() for w in problem.start]
    losses: list[float] = []
    with np.errstate(all="ignore"):
        for _ in range(steps):
            loss, gradients = problem.gradient(weights)
            losses.append(loss)
            if not math.isfinite(loss) or loss > 1e30:
                return [*losses, math.inf]
            if loss < GOALS[-1] / 10 * losses[0]:
                break
            try:
                optimizer.update(weights, gradients, loss)
            except Diverged:
                return [*losses, math.inf]
    return [*losses, problem.loss(weights)]


def _levenberg(problem: Regression) -> list[float]:
    """SciPy's, by evaluations of residual and Jacobian."""
    from scipy.optimize import least_squares

    shapes = [w.shape for w in problem.start]
    split = shapes[0][0] * shapes[0][1]
    losses: list[float] = []

    def unpacked(flat: np.ndarray) -> list[np.ndarray]:
        return [flat[:split].reshape(shapes[0]), flat[split:].reshape(shapes[1])]

    def residual(flat: np.ndarray) -> np.ndarray:
        found = problem.residual(unpacked(flat)).ravel()
        losses.append(min([float(found @ found), *losses[-1:]]))
        return found

    start = np.concatenate([w.ravel() for w in problem.start])
    least_squares(
        residual, start, lambda flat: _jacobian(problem, unpacked(flat)), method="lm", xtol=1e-15, ftol=1e-15
    )
    return losses


def _jacobian(problem: Regression, weights: Sequence[np.ndarray]) -> np.ndarray:
    hidden = weights[1] @ problem.x
    rows, samples = len(weights[0]), problem.x.shape[1]
    first = np.einsum("ia,bn->inab", np.eye(rows), hidden).reshape(rows * samples, -1)
    second = np.einsum("ia,bn->inab", weights[0], problem.x).reshape(rows * samples, -1)
    return np.concatenate([first, second], axis=1)


def _steps(outcome: Outcome, method: str) -> float:
    """Until the loss is 1e-14 of the first, the slowest seed at the first condition; infinite: never."""
    found = outcome.values(method, outcome.settings()[0], "1e-14")
    return math.inf if np.isnan(found).any() else float(found.max())


def _judge(outcome: Outcome) -> Judgement:
    steps = {m: _steps(outcome, m) for m in outcome.methods() if m != LMA}
    rival = min((m for m in steps if m not in L4S), key=lambda m: steps[m])
    ours = min(L4S, key=lambda m: steps[m])
    told = f"{ours} {_count(steps[ours])}; best constant rate, {rival}, {_count(steps[rival])}"
    return Judgement(steps[ours] < steps[rival], f"to 1e-14 of the first loss: {told}")


def _count(steps: float) -> str:
    return "never" if math.isinf(steps) else f"{steps:.0f} steps"


def _converges(outcome: Outcome) -> Judgement:
    told = ", ".join(f"{m} {_count(_steps(outcome, m))}" for m in (*L4S, LMA))
    return Judgement(
        all(math.isfinite(_steps(outcome, m)) for m in L4S), f"to 1e-14 of the first loss: {told}"
    )


def _starred(outcome: Outcome) -> Judgement:
    """Whether a fraction of a quarter, which the paper stars, is faster than the default."""
    slow, fast = (
        {m: _steps(outcome, m) for m in L4S if m.endswith(alpha)} for alpha in ("alpha 0.15", "alpha 0.25")
    )
    told = ", ".join(f"{m} {_count(steps)}" for m, steps in {**slow, **fast}.items())
    return Judgement(all(a > b for a, b in zip(slow.values(), fast.values(), strict=True)), told)


def _momentum_sooner(outcome: Outcome) -> Judgement:
    """L4Mom beside the best constant rate of momentum, and L4Adam beside Adam's."""
    told, holds = [], []
    for ours, family in (("L4Mom, alpha 0.25", "momentum"), ("L4Adam, alpha 0.25", "Adam")):
        rates = {m: _steps(outcome, m) for m in outcome.methods() if m.startswith(f"{family} ")}
        rival = min(rates, key=lambda m: rates[m])
        holds.append(_steps(outcome, ours) < rates[rival])
        told.append(f"{ours} {_count(_steps(outcome, ours))}, {rival} {_count(rates[rival])}")
    return Judgement(all(holds), "; ".join(told))


def _newton_first(outcome: Outcome) -> Judgement:
    """Whether Levenberg and Marquardt's method needs the fewest steps."""
    steps = {m: _steps(outcome, m) for m in outcome.methods()}
    rival = min((m for m in steps if m != LMA), key=lambda m: steps[m])
    return Judgement(steps[LMA] < steps[rival], f"{LMA} {_count(steps[LMA])}, {rival} {_count(steps[rival])}")


STUDY = Study(
    name="l4-regression",
    paper="L4",
    item="section 3.1, figure 2, table 2",
    about="""A linear network of 96 weights fits targets whose rows differ in scale by the condition,
    full batches, in double precision. The table has the least loss over the first; Levenberg and
    Marquardt's method is SciPy's.""",
    scales={
        "quick": _Settings(60, 100, 1),
        "small": _Settings(6000, 1000, 2, (1e5, 1e10)),
        "medium": _Settings(20_000, 1000, 5, (1e5, 1e7, 1e10)),
    },
    cells=_cells,
    run=_run,
    metric=("least", "least loss over the first"),
    claims={
        "l4-regression-beats": _judge,
        "l4-regression-converges": _converges,
        "l4-regression-starred": _starred,
        "l4-regression-own": _momentum_sooner,
        "l4-regression-newton": _newton_first,
    },
    picture=lambda _, outcome: curves(outcome, "losses", "loss over the first", "part of the run"),
    extra=[f"{goal:g}" for goal in GOALS],
)
