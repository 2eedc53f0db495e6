"""Small arrays for tensors, and derivatives by differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import lrswift as lr

A = np.array([[1.5, -2.0, 3.25], [0.5, 4.0, -1.0]])
B = np.array([[2.0], [-0.5]])


def double(values: np.ndarray) -> lr.Tensor:
    return lr.tensor(values, dtype=lr.float64)


def central(f: Callable, x: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Gradient of a scalar function of an array by central differences."""
    grad = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        up, down = x.copy(), x.copy()
        up[i] += step
        down[i] -= step
        grad[i] = (f(up) - f(down)) / (2 * step)
    return grad


def check_elementwise(function: Callable, definition: Callable, x: np.ndarray) -> None:
    """Values in both precisions, and the gradient against differences of the definition."""
    np.testing.assert_allclose(function(double(x)).numpy(), definition(x), rtol=1e-9)
    np.testing.assert_allclose(function(x).numpy(), definition(x), rtol=1e-5)
    t = lr.tensor(x, dtype=lr.float64, requires_grad=True)
    function(t).sum().backward()
    wanted = central(lambda v: definition(v).sum(), x)
    np.testing.assert_allclose(t.grad.numpy(), wanted, rtol=1e-6, atol=1e-9)
