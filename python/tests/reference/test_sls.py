"""The references of the line searches alone: golden numbers, resets and failures."""

from __future__ import annotations

import math

import goldens
import numpy as np
import pytest

from reference import problems, sls


def test_sls_golden() -> None:
    optimizer, parameters = sls.SLS(), [problems.START.copy()]
    trials, rates, losses = [], [], []
    for _ in range(4):
        rates.append(optimizer.step(parameters, problems.quadratic)[1])
        trials.append(optimizer.trials)
        losses.append(problems.quadratic(parameters)[0])
    goldens.SLS.check(rates, losses)
    assert trials == goldens.SLS_TRIALS


@pytest.mark.parametrize(("reset", "first"), [("grow", 2 ** (1 / 500)), ("keep", 1.0), ("initial", 1.0)])
def test_sls_reset(reset: str, first: float) -> None:
    optimizer, parameters = sls.SLS(reset=reset), [problems.START.copy()]
    _, rate = optimizer.step(parameters, problems.quadratic)
    assert rate == pytest.approx(first * 0.9**11, rel=1e-13)
    _, again = optimizer.step(parameters, problems.quadratic)
    base = {"grow": rate * first, "keep": rate, "initial": 1.0}[reset]
    assert again == pytest.approx(base * 0.9 ** (optimizer.trials - 1), rel=1e-13)


def test_sls_failure_steps_a_little_and_remembers_the_shrunken_eta() -> None:
    rising = lambda p: (1.0 if p[0][0] == 1 else 2.0, [np.ones(1)])  # noqa: E731
    optimizer, parameters = sls.SLS(), [np.ones(1)]
    _, rate = optimizer.step(parameters, rising)
    assert rate == 1e-6 and parameters[0][0] == 1 - 1e-6 and optimizer.trials == 100
    assert optimizer.size == pytest.approx(2.7e-5, rel=0.02)


def test_sls_nan_is_a_failure() -> None:
    walled = lambda p: (math.nan if abs(p[0]).max() > 3 else problems.quadratic(p)[0], [p[0]])  # noqa: E731
    optimizer, parameters = sls.SLS(initial=10.0, reset="keep"), [problems.START.copy()]
    _, rate = optimizer.step(parameters, walled)
    assert 0 < rate < 10 and np.abs(parameters[0]).max() <= 3


def test_goldstein_doubles_short_steps() -> None:
    _, (g,) = problems.quadratic([problems.START])
    for initial in (1e-3, 1.0):
        optimizer, parameters = sls.Goldstein(initial=initial, reset="keep"), [problems.START.copy()]
        loss, rate = optimizer.step(parameters, problems.quadratic)
        after = problems.quadratic(parameters)[0]
        assert loss - 0.9 * rate * (g @ g) <= after <= loss - 0.1 * rate * (g @ g)
