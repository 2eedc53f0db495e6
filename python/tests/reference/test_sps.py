"""The reference of SPS alone, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from reference import problems, sps


def test_sps_by_hand() -> None:
    """f / (c |g|^2 + 1e-8) = 9.75 / 45 at first, below the bound 2^(1 / 500); later that bound holds."""
    rates, losses = problems.run(sps.SPS(), 6)
    assert rates[0] == pytest.approx(9.75 / (0.5 * 90 + 1e-8), rel=1e-14)
    np.testing.assert_allclose(np.divide(rates[2:], rates[1:-1]), 2 ** (1 / 500), rtol=1e-13)
    assert losses[-1] < 0.1


def test_sps_max_bounds() -> None:
    assert problems.run(sps.SPS(mode="max", max_lr=0.1), 3)[0] == [0.1] * 3
    assert problems.run(sps.SPS(mode="max", f_star=10.0), 3)[0] == [0.0] * 3
    rate = problems.run(sps.SPS(mode="max", f_star=4.0, c=0.2), 1)[0][0]
    assert rate == pytest.approx(5.75 / (18 + 1e-8), rel=1e-14)


def test_sps_zero_gradient_leaves_the_stored_rate() -> None:
    optimizer = sps.SPS()
    problems.run(optimizer, 2)
    before = optimizer.rate
    assert optimizer.step([np.zeros(3)], problems.quadratic)[1] == 0
    assert optimizer.rate == before > 0
