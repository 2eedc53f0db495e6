"""Native optimizers beside their NumPy references on the same problems, and what must hold for each.

Two are equal where every loss, rate and parameter is, in float64 and to a relative 1e-10, over different
mini-batches of a small tanh network. The cases are well conditioned: rounding errors in every gradient grow
to 2e-12 at most over the run; where a path is chaotic, `steps` says how far it is followed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pytest
from reference import directions, problems
from reference.more_directions import Clipped

import lrswift as lr

TOLERANCE = 1e-10
HEAVY = {"momentum": 0.8, "weight_decay": 5e-4}
NESTEROV = {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-2}
DAMPED = {"momentum": 0.9, "dampening": 0.3}


@dataclass
class Case:
    native: Callable  # parameters -> optimizer
    reference: Callable[[], object]
    probes: bool = False
    steps: int = 200
    fixed: bool = False  # one mini-batch for all steps


def probing(native: Callable, reference: Callable, steps: int = 200) -> Case:
    return Case(native, reference, True, steps)


def runs(cases: Mapping[str, Case]) -> list[tuple[str, str]]:
    """Every case in every loop that can train it."""
    return [(name, "minimize") for name in cases] + [
        (name, "step") for name, case in cases.items() if not case.probes
    ]


# ---- parameters -> optimizer -----------------------------------------------------------------------------


def of(name: str, rate, **options) -> Callable:
    """lr.optim.<name>; looked up late, so that one that is missing fails in its own test."""
    return lambda parameters: getattr(lr.optim, name)(
        parameters, lr=rate() if callable(rate) else rate, **options
    )


def sgd(rate: Callable, **options) -> Callable:
    return of("SGD", rate, **options)


def adam(rate: Callable, **options) -> Callable:
    return of("Adam", rate, **options)


def adamw(rate: Callable, **options) -> Callable:
    return of("AdamW", rate, **options)


def free(**options) -> Callable:
    return lambda parameters: lr.optim.ScheduleFree(parameters, **options)


def halves(parameters: list) -> list[dict]:
    return [{"params": parameters[:2]}, {"params": parameters[2:]}]


# ---- references ------------------------------------------------------------------------------------------


def clipped(make: Callable, clip: Callable, limit: float) -> Callable:
    return lambda: Clipped(make(), clip, limit)


def constant(direction: Callable, rate: float) -> Callable:
    return lambda: directions.Constant(direction(), rate)


# ---- problems on native tensors --------------------------------------------------------------------------


def native(array: np.ndarray) -> lr.Tensor:
    return lr.tensor(array, dtype=lr.float64)


def leaf(array: np.ndarray = problems.START) -> lr.Tensor:
    return lr.tensor(array, dtype=lr.float64, requires_grad=True)


def quadratic(theta: lr.Tensor, curvature: np.ndarray = problems.CURVATURE) -> lr.Tensor:
    """theta' H theta / 2, as `reference.problems.quadratic`."""
    return 0.5 * lr.sum(native(curvature) * theta * theta)


def advance(optimizer, closure: Callable, loop: str) -> float:
    if loop == "minimize":
        return optimizer.minimize(closure)
    optimizer.zero_grad()
    loss = closure()
    loss.backward()
    optimizer.step(loss)
    return loss.item()


class Twin:
    """The tanh network, with the batches of the reference problem."""

    def __init__(self, case: Case) -> None:
        self.case, self.problem = case, problems.TanhNetwork()
        self.parameters = [leaf(p) for p in self.problem.start]
        self.optimizer = case.native(self.parameters)

    def closure(self, batch: int) -> Callable:
        x, y = native(self.problem.x[batch]), native(self.problem.y[batch])

        def loss():
            w1, b1, w2, b2 = self.parameters
            residual = lr.tanh(x @ w1 + b1) @ w2 + b2 - y
            return 0.5 * lr.mean(residual * residual)

        return loss

    def step(self, batch: int, loop: str = "minimize") -> float:
        return advance(self.optimizer, self.closure(batch), loop)

    def arrays(self) -> list[np.ndarray]:
        return [np.array(p.numpy()) for p in self.parameters]

    def reload(self) -> None:
        """The state as it is, in a new optimizer."""
        state = self.optimizer.state_dict()
        self.optimizer = self.case.native(self.parameters)
        self.optimizer.load_state_dict(state)


