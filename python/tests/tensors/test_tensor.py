"""Tensors against NumPy: operators, exchange, copies and words."""

import copy
import pickle

import numpy as np
import pytest
from arrays import A, B, central, double

import lrswift as lr

OPERATORS = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "number right": lambda a, b: (a + 2.5) * 3 - 1 + b * 2, "number left": lambda a, b: 2.5 - a * 1 + 1 / b,
    "power": lambda a, b: a**2 + b**3, "negative": lambda a, b: -a - b,
    "absolute": lambda a, b: abs(a) + abs(b),
    "matmul": lambda a, b: a.T @ b,
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_as_numpy(name):
    expected = OPERATORS[name](A, B)
    np.testing.assert_allclose(OPERATORS[name](double(A), double(B)).numpy(), expected, rtol=1e-13)
    single = OPERATORS[name](lr.tensor(A), lr.tensor(B))
    assert single.dtype == lr.float32
    np.testing.assert_allclose(single.numpy(), expected, rtol=2e-6)


@pytest.mark.parametrize("name", OPERATORS)
def test_operator_gradients_by_differences(name):
    f = OPERATORS[name]
    a, b = (lr.tensor(v, dtype=lr.float64, requires_grad=True) for v in (A, B))
    (f(a, b) * f(a, b)).sum().backward()
    np.testing.assert_allclose(
        a.grad.numpy(), central(lambda v: np.sum(f(v, B) ** 2), A), rtol=1e-6, atol=1e-6
    )
    np.testing.assert_allclose(
        b.grad.numpy(), central(lambda v: np.sum(f(A, v) ** 2), B), rtol=1e-6, atol=1e-6
    )


def test_arrays_on_either_side():
    t = lr.tensor(A)
    assert isinstance(np.ones((2, 3)) + t, lr.Tensor)
    np.testing.assert_allclose((np.ones((2, 3)) - t).numpy(), 1 - A, rtol=1e-6)
    np.testing.assert_allclose((t @ np.eye(3)).numpy(), A, rtol=1e-6)
    assert isinstance(np.float64(2) * t, lr.Tensor)
    np.testing.assert_allclose((2**t).numpy(), 2**A, rtol=1e-6)


def test_exchange():
    t = lr.tensor(A)
    shared = t.numpy()
    shared[0, 0] = 9
    assert t[0, 0].item() == 9
    np.testing.assert_array_equal(np.from_dlpack(t), shared)
    np.testing.assert_array_equal(lr.from_dlpack(shared).numpy(), shared)
    assert memoryview(t).shape == (2, 3)
    np.testing.assert_array_equal(np.asarray(t, dtype=np.float64), shared.astype(float))
    assert lr.from_dlpack(np.ones(2)).dtype == lr.float64


def test_memory_outlives_the_tensor():
    arrays = [lr.tensor(np.full(1000, i)).numpy() for i in range(50)]
    assert all((a == i).all() for i, a in enumerate(arrays))


def test_copies():
    t = lr.tensor(A, requires_grad=True)
    for made in (copy.deepcopy(t), pickle.loads(pickle.dumps(t))):
        np.testing.assert_array_equal(made.numpy(), t.numpy())
        assert made.requires_grad
        assert made is not t
    (t.clone() * 2).sum().backward()
    np.testing.assert_array_equal(t.grad.numpy(), np.full((2, 3), 2))
    assert not t.detach().requires_grad


def test_repr():
    assert repr(lr.tensor([1.0, 2.0])) == "tensor([1., 2.])"
    assert "float64" in repr(double(A))
    assert "requires_grad" in repr(lr.tensor([1.0], requires_grad=True))
