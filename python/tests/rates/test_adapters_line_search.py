"""Line searches: golden numbers, and searches that fail."""

from __future__ import annotations

import math

import goldens
import numpy as np
import pytest
from reference import problems
from twins import Quadratic, native, sgd

import lrswift as lr

A = lr.adapt


def test_sls_golden() -> None:
    """Every trial is one evaluation, beside the one of the step itself."""
    quadratic, rates, losses, evaluations = Quadratic(sgd(lambda: A.SLS())), [], [], []
    for _ in range(4):
        quadratic.evaluations = 0
        quadratic.optimizer.minimize(quadratic.closure)
        evaluations.append(quadratic.evaluations)
        rates.append(quadratic.optimizer.lr)
        losses.append(quadratic.closure().item())
    goldens.SLS.check(rates, losses)
    assert evaluations == [1 + trials for trials in goldens.SLS_TRIALS]


def test_sls_failure_is_a_step_of_1e_6() -> None:
    quadratic = Quadratic(sgd(lambda: A.SLS(initial=1e9, reset="keep", max_trials=3)))
    quadratic.optimizer.minimize(quadratic.closure)
    assert quadratic.optimizer.lr == 1e-6 and quadratic.evaluations == 4
    moved = problems.START * (1 - 1e-6 * problems.CURVATURE)
    np.testing.assert_allclose(quadratic.theta.numpy(), moved, rtol=1e-15)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_goldstein_probe_that_is_not_finite_shortens(bad: float) -> None:
    quadratic = Quadratic(sgd(lambda: A.SLS(condition="goldstein", initial=0.5, reset="keep")))
    calls = []

    def closure():
        calls.append(1)
        return quadratic.closure() * (bad if 1 < len(calls) < 5 else 1.0)

    quadratic.optimizer.minimize(closure)
    assert 0 < quadratic.optimizer.lr < 0.5 * 0.9**3 + 1e-12
    assert quadratic.optimizer.skipped_steps == 0


def test_goldstein_takes_no_step_where_gradients_are_zero() -> None:
    """A slope of 0: nothing moves, and the rate is not lost to 0 / 0."""
    quadratic = Quadratic(sgd(lambda: A.SLS(condition="goldstein")))
    quadratic.theta.assign(native(np.zeros(3)))
    for _ in range(9):
        quadratic.optimizer.minimize(quadratic.closure)
        assert not np.any(quadratic.theta.numpy())
        assert np.isfinite(quadratic.optimizer.lr)
    quadratic.theta.assign(native(problems.START))
    assert quadratic.run(3)[1][-1] < 9.75