class Quadratic:
    """f = theta' diag(1, 4, 10) theta / 2 from (1, -2, .5): `reference.problems.quadratic`."""

    def __init__(self, make: Callable, shift: float = 0.0, curvature=problems.CURVATURE) -> None:
        self.h, self.theta = native(curvature), leaf()
        self.optimizer, self.shift, self.evaluations = make([self.theta]), shift, 0

    def closure(self):
        self.evaluations += 1
        return 0.5 * lr.sum(self.h * self.theta * self.theta) + self.shift

    def run(self, steps: int, loop: str = "minimize") -> tuple[list[float], list[float]]:
        """Rates of the steps, and losses after them."""
        rates, losses = [], []
        for _ in range(steps):
            advance(self.optimizer, self.closure, loop)
            rates.append(self.optimizer.lr)
            losses.append(self.closure().item())
        return rates, losses


# ---- what must hold --------------------------------------------------------------------------------------


def rates_of(optimizer, count: int) -> list[float]:
    rate = optimizer.lr
    if isinstance(rate, dict):
        return [rate[f"param.{i}"] for i in range(count)]
    return [float(rate)] * count


def check(actual, expected, where: str, tolerance: float = TOLERANCE) -> None:
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    assert actual.shape == expected.shape, f"{where}: shape {actual.shape}, reference {expected.shape}"
    off, size = np.abs(actual - expected), np.abs(expected).max()
    if not off.max() <= tolerance * size:
        at = np.unravel_index(np.nanargmax(np.where(np.isnan(off), np.inf, off)), off.shape)
        pytest.fail(
            f"{where}: {actual[at]!r} where the reference has {expected[at]!r} (entry {list(map(int, at))}, "
            f"off by {off.max() / size:.2e} of the largest entry, {tolerance:.0e} allowed)"
        )


def equal_to_the_reference(case: Case, name: str, loop: str) -> None:
    twin = Twin(case)
    reference, parameters = case.reference(), twin.problem.initial()
    for t in range(case.steps):
        batch = 0 if case.fixed else t
        expected_loss, expected_rate = reference.step(parameters, twin.problem.at(batch))
        where = f"{name} ({loop}), step {t} (from 0)"
        check(twin.step(batch, loop), expected_loss, f"{where}: loss")
        expected_rates = np.broadcast_to(expected_rate, len(parameters))
        check(rates_of(twin.optimizer, len(parameters)), expected_rates, f"{where}: opt.lr")
        for label, actual, expected in zip(twin.problem.names, twin.arrays(), parameters, strict=True):
            check(actual, expected, f"{where}: {label}")
    assert twin.optimizer.skipped_steps == 0


def resumes(case: Case, name: str) -> None:
    """Continued in a new optimizer after 11, 23 and 50 steps, a run is the run that was never stopped."""
    whole, part = Twin(case), Twin(case)
    for t in range(100):
        if t in (11, 23, 50):
            part.reload()
        whole.step(t)
        part.step(t)
        for label, a, b in zip(whole.problem.names, whole.arrays(), part.arrays(), strict=True):
            assert a.tobytes() == b.tobytes(), f"{name}: {label} differs at step {t}"


def stays_where_gradients_are_zero(make: Callable, name: str) -> None:
    """At the minimum every inner product is 0: nothing moves, now or later, and no rate is lost to 0 / 0."""
    quadratic = Quadratic(make)
    quadratic.theta.assign(native(np.zeros(3)))
    for _ in range(9):
        quadratic.optimizer.minimize(quadratic.closure)
        assert not np.any(quadratic.theta.numpy()), f"{name}: {quadratic.theta.numpy()}"
        assert np.all(np.isfinite(rates_of(quadratic.optimizer, 1))), f"{name}: {quadratic.optimizer.lr}"
