"""FindPLR: the trial rate that it leaves, and a model as it was."""

from __future__ import annotations

import goldens
import numpy as np
import pytest
from reference import problems
from twins import Quadratic, sgd

import lrswift as lr


@pytest.mark.parametrize(("trial", "found", "moves"), goldens.FIND_PLR)
def test_trial_rate_of_the_golden_problem(trial: float, found: float, moves: int) -> None:
    quadratic = Quadratic(sgd(lambda: 0.1))
    assert lr.adapt.find_trial_rate(quadratic.closure, [quadratic.theta], trial) == found
    np.testing.assert_array_equal(quadratic.theta.numpy(), problems.START)
    assert quadratic.theta.grad is None
