"""Derivatives of functions of tensors."""

import numpy as np
import pytest
from arrays import double

import lrswift as lr


def test_backward_accumulates_and_checks():
    t = lr.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(2):
        (t * t).sum().backward()
    np.testing.assert_array_equal(t.grad.numpy(), [4, 8])
    with pytest.raises(lr.ShapeError, match="scalar"):
        (t * t).backward()
    with lr.no_grad():
        assert not (t * 2).requires_grad


def test_grad_jvp_hvp():
    a, b = np.array([1.0, -2.0, 0.5]), np.array([3.0, 1.0, 2.0])

    def f(x, y):
        return (x * x * y).sum() + x.exp().sum()

    gx, gy = lr.grad(f)(double(a), double(b))
    np.testing.assert_allclose(gx.numpy(), 2 * a * b + np.exp(a), rtol=1e-12)
    np.testing.assert_allclose(gy.numpy(), a * a, rtol=1e-12)
    value, tangent = lr.jvp(f, [double(a), double(b)], [double(b), double(a)])
    np.testing.assert_allclose(tangent.item(), (2 * a * b + np.exp(a)) @ b + (a * a) @ a, rtol=1e-12)
    np.testing.assert_allclose(value.item(), (a * a * b).sum() + np.exp(a).sum(), rtol=1e-12)
    x = lr.tensor(a, dtype=lr.float64, requires_grad=True)
    z = np.random.default_rng(0).normal(size=(4, 3))
    (product,) = lr.hvp(lambda: f(x, double(b)), [x], [z])
    np.testing.assert_allclose(product.numpy(), z * (2 * b + np.exp(a)), rtol=1e-12)
    (single,) = lr.hvp(lambda: f(x, double(b)), [x], [z[0]])
    np.testing.assert_allclose(single.numpy(), product.numpy()[0], rtol=1e-12)
    with pytest.raises(lr.ShapeError, match=r"vectors\[0\]"):
        lr.hvp(lambda: f(x, double(b)), [x], [np.ones((2, 2))])


def test_a_write_to_shared_memory_between_forward_and_backward_is_an_error():
    for write in (lambda w: w.numpy(), lambda w: np.from_dlpack(w.detach()), memoryview):
        w = lr.tensor([3.0, 2.0], requires_grad=True)
        view = write(w)
        loss = (w * w).sum()
        view[0] = 5.0
        with pytest.raises(lr.Error, match="has changed since, by .* a write to its memory"):
            loss.backward()
        assert w.grad is None
        (w * w).sum().backward()
        assert w.grad.tolist() == [10.0, 4.0]


def test_a_view_that_is_written_and_gone_is_seen_too():
    w = lr.tensor([3.0], requires_grad=True)
    view = w.numpy()
    loss = (w * w).sum()
    view[0] = 4.0
    del view
    with pytest.raises(lr.Error, match="a write to its memory"):
        loss.backward()


def test_views_that_are_only_read_change_nothing():
    w = lr.tensor([3.0], requires_grad=True)
    view = w.numpy()
    loss = (w * w).sum()
    assert view[0] == 3.0
    loss.backward()
    assert w.grad.tolist() == [6.0]
    # written before the loss was computed: what it was computed from
    view[0] = 5.0
    w.grad = None
    loss = (w * w).sum()
    loss.backward()
    assert w.grad.tolist() == [10.0]


def test_writes_to_foreign_memory_are_seen():
    array = np.array([3.0, 1.0])
    x = lr.from_dlpack(array)
    w = lr.tensor([2.0, 2.0], dtype=lr.float64, requires_grad=True)
    loss = (w * x).sum()
    array[1] = 7.0
    with pytest.raises(lr.Error, match="a write to its memory"):
        loss.backward()


def test_a_gradient_that_is_the_value_is_a_copy():
    """backward adds to gradients; it once added to the value by that."""
    w = lr.tensor([[1.0, 3.0], [2.0, 0.0]], requires_grad=True)
    for given in (w, w.detach(), w.reshape((2, 2))):
        w.grad = given
        lr.sum(w * 2.0).backward()
        np.testing.assert_array_equal(w.numpy(), [[1, 3], [2, 0]])
        np.testing.assert_array_equal(w.grad.numpy(), [[3, 5], [4, 2]])
