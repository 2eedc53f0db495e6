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


class Counted:
    """A quadratic that counts how often its loss is asked for."""

    def __init__(self) -> None:
        self.theta, self.calls = leaf(), 0

    def __call__(self):
        self.calls += 1
        return quadratic(self.theta, np.array([0.3, 1.0, 2.0]))


@pytest.mark.parametrize("trial", [1e-5, 1e-3, 10.0])
def test_a_trial_rate_that_follows_needs_one_more_forward_pass(trial):
    """From far too small and far too large ones: steps are checked until the trial rate has come."""
    loss = Counted()
    rate = A.QLABGrad(trial=trial, find_trial=False, follow=True)
    optimizer = lr.optim.SGD([loss.theta], lr=rate)
    for _ in range(40):
        optimizer.minimize(loss)
    loss.calls = 0
    rates = []
    for _ in range(40):
        optimizer.minimize(loss)
        rates.append(optimizer.lr)
    assert loss.calls <= 2.1 * 40
    held = optimizer.state_dict()["rate.0.trial"]
    assert 0.4 < held < 2.1 * max(rates)


def test_halving_is_forgotten_after_the_step():
    """Box and Kanemasu's: the loss at 64 is higher, and a trial rate that has been halved begins anew."""
    loss = Counted()
    optimizer = lr.optim.SGD(
        [loss.theta], lr=A.QLABGrad(trial=64.0, find_trial=False, check=None, halving=True)
    )
    optimizer.minimize(loss)
    assert optimizer.state_dict()["rate.0.trial"] == 64.0
    # as many halvings as bring 64 below 2 over the curvature along the gradient
    assert loss.calls > 5


@pytest.mark.parametrize(
    ("make", "calls"),
    [
        (lambda: A.QLABGrad(check=None, find_trial=False), 2),
        (lambda: A.LQA(), 3),
        (lambda: A.NaiveTLR(meta_lr=1e-3), 2),
        (lambda: A.TLR(window=1), 1),
        (lambda: A.L4(), 1),
        (lambda: A.HD(), 1),
    ],
    ids=["qlabgrad", "lqa", "naive-tlr", "tlr", "l4", "hd"],
)
def test_how_often_a_step_evaluates_the_loss(make, calls):
    """Once more for QLABGrad and the naive TLR, twice more for LQA, no more for the others."""
    loss = Counted()
    optimizer = lr.optim.SGD([loss.theta], lr=make())
    for _ in range(10):
        optimizer.minimize(loss)
    assert loss.calls == 10 * calls
