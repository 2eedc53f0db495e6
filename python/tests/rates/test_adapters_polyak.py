"""SPS and MoMo: golden numbers, bounds, and gradients of zero."""

from __future__ import annotations

import goldens
import numpy as np
import pytest
from reference import problems
from twins import Quadratic, native, sgd

import lrswift as lr

A = lr.adapt


def test_sps_bounds() -> None:
    assert Quadratic(sgd(lambda: A.SPS(mode="max", max_lr=0.1))).run(3)[0] == [0.1] * 3
    rates, _ = Quadratic(sgd(lambda: A.SPS())).run(6)
    assert rates[0] == pytest.approx(9.75 / (45 + 1e-8), rel=1e-13)
    np.testing.assert_allclose(np.divide(rates[2:], rates[1:-1]), 2 ** (1 / 500), rtol=1e-12)


def test_sps_refuses_a_loss_below_its_bound() -> None:
    """As L4: nothing is changed, and the message says what to set; with f_star it steps below 0."""
    for rate, shift, what in [
        (A.SPS(), -20.0, "at least 0 in its smooth mode, got -10.25"),
        (A.SPS(mode="max"), -20.0, "f_star=0.0"),
        (A.SPS(mode="max", f_star=10.0), 0.0, "f_star=10.0, got 9.75"),
    ]:  # fmt: skip
        quadratic = Quadratic(lambda p, rate=rate: lr.optim.SGD(p, lr=rate), shift)
        with pytest.raises(lr.ArgumentError, match=what):
            quadratic.optimizer.minimize(quadratic.closure)
        assert quadratic.theta.numpy().tobytes() == problems.START.tobytes()
    low = Quadratic(lambda p: lr.optim.SGD(p, lr=A.SPS(mode="max", f_star=-20.0, max_lr=0.1)), -20.0)
    rates, losses = low.run(30)
    assert rates[0] == 0.1 and losses[-1] < losses[0] < -10.25


def test_sps_goes_on_after_a_zero_gradient() -> None:
    quadratic = Quadratic(sgd(lambda: A.SPS()))
    (*_, last), _ = quadratic.run(2)
    quadratic.theta.assign(native(np.zeros(3)))
    quadratic.run(2)
    quadratic.theta.assign(native(problems.START))
    quadratic.optimizer.minimize(quadratic.closure)
    assert quadratic.optimizer.lr == pytest.approx(last * 2 ** (1 / 500), rel=1e-12)


def test_momo_golden() -> None:
    theta = native(np.array([1.0, 2.0, 3.0]))
    theta.requires_grad = True
    optimizer = lr.optim.SGD([theta], lr=A.MoMo())
    losses = [optimizer.minimize(lambda: lr.sum(theta * theta)) for _ in range(4)]
    goldens.near(losses, goldens.MOMO_LOSSES, 6e-4)
