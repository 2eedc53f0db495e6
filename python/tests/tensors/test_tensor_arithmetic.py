"""Arithmetic where it is easily wrong: powers, whole numbers, division and numbers below the normal range."""

from __future__ import annotations

import operator

import numpy as np
import pytest

import lrswift as lr

BASES = np.array([-3.0, -1.0, -0.5, -0.0, 0.0, 0.25, 1.0, 2.0, np.inf, -np.inf, np.nan])
EXPONENTS = np.array([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, 2.5, np.inf, -np.inf, np.nan])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", ["tensors", "number ** tensor", "tensor ** number"])
def test_powers_are_those_of_numpy(dtype, form):

    def power(base, exponent):
        # NumPy, too, takes the root of an array for the number 0.5, and pow elsewhere: they differ at -inf
        array = np.array([base])
        return array ** float(exponent) if form == "tensor ** number" else array ** np.array([exponent])

    with np.errstate(all="ignore"):
        for base in BASES.astype(dtype):
            for exponent in EXPONENTS.astype(dtype):
                x = lr.tensor([base], dtype=dtype) if form != "number ** tensor" else float(base)
                u = lr.tensor([exponent], dtype=dtype) if form != "tensor ** number" else float(exponent)
                np.testing.assert_allclose(
                    (x**u).numpy(), power(base, exponent), rtol=3e-7, err_msg=f"{base} ** {exponent}"
                )


def test_derivatives_of_powers():
    """Of x^u at whole exponents of negative bases and at 0, where they are known in closed form."""
    x = lr.tensor([-2.0, 0.0, 0.0, -1.5], dtype="float64", requires_grad=True)
    u = lr.tensor([3.0, 1.0, 2.0, 0.0], dtype="float64")
    (x**u).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [12.0, 1.0, 0.0, 0.0])
    base = lr.tensor([2.0], dtype="float64")
    for exponent in (-1.3, 0.0, 2.0):
        v = lr.tensor([exponent], dtype="float64", requires_grad=True)
        (base**v).sum().backward()
        np.testing.assert_allclose(v.grad.numpy(), [2.0**exponent * np.log(2.0)])


INTEGERS = [np.array([0, 100, 200, 255], np.uint8), np.array([-5, 0, 7], np.int64), np.array([True, False])]
OPERATIONS = {
    "x + c": lambda x, c: x + c, "c + x": lambda x, c: c + x, "x - c": lambda x, c: x - c,
    "c - x": lambda x, c: c - x, "x * c": lambda x, c: x * c, "-x": lambda x, c: -x,
}  # fmt: skip


@pytest.mark.parametrize("array", INTEGERS, ids=lambda a: a.dtype.name)
@pytest.mark.parametrize("number", [0, 1, 128, 255, -1, 1000])
@pytest.mark.parametrize("name", OPERATIONS)
def test_whole_numbers_are_numpy_s_or_refused(array, number, name):
    apply = OPERATIONS[name]
    try:
        expected = apply(array, number)
    except OverflowError:
        with pytest.raises(
            lr.ArgumentError, match=f"got {number}, which uint8 does not hold; allowed: 0 to 255"
        ):
            apply(lr.tensor(array), number)
        return
    except TypeError:
        with pytest.raises(lr.DTypeError, match="bool"):
            apply(lr.tensor(array), number)
        return
    found = apply(lr.tensor(array), number)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.numpy(), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_division_is_rounded_once_and_holds_below_the_normal_range(dtype):
    numbers = np.random.default_rng(0)
    a, b = (numbers.standard_normal(1000).astype(dtype) for _ in range(2))
    tiny = np.finfo(dtype).smallest_subnormal
    edges = np.array(
        [0.0, tiny, 1000 * tiny, np.finfo(dtype).tiny, 1.0, np.finfo(dtype).max, np.inf, np.nan], dtype
    )
    a, b = np.concatenate([a, np.repeat(edges, len(edges))]), np.concatenate([b, np.tile(edges, len(edges))])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal((lr.tensor(a, dtype=dtype) / lr.tensor(b, dtype=dtype)).numpy(), a / b)
        for c in edges:
            np.testing.assert_allclose(
                (lr.tensor(a, dtype=dtype) / float(c)).numpy(),
                a / c,
                rtol=np.finfo(dtype).eps,
                err_msg=str(c),
            )
            np.testing.assert_array_equal((float(c) / lr.tensor(a, dtype=dtype)).numpy(), c / a)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_below_the_normal_range(dtype):
    tiny = float(np.finfo(dtype).smallest_subnormal)
    small = np.array([tiny, 3 * tiny, 1e5 * tiny, float(np.finfo(dtype).tiny)], dtype)
    kind = np.longdouble if dtype == "float64" else np.float64
    logs = np.log(small.astype(kind))
    np.testing.assert_allclose(lr.log(lr.tensor(small, dtype=dtype)).numpy(), logs.astype(float), rtol=1e-6)
    x = logs.astype(dtype)
    np.testing.assert_allclose(
        lr.exp(lr.tensor(x, dtype=dtype)).numpy(), np.exp(x.astype(kind)).astype(dtype), rtol=1e-5, atol=tiny
    )


