"""QLABGrad, LQA and Newton: minima along the line, their cost in evaluations, and probes that fail."""

from __future__ import annotations

import math
from collections.abc import Callable

import goldens
import numpy as np
import pytest
from reference import directions as D
from reference import problems, qlabgrad
from twins import Case, Quadratic, Twin, adam, check, native, sgd

import lrswift as lr

A = lr.adapt


@pytest.mark.parametrize("find", [False, True])
def test_qlabgrad_golden(find: bool) -> None:
    rates, losses = Quadratic(sgd(lambda: A.QLABGrad(trial=0.1, find_trial=find))).run(5)
    goldens.LINE_MINIMA.check(rates, losses)


@pytest.mark.parametrize("name", ["LQA", "Newton"])
def test_line_minima_golden(name: str) -> None:
    rates, losses = Quadratic(sgd(lambda: getattr(A, name)())).run(5)
    goldens.LINE_MINIMA.check(rates, losses, name)


def test_qlabgrad_costs_one_more_evaluation() -> None:
    quadratic = Quadratic(sgd(lambda: A.QLABGrad(find_trial=False)))
    for _ in range(5):
        quadratic.optimizer.minimize(quadratic.closure)
    assert quadratic.evaluations == 10


def test_lqa_costs_two_more_evaluations() -> None:
    quadratic = Quadratic(sgd(lambda: A.LQA()))
    for _ in range(5):
        quadratic.optimizer.minimize(quadratic.closure)
    assert quadratic.evaluations == 15


def test_qlabgrad_negative_bracket_takes_the_trial_rate() -> None:
    rates, _ = Quadratic(sgd(lambda: A.QLABGrad(trial=0.1, find_trial=False)), curvature=-np.ones(3)).run(3)
    assert rates == [0.1] * 3


def test_qlabgrad_non_finite_probe_halves_the_trial_rate_for_good() -> None:
    """The trial 1e160 overflows the loss; it is halved until the probe is finite, once for all steps."""
    quadratic = Quadratic(sgd(lambda: A.QLABGrad(trial=1e160, find_trial=False)))
    quadratic.optimizer.minimize(quadratic.closure)
    assert quadratic.optimizer.lr == pytest.approx(goldens.LINE_MINIMA.rates[0], rel=1e-8)
    first, quadratic.evaluations = quadratic.evaluations, 0
    assert first > 20
    quadratic.optimizer.minimize(quadratic.closure)
    assert quadratic.evaluations == 2


@pytest.mark.parametrize("make", [lambda: D.Adam(), lambda: D.SGD(momentum=0.9)], ids=["adam", "momentum"])
def test_qlabgrad_over_another_direction(make: Callable) -> None:
    """Probes theta - rate d and uses <g, d>; a short run, since this pair is not well conditioned."""
    direction = adam if isinstance(make(), D.Adam) else lambda rate: sgd(rate, momentum=0.9)
    twin = Twin(Case(direction(lambda: A.QLABGrad()), make, True))
    reference, parameters = qlabgrad.QLABGrad(make()), twin.problem.initial()
    for t in range(10):
        reference.step(parameters, twin.problem.at(t))
        twin.step(t)
        for label, actual, expected in zip(twin.problem.names, twin.arrays(), parameters, strict=True):
            check(actual, expected, f"QLABGrad over {type(make()).__name__}, step {t}: {label}", 1e-8)


@pytest.mark.parametrize(("trial", "found", "moves"), goldens.FIND_PLR)
def test_find_plr_through_the_optimizer(trial: float, found: float, moves: int) -> None:
    """On a concave second step the rate is the trial rate that FindPLR left."""
    quadratic = Quadratic(sgd(lambda: A.QLABGrad(trial=trial)))
    quadratic.optimizer.minimize(quadratic.closure)
    quadratic.h = native(-np.ones(3))
    quadratic.optimizer.minimize(quadratic.closure)
    assert quadratic.optimizer.lr == found, f"from {trial}"


@pytest.mark.parametrize(
    ("name", "options", "kept"),
    [
        ("LQA", {"trial": 0.07}, 0.07),
        ("Newton", {"initial": 0.03}, 0.03),
        ("BarzilaiBorwein", {"initial": 0.02, "form": 1}, 0.02),
        ("BarzilaiBorwein", {"initial": 0.02, "form": 2}, 0.02),
    ],
)
def test_negative_curvature_keeps_the_rate(name: str, options: dict, kept: float) -> None:
    quadratic = Quadratic(sgd(lambda: getattr(A, name)(**options)), curvature=-np.ones(3))
    assert quadratic.run(3)[0] == [kept] * 3
    if name != "BarzilaiBorwein":  # its secants are of two steps
        quadratic.h = native(problems.CURVATURE)
        quadratic.run(1)
        kept = quadratic.optimizer.lr
        assert 0.1 < kept < 1
        quadratic.h = native(-np.ones(3))
        assert quadratic.run(2)[0] == [kept] * 2


class Walled(Quadratic):
    """Every evaluation but the one of the step itself is not finite, while `wall` lasts."""

    wall, first = 0, True

    def step(self, value: float) -> None:
        self.first, self.value = True, value
        self.optimizer.minimize(self.closure)

    def closure(self):
        first, self.first = self.first, False
        if first or self.wall == 0:
            return super().closure()
        self.wall -= 1
        return super().closure() * self.value


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_probes_that_are_not_finite(value: float) -> None:
    search = Walled(sgd(lambda: A.SLS()))
    search.wall = 15
    search.step(value)
    assert search.optimizer.lr == pytest.approx(2 ** (1 / 500) * 0.9**15, rel=1e-12)
    parabola = Walled(sgd(lambda: A.LQA(trial=0.03)))
    parabola.wall = 4
    parabola.step(value)
    assert parabola.optimizer.lr == 0.03
    parabola.wall = 0
    parabola.step(value)
    kept = parabola.optimizer.lr
    assert kept > 0.1
    parabola.wall = 4
    parabola.step(value)
    assert parabola.optimizer.lr == kept
    assert search.optimizer.skipped_steps == parabola.optimizer.skipped_steps == 0
