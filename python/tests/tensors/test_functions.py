"""Functions of tensors beside NumPy's."""

import numpy as np
import pytest
from arrays import A, B, check_elementwise, double

import lrswift as lr


@pytest.mark.parametrize(
    "mask, a, b", [((3,), (2, 3), ()), ((2, 1), (3,), (2, 3)), ((2, 3), (), ()), ((), (3,), (2, 1))]
)
def test_where_broadcasts_as_numpy(mask, a, b):
    rng = np.random.default_rng(5)
    m, x, y = rng.random(mask) < 0.5, rng.random(a), rng.random(b)
    theta = lr.tensor(x, dtype="float64", requires_grad=True)
    chosen = lr.where(m, theta, lr.tensor(y, dtype="float64"))
    np.testing.assert_array_equal(chosen.numpy(), np.where(m, x, y))
    lr.sum(chosen).backward()
    taken = np.broadcast_to(m, chosen.shape).astype(float)
    for axis, size in enumerate((1,) * (taken.ndim - x.ndim) + x.shape):
        taken = taken.sum(axis, keepdims=True) if size == 1 else taken
    np.testing.assert_array_equal(theta.grad.numpy(), taken.reshape(x.shape))


def test_where_refuses_shapes_that_do_not_broadcast():
    with pytest.raises(lr.ShapeError, match="mask"):
        lr.where(np.ones(4, bool), np.ones((2, 3)), 0.0)


def test_comparisons_and_where():
    t = double(A)
    np.testing.assert_array_equal((t > 1).numpy(), A > 1)
    np.testing.assert_array_equal((t <= double(B)).numpy(), A <= B)
    np.testing.assert_array_equal((lr.arange(3) == 1).numpy(), [False, True, False])
    assert (t == None) is False  # noqa: E711
    np.testing.assert_array_equal(lr.where(t > 0, t, 0.0).numpy(), np.where(A > 0, A, 0))
    np.testing.assert_array_equal(lr.maximum(t, 1.0).numpy(), np.maximum(A, 1))
    assert hash(t) == hash(t)
    assert len({t, t}) == 1


REDUCTIONS = [None, 0, 1, -1, (0, 1)]


@pytest.mark.parametrize("axis", REDUCTIONS, ids=str)
@pytest.mark.parametrize("name", ["sum", "mean", "max", "min"])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions(name, axis, keepdims):
    result = getattr(double(A), name)(axis, keepdims)
    expected = getattr(np, name)(A, axis=axis, keepdims=keepdims)
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-14)


def test_argmax_reshape_cat_stack():
    t = double(A)
    np.testing.assert_array_equal(t.argmax(1).numpy(), A.argmax(1))
    assert t.argmax().item() == A.argmax()
    np.testing.assert_array_equal(t.reshape(3, -1).numpy(), A.reshape(3, 2))
    np.testing.assert_array_equal(lr.cat([t, t], 1).numpy(), np.concatenate([A, A], 1))
    np.testing.assert_array_equal(lr.stack([t, t], -1).numpy(), np.stack([A, A], -1))
    with pytest.raises(lr.ShapeError, match="reshape"):
        t.reshape(4, 2)
    with pytest.raises(lr.ShapeError, match="axis 2"):
        t.sum(2)
    with pytest.raises(lr.ShapeError, match=r"tensors\[1\]"):
        lr.stack([t, t.T])
    with pytest.raises(lr.ShapeError):
        t + double(np.ones((4, 3)))


@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "square", "abs"])
def test_functions_of_one_number(name):
    check_elementwise(getattr(lr, name), getattr(np, name), np.array([0.25, 1.0, 2.5, 7.0]))
