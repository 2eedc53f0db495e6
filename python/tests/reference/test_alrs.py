"""The reference of ALRS alone: what it finds where the answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reference import alrs, directions


@pytest.mark.parametrize("curvature", [0.1, 1.0, 7.0])
@pytest.mark.parametrize(("reading", "factor"), [("B", 1.6), ("reset", 1.05)])
def test_alrs_settles_near_the_inverse_curvature(curvature: float, reading: str, factor: float) -> None:
    """Under plain descent A <- -rate (g + H A) turns at rate * curvature = 1."""
    evaluate = lambda p: (float(0.5 * curvature * np.sum(p[0] ** 2)), [curvature * p[0]])  # noqa: E731
    start = [np.array([1.3, -0.4])]
    rate, *_ = alrs.find_lr(start, [evaluate] * 500, directions.SGD, reading=reading)
    assert 1 / factor < 10 * rate * curvature < factor
    assert start[0].tolist() == [1.3, -0.4]


def test_alrs_non_finite_batches_count_as_decrease() -> None:
    bad = lambda p: (math.nan, [np.full_like(p[0], math.nan)])  # noqa: E731
    _, search, signals, seen = alrs.find_lr([np.ones(2)], [bad] * 100, directions.SGD)
    assert set(signals) == {-1} and set(seen) == {math.inf} and search.value < 1e-3
