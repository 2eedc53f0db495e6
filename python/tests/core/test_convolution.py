"""Direct convolution in float32 against the definition in float64, over random shapes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import convolution

import lrswift as lr
from lrswift import _core
from lrswift.nn import functional as F


@st.composite
def problems(draw):
    """Sizes and settings of a convolution that exists; few images, none among them."""
    small = st.integers(1, 3)
    kernel, dilation = draw(st.tuples(st.integers(1, 5), st.integers(1, 5))), draw(st.tuples(small, small))
    padding, stride = draw(st.tuples(*[st.integers(0, 4)] * 2)), draw(st.tuples(small, small))
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    least = [max(1, d * (k - 1) + 1 - 2 * p) for k, d, p in zip(kernel, dilation, padding, strict=True)]
    size = [draw(st.integers(n, n + 14)) for n in least]
    channels = groups * draw(st.sampled_from([1, 2, 3, 4, 7, 16, 20, 64]))
    outputs = groups * draw(st.sampled_from([1, 3, 6, 10, 16, 17, 20, 32, 50, 64]))
    images = draw(st.integers(0, 4))
    if draw(st.booleans()):  # a first layer, which has a blocking of its own
        stride, groups = (1, 1), draw(st.integers(1, 2))
        channels, outputs = groups * draw(st.integers(1, 3)), groups * draw(st.integers(1, 24))
        size[1] += draw(st.sampled_from([0, 2, 16, 30]))
    elif draw(st.booleans()):  # enough images for a vector lane each
        images, groups = draw(st.sampled_from([15, 16, 31, 48])), 1
        size = [n + draw(st.integers(0, 5)) for n in least]
        channels, outputs = draw(st.integers(4, 9)), draw(st.sampled_from([1, 5, 6, 7, 13, 20]))
    x, w = (images, *size, channels), (*kernel, channels // groups, outputs)
    return x, w, (stride, padding, dilation, groups), draw(st.integers(0, 2**32 - 1))


def sums(x, w, gy, setting):
    """What lrswift makes of it: y, gx, gw."""
    stride, padding, dilation, groups = setting
    tx, tw = lr.tensor(x, requires_grad=True), lr.tensor(w, requires_grad=True)
    y = F.conv2d(tx, tw, None, stride, padding, dilation, groups)
    return [t.numpy() for t in (y, *_core.gradients(y, lr.tensor(gy), (tx, tw)))]


@settings(max_examples=200, deadline=None)
@given(problems())
def test_float32_within_the_rounding_of_its_sums(problem):
    x_shape, w_shape, setting, seed = problem
    rng = np.random.default_rng(seed)
    x, w = (rng.normal(size=s).astype(np.float32) for s in (x_shape, w_shape))
    y_shape = (x_shape[0], *convolution.output_size(x_shape, w_shape, *setting[:3]), w_shape[3])
    gy = rng.normal(size=y_shape).astype(np.float32)
    wide = [a.astype(np.float64) for a in (x, w, gy)]
    exact = [convolution.forward(*wide[:2], *setting), *convolution.gradients(*wide, *setting)]
    absolute = [np.abs(a) for a in wide]
    largest = [convolution.forward(*absolute[:2], *setting), *convolution.gradients(*absolute, *setting)]
    # A sum of n products in any order errs by at most n u / (1 - n u) times the sum of their magnitudes,
    # u = 2^-24 (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1).
    terms = (np.prod(w_shape[:3]), np.prod(w_shape[:2]) * w_shape[3], np.prod(y_shape[:3]))
    for got, wanted, bound, n in zip(sums(x, w, gy, setting), exact, largest, terms, strict=True):
        assert got.dtype == np.float32 and got.shape == wanted.shape
        assert np.all(np.abs(got - wanted) <= (n + 2) * 2.0**-24 * 1.01 * bound + 1e-37)


@pytest.mark.parametrize("channels, outputs, size", [(1, 6, 28), (3, 16, 32), (64, 64, 9), (20, 50, 12)])
def test_same_bits_for_any_number_of_threads(channels, outputs, size, set_threads):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(9, size, size, channels)).astype(np.float32)
    w = rng.normal(size=(3, 3, channels, outputs)).astype(np.float32)
    gy = rng.normal(size=(9, size, size, outputs)).astype(np.float32)
    results = []
    for threads in (1, 2, 3, 7):
        set_threads(threads)
        results.append(sums(x, w, gy, ((1, 1), (1, 1), (1, 1), 1)))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a.view(np.uint32), b.view(np.uint32))


def test_stacked_tangents_are_the_convolutions_of_each():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(2, 6, 5, 3)).astype(np.float32)
    w = lr.tensor(rng.normal(size=(3, 3, 3, 8)).astype(np.float32))
    z = rng.normal(size=(4, *x.shape)).astype(np.float32)
    _, stacked = lr.jvp(lambda t: F.conv2d(t, w, padding=1), lr.tensor(x), lr.tensor(z))
    for k in range(4):
        np.testing.assert_array_equal(stacked.numpy()[k], F.conv2d(z[k], w, padding=1).numpy())


@pytest.mark.parametrize(
    "change, error, words",
    [
        ({"groups": 3}, lr.ArgumentError, "groups"),
        ({"groups": 0}, lr.ArgumentError, "groups"),
        ({"dilation": 0}, lr.ArgumentError, "dilation"),
        ({"dilation": 4}, lr.ShapeError, "dilation"),
        ({"groups": 2}, lr.ShapeError, "weights"),
    ],
)
def test_refusals(change, error, words):
    x, w = lr.zeros(1, 6, 6, 4), lr.zeros(3, 3, 4, 6)
    with pytest.raises(error, match=words):
        F.conv2d(x, w, **change)


def test_a_layer_with_groups_and_dilation():
    layer = lr.nn.Conv2d(4, 6, 3, padding=2, dilation=2, groups=2)
    x = np.random.default_rng(7).normal(size=(2, 5, 5, 4)).astype(np.float32)
    assert layer.weight.shape == (3, 3, 2, 6) and "dilation=(2, 2), groups=2" in repr(layer)
    wanted = convolution.forward(
        x.astype(np.float64), layer.weight.numpy().astype(np.float64), (1, 1), (2, 2), (2, 2), 2
    )
    np.testing.assert_allclose(layer(x).numpy(), wanted + layer.bias.numpy(), rtol=1e-5, atol=1e-5)
    with pytest.raises(lr.ArgumentError, match="groups"):
        lr.nn.Conv2d(4, 6, 3, groups=4)


def test_a_bias_is_added_and_differentiated_with_the_sum():
    rng = np.random.default_rng(8)
    x, w, b = (lr.tensor(rng.normal(size=s), dtype="float64") for s in ((2, 5, 4, 3), (2, 3, 3, 6), (6,)))
    tangents = [lr.tensor(rng.normal(size=(3, *t.shape)), dtype="float64") for t in (x, w, b)]

    def inside(x, w, b):
        return F.conv2d(x, w, b, padding=1).square().sum()

    def outside(x, w, b):
        return (F.conv2d(x, w, padding=1) + b).square().sum()

    def products(f):
        leaves = [lr.tensor(t, requires_grad=True) for t in (x, w, b)]
        return lr.hvp(lambda: f(*leaves), leaves, tangents)

    for got, wanted in (
        (lr.grad(inside)(x, w, b), lr.grad(outside)(x, w, b)),
        (lr.jvp(inside, [x, w, b], tangents), lr.jvp(outside, [x, w, b], tangents)),
        (products(inside), products(outside)),
    ):
        for a, c in zip(got, wanted, strict=True):
            np.testing.assert_allclose(a.numpy(), c.numpy(), rtol=1e-10, atol=1e-10)
    with pytest.raises(lr.ShapeError, match="bias"):
        F.conv2d(x, w, lr.zeros(5, dtype="float64"))
