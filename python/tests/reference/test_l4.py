"""The reference of L4 alone, held to numbers computed apart and to its own identities."""

from __future__ import annotations

import goldens
import numpy as np
import pytest

from reference import directions, l4, problems


def test_l4_mom_golden() -> None:
    optimizer = l4.l4_mom()
    rates, losses = problems.run(optimizer, 5)
    goldens.L4_MOM.check(rates, losses)


def test_l4_minimum_after_forgetting() -> None:
    optimizer, parameters = l4.l4_mom(), [problems.START.copy()]
    for expected in goldens.L4_MOM_MINIMA:
        optimizer.step(parameters, problems.quadratic)
        goldens.near(optimizer.minimum, expected, 1e-13)


@pytest.mark.parametrize("make", [l4.l4_mom, l4.l4_gd])
def test_l4_first_step_and_new_minimum(make) -> None:
    rates, _ = problems.run(make(), 1)
    assert rates[0] == pytest.approx(0.04875 * 9.75 / 90, rel=1e-12)
    optimizer, parameters = make(), [problems.START.copy()]
    optimizer.minimum = 1e9  # any loss is then a new minimum, and the step is the least one
    _, rate = optimizer.step(parameters, problems.quadratic)
    assert rate == pytest.approx(0.015 * 9.75 / 90, rel=1e-12)


def test_l4_minimum_of_zero_is_never_lifted() -> None:
    optimizer = l4.l4_gd()
    optimizer.minimum = 0.0
    rates, _ = problems.run(optimizer, 3)
    assert optimizer.minimum == 0.0
    assert rates[0] == pytest.approx(0.15 * 9.75 / 90, rel=1e-12)


def test_l4_over_a_momentum_sum_makes_the_same_steps() -> None:
    _, losses = problems.run(l4.l4_mom(), 50)
    _, summed = problems.run(l4.L4(directions.SGD(momentum=0.9)), 50)
    np.testing.assert_allclose(summed, losses, rtol=1e-10)


def steps_until(optimizer, levels: tuple[float, ...], scale: float = 1.0, limit: int = 14000) -> list[int]:
    """Number (from 1) of the first step that observes a loss below level times the first loss."""
    parameters, evaluate = problems.regression(seed=0, scale=scale)
    counts, first = [], None
    for step in range(1, limit):
        loss, _ = optimizer.step(parameters, evaluate)
        first = loss if first is None else first
        while len(counts) < len(levels) and loss < levels[len(counts)] * first:
            counts.append(step)
        if len(counts) == len(levels):
            return counts
    raise AssertionError(f"only {counts} of the levels {levels} reached in {limit} steps")


# Counts far down depend on the order of summation (a rounding in the last digit moves them by 1-2 %); the
# first levels do not and are exact.
@pytest.mark.parametrize(
    ("make", "golden"),
    [
        (lambda: l4.l4_mom(), goldens.L4_MOM_REGRESSION),
        (lambda: l4.l4_mom(alpha=0.25), goldens.L4_MOM_QUARTER_REGRESSION),
        (lambda: l4.l4_adam(), goldens.L4_ADAM_REGRESSION),
    ],
    ids=["mom-0.15", "mom-0.25", "adam-0.15"],
)
def test_l4_on_the_badly_conditioned_regression(make, golden: goldens.Descent) -> None:
    parameters, evaluate = problems.regression(seed=0)
    loss, rate = make().step(parameters, evaluate)
    assert round(loss) == goldens.REGRESSION_LOSS
    assert rate == pytest.approx(golden.first_rate, rel=1e-5)
    measured = steps_until(make(), goldens.LEVELS[: len(golden.counts)])
    assert measured[0] == golden.counts[0]
    np.testing.assert_allclose(measured, golden.counts, rtol=0.03)


def test_l4_epsilon_matters_under_the_mean_loss() -> None:
    counts = steps_until(l4.l4_mom(alpha=0.25), (goldens.LEVELS[0], goldens.LEVELS[-1]), scale=1e-3)
    np.testing.assert_allclose(counts, goldens.L4_MOM_MEAN_COUNTS, rtol=0.03)
