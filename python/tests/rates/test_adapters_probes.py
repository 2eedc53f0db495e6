"""Rates that try points: none lies further away than `max_lr` allows."""

from __future__ import annotations

import numpy as np
import pytest
from twins import advance, leaf, quadratic

import lrswift as lr

A = lr.adapt
FLAT = np.array([1e-3, 2e-3, 5e-3])


@pytest.mark.parametrize(
    ("make", "limit"),
    [
        (lambda limit: A.QLABGrad(max_lr=limit), 0.02),
        (lambda limit: A.QLABGrad(trial=1e-3, find_trial=False, max_lr=limit), 0.5),
        (lambda limit: A.QLABGrad(trial=1e-3, check=None, max_lr=limit), 0.02),
        (lambda limit: A.LQA(max_lr=limit), 0.02),
        (lambda limit: A.SLS(max_lr=limit), 0.02),
        (lambda limit: A.NaiveTLR(meta_lr=1e-2, max_lr=limit), 0.02),
    ],
    ids=["qlabgrad", "qlabgrad-far", "qlabgrad-paper", "lqa", "sls", "naive-tlr"],
)
def test_no_loss_is_evaluated_beyond_max_lr(make, limit):
    theta = leaf()
    optimizer = lr.optim.SGD([theta], lr=make(limit))
    seen = []

    def closure():
        seen.append(np.array(theta.numpy()))
        return quadratic(theta, FLAT)

    for _ in range(5):
        start = np.array(theta.numpy())
        gradient = np.linalg.norm(FLAT * start)
        seen.clear()
        advance(optimizer, closure, "minimize")
        reach = max(np.linalg.norm(point - start) for point in seen)
        assert reach <= limit * gradient * (1 + 1e-9)
        assert optimizer.lr <= limit


def test_find_plr_doubles_no_further_than_max_lr():
    """A loss that is concave until far away: without the limit the trial rate doubles 64 times."""
    theta = leaf()
    optimizer = lr.optim.SGD([theta], lr=A.QLABGrad(trial=0.1, max_lr=1.0))
    loss = lambda: -0.5 * lr.sum(theta * theta)  # noqa: E731
    optimizer.minimize(loss)
    assert optimizer.state_dict()["rate.0.trial"] == pytest.approx(0.8)
    assert optimizer.lr == pytest.approx(0.8)
