"""L4: golden numbers, what a lower bound is, and steps to each loss of a badly conditioned regression."""

from __future__ import annotations

import goldens
import numpy as np
import pytest
from reference import problems
from twins import Quadratic, leaf, native, sgd

import lrswift as lr

A = lr.adapt


@pytest.mark.parametrize("loop", ["minimize", "step"])
def test_l4_mom_golden(loop: str) -> None:
    rates, losses = Quadratic(lambda p: lr.optim.L4Mom(p)).run(5, loop)
    goldens.L4_MOM.check(rates, losses)


def test_l4_lower_bound_is_a_shift_of_the_loss() -> None:
    plain, _ = Quadratic(sgd(lambda: A.L4())).run(30)
    shifted, _ = Quadratic(sgd(lambda: A.L4(lower_bound=-20.0)), shift=-20.0).run(30)
    np.testing.assert_allclose(shifted, plain, rtol=1e-11)


@pytest.mark.parametrize(
    ("alpha", "golden", "slack"),
    [
        (0.25, goldens.L4_MOM_QUARTER_REGRESSION, 1),
        # with the smaller alpha rounding grows into other steps long before the end
        (0.15, goldens.L4_MOM_REGRESSION, 0.1),
    ],
)
def test_steps_to_each_level_of_the_loss(alpha: float, golden: goldens.Descent, slack: float) -> None:
    *weights, x, y = problems.regression_data(seed=0)
    first, second = (leaf(w) for w in weights)
    x, y = native(x), native(y)
    optimizer = lr.optim.L4Mom([first, second], alpha=alpha)

    def loss() -> lr.Tensor:
        return (first @ second @ x - y).square().sum()

    losses = [optimizer.minimize(loss)]
    assert losses[0] == pytest.approx(goldens.REGRESSION_LOSS, abs=0.5)
    assert optimizer.lr == pytest.approx(golden.first_rate, rel=1e-5)
    limit = int(golden.counts[-1] * 1.2)
    while losses[-1] >= goldens.LEVELS[-1] * losses[0] and len(losses) < limit:
        losses.append(optimizer.minimize(loss))
    for level, steps in zip(goldens.LEVELS, golden.counts, strict=True):
        # counted from 1: the first loss of all belongs to step 1
        reached = np.flatnonzero(np.array(losses) < level * losses[0])
        assert reached.size, f"{level} not reached in {len(losses)} steps"
        assert abs(int(reached[0]) + 1 - steps) <= (slack if slack >= 1 else slack * steps)
