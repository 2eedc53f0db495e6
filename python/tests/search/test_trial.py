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


def test_at_a_random_point_the_entries_stand_in_another_order() -> None:
    """Where the gradient depends on the order, the rate is that of parameters shuffled by hand."""
    curvature = np.array([1.0, 40.0, 0.1, 3.0, 9.0])
    start = np.array([5.0, 0.1, -0.2, 0.3, 1.0])

    def found(values: np.ndarray, **options) -> float:
        theta = lr.tensor(values, dtype=lr.float64, requires_grad=True)
        closure = lambda: 0.5 * (theta * theta * lr.tensor(curvature, dtype=lr.float64)).sum()  # noqa: E731
        lr.seed(7)
        before = lr.random.get_state()
        rate = lr.adapt.find_trial_rate(closure, [theta], 10.0, **options)
        np.testing.assert_array_equal(theta.numpy(), values)
        assert theta.grad is None and lr.random.get_state() == before
        return rate

    key = np.array([7, 0], np.uint64)
    shuffled = np.random.Generator(np.random.Philox(key=key)).permutation(start)
    assert not np.array_equal(shuffled, start)
    assert found(start, point="random") == found(shuffled) != found(start)


def test_another_point_is_named() -> None:
    theta = lr.tensor(np.ones(2), requires_grad=True)
    with pytest.raises(lr.ArgumentError, match="point: got 'best'; allowed: 'present', 'random'"):
        lr.adapt.find_trial_rate(lambda: (theta * theta).sum(), [theta], point="best")
