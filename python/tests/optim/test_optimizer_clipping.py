"""Rates beside clipped gradients: the loss is not clipped, nor is the slope that it is compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pairs import DIRECTIONS, PAIRS, label, make

import lrswift as lr

A = lr.adapt
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 8)), RNG.normal(size=40) + 3
WEIGHT, BIAS = np.linspace(-1, 1, 8), np.array([5.0])
LINEAR = [name for name in DIRECTIONS if name.split("+")[0] in ("sgd", "ema")]
# of the quadratic's gradient at the start, whose norm is 5.6
NORMS = [3.0, 0.5, 0.05]


class Quadratic:
    """Mean squares of a linear model, in float64."""

    def __init__(self) -> None:
        self.parameters = [lr.tensor(v, dtype=lr.float64, requires_grad=True) for v in (WEIGHT, BIAS)]
        self.x, self.y = lr.tensor(X, dtype=lr.float64), lr.tensor(Y, dtype=lr.float64)

    def loss(self) -> lr.Tensor:
        residual = self.x @ self.parameters[0] + self.parameters[1] - self.y
        return (residual * residual).mean()

    def values(self) -> np.ndarray:
        return np.concatenate([p.numpy() for p in self.parameters])

    def put(self, values: np.ndarray) -> None:
        for parameter, part in zip(self.parameters, (values[:8], values[8:]), strict=True):
            parameter.assign(lr.tensor(part, dtype=lr.float64))

    def step(self, optimizer: lr.optim.Optimizer) -> float:
        before = self.values()
        valid = {"valid": self.loss} if isinstance(optimizer.rate, A.MARTHE) else {}
        optimizer.minimize(self.loss, **valid)
        return float(np.linalg.norm(self.values() - before))


def first_length(pair: tuple[str, str], **clip: float) -> float:
    problem = Quadratic()
    return problem.step(make(pair, problem.parameters, **clip))


FIRST = [pair for pair in PAIRS if pair[1] != "marthe"]


@pytest.mark.parametrize("pair", FIRST, ids=label)
def test_no_first_step_is_longer_for_clipping_by_norm(pair: tuple[str, str]) -> None:
    free = first_length(pair)
    # directions that divide by their gradients see the constant in the divisor more, the shorter these are:
    # Adadelta's is 1e-6, under a root
    slack = 1e-9 if pair[0] in LINEAR else 1e-4 if pair[0] != "adadelta" else 0.07
    for norm in NORMS:
        assert first_length(pair, clip_norm=norm) <= free * (1 + slack), norm


@pytest.mark.parametrize("rate", ["l4", "sps", "momo", "hd", "dog"])
@pytest.mark.parametrize("value", [1.0, 0.1])
def test_no_first_step_is_longer_for_clipping_by_value(rate: str, value: float) -> None:
    for direction in [name for name in DIRECTIONS if (name, rate) in PAIRS]:
        slack = 1e-9 if direction != "adadelta" else 0.07
        pair = (direction, rate)
        assert first_length(pair, clip_value=value) <= first_length(pair) * (1 + slack), direction


@pytest.mark.parametrize("direction", LINEAR)
@pytest.mark.parametrize("rate", ["l4", "sps", "qlabgrad", "lqa", "newton", "barzilai_borwein", "sls"])
def test_nor_is_a_later_one(direction: str, rate: str) -> None:
    problem = Quadratic()
    free = make((direction, rate), problem.parameters)
    for _ in range(3):
        problem.step(free)
    state, values = free.state_dict(), problem.values()
    length = problem.step(free)
    # the search shrinks by tenths
    slack = 1 / 0.9 if rate == "sls" else 1 + 1e-9
    for norm in NORMS:
        problem.put(values)
        clipped = make((direction, rate), problem.parameters, clip_norm=norm)
        clipped.load_state_dict(state)
        assert problem.step(clipped) <= length * slack, norm


@pytest.mark.parametrize(("clip_norm", "clip_value"), [(0.5, np.inf), (np.inf, 0.3), (1.0, 0.3)])
@pytest.mark.parametrize("name", ["ema", "adam", "sgd"])
def test_l4_follows_its_formula_with_the_slope_of_the_loss(
    name: str, clip_norm: float, clip_value: float
) -> None:
    problem = Quadratic()
    options: dict[str, Any] = {"sgd": {"momentum": 0.9}, "ema": {"beta": 0.9}, "adam": {}}[name]
    optimizer = lr.optim.Optimizer(problem.parameters, name, A.L4(), options, clip_value, clip_norm)
    theta = problem.values()
    used, whole, square, lowest = np.zeros(9), np.zeros(9), np.zeros(9), None
    for t in range(1, 31):
        residual = X @ theta[:8] + theta[8] - Y
        loss, g = np.mean(residual**2), 2 / 40 * np.append(X.T @ residual, residual.sum())
        clipped = g * min(1, clip_norm / (np.linalg.norm(g) + 1e-6))
        clipped = np.clip(clipped, -clip_value, clip_value)
        keep, add = (0.9, 1.0) if name == "sgd" else (0.9, 0.1)
        used, whole = keep * used + add * clipped, keep * whole + add * g
        square = 0.999 * square + 0.001 * clipped**2
        total = (1 - 0.9**t) / (1 - 0.9) * add
        if name == "sgd":
            d = used
        elif name == "ema":
            d = used / total
        else:
            d = used / total / (np.sqrt(square / (1 - 0.999**t)) + 1e-8)
        cosine = whole @ used / np.sqrt((whole @ whole) * (used @ used))
        slope = whole @ d / total / cosine
        lowest = 0.75 * loss if lowest is None else min(lowest, loss)
        rate = 0.15 * (loss - 0.9 * lowest) / (slope + 1e-12) if slope > 0 else 0.0
        lowest *= 1 + 1 / 1000
        theta = theta - rate * d
        problem.step(optimizer)
        np.testing.assert_allclose(problem.values(), theta, rtol=1e-9, atol=1e-11)


def test_what_was_clipped_off_is_saved() -> None:
    def made(problem: Quadratic) -> lr.optim.Optimizer:
        options = {"beta": 0.9}
        return lr.optim.Optimizer(problem.parameters, "ema", A.L4(), options, 0.3, 0.5)

    straight, resumed = Quadratic(), Quadratic()
    first, second = made(straight), made(resumed)
    for _ in range(5):
        straight.step(first)
    second.load_state_dict(first.state_dict())
    resumed.put(straight.values())
    for _ in range(5):
        straight.step(first)
        resumed.step(second)
    np.testing.assert_array_equal(straight.values(), resumed.values())


def test_limits_that_nothing_reaches_change_nothing() -> None:
    free, wide = Quadratic(), Quadratic()
    ours = [
        lr.optim.Optimizer(free.parameters, "adam", A.L4(), {}),
        lr.optim.Optimizer(wide.parameters, "adam", A.L4(), {}, np.inf, 1e9),
    ]
    for _ in range(10):
        free.step(ours[0])
        wide.step(ours[1])
    np.testing.assert_array_equal(free.values(), wide.values())
