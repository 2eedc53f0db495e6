"""Barzilai and Borwein's steps: golden numbers, and where they have nothing to go by."""

from __future__ import annotations

import numpy as np
import pytest
from reference import problems
from twins import Quadratic, native, sgd

import lrswift as lr

A = lr.adapt


def test_barzilai_borwein_golden() -> None:
    h, theta = problems.CURVATURE, problems.START
    two, three, four = (np.sum(h**k * theta**2) for k in (2, 3, 4))
    for form, expected in ((1, two / three), (2, three / four)):
        rates, _ = Quadratic(sgd(lambda form=form: A.BarzilaiBorwein(form=form))).run(2)
        assert rates == pytest.approx([0.01, expected], rel=1e-12), f"form {form}"


def test_zero_gradients_are_no_step() -> None:
    """s = y = 0: nothing moves, and the rate is not lost to 0 / 0."""
    quadratic = Quadratic(sgd(lambda: A.StochasticBarzilaiBorwein(steps_per_epoch=2)))
    quadratic.theta.assign(native(np.zeros(3)))
    for _ in range(9):
        quadratic.optimizer.minimize(quadratic.closure)
        assert not np.any(quadratic.theta.numpy())
        assert np.isfinite(quadratic.optimizer.lr)
    quadratic.theta.assign(native(problems.START))
    assert quadratic.run(3)[1][-1] < 9.75


def test_sgd_bb_keeps_its_rate_where_the_gradient_does_not_change() -> None:
    """On a plane y is 0 and |s|^2 / |s'y| infinite; on a saddle the sign of s'y does not matter."""
    theta = native(problems.START)
    theta.requires_grad = True
    optimizer = lr.optim.SGD([theta], lr=A.StochasticBarzilaiBorwein(initial=0.03, steps_per_epoch=2))
    for _ in range(9):
        optimizer.minimize(lambda: lr.sum(theta))
        assert optimizer.lr == 0.03
    make = sgd(lambda: A.StochasticBarzilaiBorwein(initial=0.01, steps_per_epoch=1))
    saddle = Quadratic(make, curvature=-np.ones(3))
    # y is one step older than s, which grew by 1.01 since
    assert saddle.run(3)[0] == pytest.approx([0.01, 0.01, 1.01])