def test_a_derivative_of_a_quotient_is_exact():
    a = lr.tensor([3.0, -1.0], dtype="float64", requires_grad=True)
    b = lr.tensor([7.0, 0.5], dtype="float64", requires_grad=True)
    (a / b).sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), 1 / b.numpy())
    np.testing.assert_allclose(b.grad.numpy(), -a.numpy() / b.numpy() ** 2)


@pytest.mark.parametrize("relation", [operator.eq, operator.lt, operator.ge])
def test_comparisons_see_numbers_below_the_normal_range(relation):
    a = np.array([0.0, 1e-45, -1e-45, 1e-40], np.float32)
    np.testing.assert_array_equal(relation(lr.tensor(a), 0.0).numpy(), relation(a, np.float32(0)))


def test_operators_of_foreign_types():
    t = lr.tensor([1.0, 2.0])
    assert t.__add__(None) is NotImplemented
    assert t.__rmatmul__(None) is NotImplemented
    for operation in (operator.add, operator.sub, operator.mul, operator.truediv, operator.matmul):
        for pair in ((t, None), (None, t), (t, "x")):
            with pytest.raises(TypeError):
                operation(*pair)
    array = np.array([10.0, 20.0], np.float32)
    np.testing.assert_array_equal((array - t).numpy(), [9, 18])
    np.testing.assert_array_equal((array @ t).numpy(), 50)
    np.testing.assert_array_equal((True / t).numpy(), [1, 0.5])


def test_a_subclass_that_overrides_an_operator_reaches_the_one_below():
    class Doubled(lr.Tensor):
        def __add__(self, other):
            return 2 * super().__add__(other)

    t = lr.tensor([1.0, 2.0])
    t.__class__ = Doubled
    np.testing.assert_array_equal((t + lr.tensor([3.0, 4.0])).numpy(), [8, 12])
    np.testing.assert_array_equal((t + 1.0).numpy(), [4, 6])
    np.testing.assert_array_equal((t * lr.tensor([3.0, 4.0])).numpy(), [3, 8])


def test_operators_of_two_dtypes_and_shapes():
    narrow, wide = lr.tensor([1.0, 2.0]), lr.tensor([3.0, 4.0], dtype="float64")
    whole = lr.tensor([5, 6])
    assert (narrow + wide).dtype == np.float64
    assert (narrow * whole).dtype == np.float32
    np.testing.assert_array_equal((whole - narrow).numpy(), [4, 4])
    with pytest.raises(lr.ShapeError, match="broadcast"):
        narrow + lr.tensor([1.0, 2.0, 3.0])
