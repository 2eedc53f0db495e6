"""The references of QLABGrad and FindPLR alone."""

from __future__ import annotations

import math

import goldens
import numpy as np
import pytest

from reference import problems, qlabgrad


def test_qlabgrad_golden() -> None:
    rates, losses = problems.run(qlabgrad.QLABGrad(trial=0.1, find_trial=False), 5)
    goldens.LINE_MINIMA.check(rates, losses)


@pytest.mark.parametrize("trial", [1e-3, 0.05, 0.19])
def test_qlabgrad_on_a_quadratic_is_the_line_minimum(trial: float) -> None:
    rates, _ = problems.run(qlabgrad.QLABGrad(trial=trial, find_trial=False), 1)
    goldens.near(rates, goldens.LINE_MINIMA.rates[:1], 1e-10)


@pytest.mark.parametrize(("trial", "found", "moves"), goldens.FIND_PLR)
def test_find_plr_golden(trial: float, found: float, moves: int) -> None:
    loss, (g,) = problems.quadratic([problems.START])
    probe = lambda rate: problems.quadratic([problems.START - rate * g])[0]  # noqa: E731
    assert qlabgrad.find_plr(trial, loss, g @ g, probe) == (found, moves)


def test_find_plr_doubles_where_the_loss_is_concave() -> None:
    """f = 1 - a - a^2 until a = 0.001, convex after: seven doublings from 1e-5, as in the paper's figure."""
    probe = lambda a: 1 - a - a * a if a < 0.001 else 1 - a + a * a  # noqa: E731
    trial, found, moves = goldens.FIND_PLR_FIGURE
    assert qlabgrad.find_plr(trial, 1.0, 1.0, probe) == (pytest.approx(found), moves)


def test_find_plr_gives_up_on_an_unbounded_concave_loss() -> None:
    _, moves = qlabgrad.find_plr(1e-5, 1.0, 1.0, lambda a: 1 - a - a * a)
    assert moves == 64


def test_qlabgrad_negative_bracket_takes_the_trial_rate() -> None:
    rates, _ = problems.run(qlabgrad.QLABGrad(trial=0.1, find_trial=False), 3, problems.concave)
    assert rates == [0.1] * 3


def test_qlabgrad_non_finite_probe_halves_for_good() -> None:
    def walled(parameters):
        loss, gradients = problems.quadratic(parameters)
        return (loss if np.abs(parameters[0]).max() < 3 else math.nan), gradients

    optimizer = qlabgrad.QLABGrad(trial=1.0, find_trial=False)  # theta - g = (0, 6, -4.5), then (.5, 2, -2)
    rates, _ = problems.run(optimizer, 1, walled)
    goldens.near(rates, goldens.LINE_MINIMA.rates[:1])
    assert optimizer.trial == 0.5
