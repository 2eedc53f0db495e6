"""Tensors against NumPy: values, dtypes, indexing, operators, exchange, gradients."""

import copy
import pickle

import numpy as np
import pytest

import lrswift as lr

A = np.array([[1.5, -2.0, 3.25], [0.5, 4.0, -1.0]])
B = np.array([[2.0], [-0.5]])


def double(values: np.ndarray) -> lr.Tensor:
    return lr.tensor(values, dtype=lr.float64)


def central(f, x: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Gradient of a scalar function of an array by central differences."""
    grad = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        up, down = x.copy(), x.copy()
        up[i] += step
        down[i] -= step
        grad[i] = (f(up) - f(down)) / (2 * step)
    return grad


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        ([1.5, 2.0], "float32"), (np.ones(3), "float32"), (np.ones(3, np.float16), "float32"),
        ([1, 2], "int64"), (np.ones(3, np.int16), "int64"), (np.ones(3, np.uint8), "uint8"),
        ([True, False], "bool"), (2.5, "float32"), (7, "int64"),
    ],
)  # fmt: skip
def test_dtype_chosen(data, dtype):
    t = lr.tensor(data)
    assert t.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(t.numpy(), np.asarray(data))


def test_float64_on_request_and_copy():
    source = np.ones(4)
    t = lr.tensor(source, dtype="float64")
    assert t.dtype == lr.float64
    source[0] = 5
    assert t.numpy()[0] == 1


def test_refuses_what_is_no_array():
    with pytest.raises(lr.ShapeError, match="unequal"):
        lr.tensor([[1.0], [2.0, 3.0]])
    with pytest.raises(TypeError, match="allowed"):
        lr.tensor("text")
    with pytest.raises(TypeError, match="complex"):
        lr.tensor([1j])
    with pytest.raises(TypeError, match="requires_grad"):
        lr.tensor([1, 2], requires_grad=True)
    with pytest.raises(TypeError, match="float32"):
        lr.zeros(2, dtype="float16")


def test_empty_and_scalar():
    assert lr.tensor([]).shape == (0,)
    assert lr.zeros(0, 3).sum().item() == 0
    assert lr.tensor(3.0).shape == ()
    assert float(lr.tensor(3.0)) == 3.0
    with pytest.raises(TypeError, match="len"):
        len(lr.tensor(3.0))


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


def test_integers():
    i = lr.arange(5)
    assert (i + 1).dtype == lr.int64
    np.testing.assert_array_equal((i * 3 - 1).numpy(), np.arange(5) * 3 - 1)
    np.testing.assert_allclose((i / 2).numpy(), np.arange(5) / 2)
    assert (i * 2.5).dtype == lr.float32
    np.testing.assert_array_equal((i - lr.tensor([1, 1, 1, 1, 1])).numpy(), np.arange(5) - 1)
    assert i.sum().item() == 10
    assert i[2:].dtype == lr.int64
    assert "abcd"[lr.tensor(2)] == "c"


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


@pytest.mark.parametrize(
    "key",
    [
        0, -1, slice(1, None), (slice(None), 1), (slice(None), slice(None, None, 2)),
        (..., 0), (0, ..., None),
        (None, slice(None)), slice(None, None, -1), (slice(None), slice(2, 0, -1)), [1, 0, 1],
        (slice(None), np.array([2, 0])), np.array([True, False]), (1, 2), slice(5, 9),
        np.array([[0, 1], [1, 0]]),
    ],
    ids=str,
)  # fmt: skip
def test_indexing_as_numpy(key):
    t = lr.tensor(A, dtype=lr.float64, requires_grad=True)
    np.testing.assert_array_equal(t[key].numpy(), A[key])
    (t[key] * t[key]).sum().backward()
    np.testing.assert_allclose(t.grad.numpy(), central(lambda v: np.sum(v[key] ** 2), A), atol=1e-7)


def test_indexing_errors():
    t = lr.tensor(A)
    with pytest.raises(lr.ShapeError, match="3 indices"):
        t[0, 0, 0]
    with pytest.raises(IndexError, match="axis 0 of size 2"):
        t[2]
    with pytest.raises(lr.ShapeError, match="mask"):
        t[np.array([True, False, True])]
    with pytest.raises(TypeError, match="allowed"):
        t["a"]
    assert [row.tolist() for row in lr.tensor([[1.0], [2.0]])] == [[1.0], [2.0]]


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


@pytest.mark.parametrize(
    "name", ["exp", "log", "sqrt", "square", "tanh", "sigmoid", "relu", "gelu", "softplus", "abs"]
)
def test_functions(name):
    from math import erf

    reference = {
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "relu": lambda x: np.maximum(x, 0),
        "gelu": lambda x: x * 0.5 * (1 + np.vectorize(erf)(x / np.sqrt(2))),
        "softplus": lambda x: np.logaddexp(x, 0),
    }.get(name) or getattr(np, name)  # fmt: skip
    x = np.array([0.25, 1.0, 2.5, 7.0])
    np.testing.assert_allclose(getattr(lr, name)(double(x)).numpy(), reference(x), rtol=1e-9)
    np.testing.assert_allclose(getattr(lr, name)(x).numpy(), reference(x), rtol=1e-5)
    t = lr.tensor(x, dtype=lr.float64, requires_grad=True)
    getattr(lr, name)(t).sum().backward()
    np.testing.assert_allclose(t.grad.numpy(), central(lambda v: reference(v).sum(), x), rtol=1e-6, atol=1e-9)


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


def test_seed_repeats():
    lr.seed(3)
    first = lr.rand(4).numpy(), lr.randn(4).numpy()
    lr.seed(3)
    again = lr.rand(4).numpy(), lr.randn(4).numpy()
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (lr.rand(4).numpy() != first[0]).any()
    x = lr.randn(20000).numpy()
    assert abs(x.mean()) < 0.03
    assert abs(x.std() - 1) < 0.03


def test_config_and_threads():
    before = lr.get_threads()
    lr.set_threads(1)
    assert lr.get_threads() == 1
    lr.set_threads(before)
    with pytest.raises(ValueError, match="allowed"):
        lr.set_threads(0)
    assert lr.show_config()["version"] == lr.__version__


def test_memory_now_and_at_most(capsys):
    before = lr.config()
    big = lr.zeros(1000, 1000)
    held = lr.config()
    assert held["memory"] - before["memory"] >= big.size * 4
    assert held["peak_memory"] >= held["memory"]
    del big
    after = lr.config()
    assert after["memory"] <= held["memory"] - 4_000_000
    assert after["peak_memory"] == held["peak_memory"]
    lr.show_config()
    assert f"{after['peak_memory'] / 1e6:.1f} MB" in capsys.readouterr().out


def test_repr():
    assert repr(lr.tensor([1.0, 2.0])) == "tensor([1., 2.])"
    assert "float64" in repr(double(A))
    assert "requires_grad" in repr(lr.tensor([1.0], requires_grad=True))
