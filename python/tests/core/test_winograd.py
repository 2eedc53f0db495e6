"""Winograd convolution, which float32 layers of many channels use, against the definition in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import convolution, winograd

import lrswift as lr
from lrswift import _core
from lrswift.nn import functional as F

NEAR, FAR = np.sqrt(0.5), np.sqrt(2.0)
MATRICES = winograd.transforms([0.0, NEAR, -NEAR, FAR, -FAR])
MAGNITUDES = tuple(np.abs(m) for m in MATRICES)


@st.composite
def problems(draw):
    """Layers with a 3 x 3 kernel and many channels, of images from one pixel on; no image among them."""
    padding = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    size = [draw(st.integers(max(1, 3 - 2 * p), 19)) for p in padding]
    channels, outputs = (draw(st.sampled_from([16, 31, 32, 33, 48, 64, 100, 128])) for _ in range(2))
    images = draw(st.sampled_from([0, 1, 2, 5, 12]))
    return (images, *size, channels), (3, 3, channels, outputs), padding, draw(st.integers(0, 2**32 - 1))


def operands(x_shape, w_shape, padding, seed):
    rng = np.random.default_rng(seed)
    y_shape = (x_shape[0], *(s + 2 * p - 2 for s, p in zip(x_shape[1:3], padding, strict=True)), w_shape[3])
    return [rng.normal(size=shape).astype(np.float32) for shape in (x_shape, w_shape, y_shape)]


def turned(w):
    return w[::-1, ::-1].transpose(0, 1, 3, 2)


def sums(x, w, gy, padding):
    """What lrswift makes of it: y and gx."""
    dtype = x.dtype.name
    tx = lr.tensor(x, dtype, requires_grad=True)
    y = F.conv2d(tx, lr.tensor(w, dtype), None, 1, padding)
    return [t.numpy() for t in (y, *_core.gradients(y, lr.tensor(gy, dtype), (tx,)))]


def test_the_reference_is_the_convolution():
    x, w, _ = (a.astype(np.float64) for a in operands((2, 9, 6, 3), (3, 3, 3, 2), (1, 2), 1))
    y = winograd.forward(x, w, (1, 2), MATRICES)
    np.testing.assert_allclose(
        y, convolution.forward(x, w, (1, 1), (1, 2), (1, 1), 1), rtol=1e-12, atol=1e-12
    )


@settings(max_examples=300, deadline=None)
@given(problems())
def test_within_the_rounding_of_its_transforms(problem):
    x_shape, w_shape, padding, seed = problem
    x, w, gy = (a.astype(np.float64) for a in operands(*problem))
    setting = ((1, 1), padding, (1, 1), 1)
    exact = [convolution.forward(x, w, *setting), convolution.gradients(x, w, gy, *setting)[0]]
    # Every number is a sum of products along A', G, B' and the channels; on no path are there more than 6
    # roundings within B', 10 within G, 10 within A' and one for each channel, constants' own among them.
    back = tuple(2 - p for p in padding)
    bounds = [
        (w_shape[2] + 28) * winograd.forward(np.abs(x), np.abs(w), padding, MAGNITUDES),
        (w_shape[3] + 28) * winograd.forward(np.abs(gy), np.abs(turned(w)), back, MAGNITUDES),
    ]
    for got, wanted, bound in zip(sums(*operands(*problem), padding), exact, bounds, strict=True):
        assert got.dtype == np.float32 and got.shape == wanted.shape
        assert np.all(np.abs(got - wanted) <= 2.0**-24 * 1.01 * bound + 1e-37)
        # far below the 1e-4 at which it would be left off
        assert np.linalg.norm(got - wanted) <= 5e-6 * np.linalg.norm(wanted)


@pytest.mark.parametrize("padding", [(0, 0), (1, 1), (2, 0)])
def test_gradients_are_added_to_those_before(padding):
    """x is used twice: the second convolution's gradient is added to the first's."""
    shape = (4, 13, 10, 64), (3, 3, 64, 40), padding, 3
    x, w, gy = operands(*shape)
    other = np.random.default_rng(4).normal(size=w.shape).astype(np.float32)
    tx = lr.tensor(x, requires_grad=True)
    y = F.conv2d(tx, lr.tensor(w), None, 1, padding) + F.conv2d(tx, lr.tensor(other), None, 1, padding)
    (got,) = _core.gradients(y, lr.tensor(gy), (tx,))
    wide = [a.astype(np.float64) for a in (x, w, other, gy)]
    setting = ((1, 1), padding, (1, 1), 1)
    wanted = sum(convolution.gradients(wide[0], kernel, wide[3], *setting)[0] for kernel in wide[1:3])
    assert np.linalg.norm(got.numpy() - wanted) <= 5e-6 * np.linalg.norm(wanted)


def test_double_precision_is_summed_plainly():
    x, w, gy = (a.astype(np.float64) for a in operands((3, 16, 16, 64), (3, 3, 64, 64), (1, 1), 5))
    setting = ((1, 1), (1, 1), (1, 1), 1)
    wanted = [convolution.forward(x, w, *setting), convolution.gradients(x, w, gy, *setting)[0]]
    largest = [
        convolution.forward(np.abs(x), np.abs(w), *setting),
        convolution.gradients(*map(np.abs, (x, w, gy)), *setting)[0],
    ]
    for got, exact, bound in zip(sums(x, w, gy, (1, 1)), wanted, largest, strict=True):
        assert np.all(np.abs(got - exact) <= (576 + 2) * 2.0**-53 * 2.02 * bound)


def test_what_sees_only_padding_is_zero():
    x, w, _ = operands((2, 8, 8, 64), (3, 3, 64, 64), (1, 1), 6)
    y = F.conv2d(lr.tensor(x), lr.tensor(w), None, 1, 4).numpy()
    inner = y[:, 2:-2, 2:-2]
    assert np.count_nonzero(inner) == inner.size
    y[:, 2:-2, 2:-2] = 0
    assert not y.any()


def test_a_value_that_is_not_finite_stays_near():
    x, w, _ = operands((3, 16, 16, 64), (3, 3, 64, 64), (1, 1), 7)
    x[1, 9, 9, 5] = np.nan
    y = F.conv2d(lr.tensor(x), lr.tensor(w), None, 1, 1).numpy()
    assert np.isnan(y[1, 8:11, 8:11]).all()
    assert np.isfinite(y[[0, 2]]).all() and np.isfinite(y[1, :4]).all() and np.isfinite(y[1, :, :4]).all()


def test_stacked_tangents_are_the_convolutions_of_each():
    rng = np.random.default_rng(8)
    x = rng.normal(size=(6, 12, 9, 64)).astype(np.float32)
    w = lr.tensor(rng.normal(size=(3, 3, 64, 48)).astype(np.float32))
    z = rng.normal(size=(3, *x.shape)).astype(np.float32)
    _, stacked = lr.jvp(lambda t: F.conv2d(t, w, padding=1), lr.tensor(x), lr.tensor(z))
    for k in range(3):
        np.testing.assert_array_equal(stacked.numpy()[k], F.conv2d(z[k], w, padding=1).numpy())
