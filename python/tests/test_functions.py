"""Test functions: their published minima, and gradients beside finite differences."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

import lrswift as lr

ALL = [getattr(lr.functions, name) for name in lr.functions.__all__ if name != "TestFunction"]


@pytest.mark.parametrize("function", ALL, ids=lambda f: f.name)
def test_minima(function):
    low, high = function.domain
    grid = np.stack(np.meshgrid(*[np.linspace(low, high, 301)] * 2), axis=-1)
    for minimum in function.minima:
        assert function(minimum) == pytest.approx(function.least, abs=1e-5)
    assert function(grid).min() >= function.least - 1e-6


@pytest.mark.parametrize("function", ALL, ids=lambda f: f.name)
def test_gradients(function):
    rng = np.random.default_rng(0)
    points = rng.uniform(*function.domain, (50, 2))
    found = function.gradient(points)
    assert found.shape == (50, 2)
    for point, gradient in zip(points, found, strict=True):
        expected = approx_fprime(point, lambda x: float(function(x)), 1e-6)
        np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-3 * np.abs(found).max())


def test_at_a_kink_and_for_wrong_shapes():
    assert np.isfinite(lr.functions.eggholder.gradient([0.0, -47.0])).all()
    with pytest.raises(lr.ShapeError, match=r"booth: x: got shape \(3,\)"):
        lr.functions.booth([1.0, 2.0, 3.0])
