"""Plain gradient descent on the badly conditioned regression."""

from __future__ import annotations

import math

import goldens
import numpy as np
import pytest

from reference import directions, problems


def test_gradient_descent_on_the_badly_conditioned_regression() -> None:
    for rate, expected in goldens.DESCENT_LOSSES.items():
        parameters, evaluate = problems.regression(seed=0)
        optimizer = directions.Constant(directions.SGD(), rate)
        losses = [optimizer.step(parameters, evaluate)[0] for _ in range(3000)]
        assert losses[-1] == pytest.approx(expected, abs=0.005)
    parameters, evaluate = problems.regression(seed=0)
    optimizer = directions.Constant(directions.SGD(), 1e-4)
    with np.errstate(all="ignore"):
        losses = [optimizer.step(parameters, evaluate)[0] for _ in range(9)]
    assert not math.isfinite(losses[-1])
