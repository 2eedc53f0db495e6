"""Tensors from data: dtypes, copies and what is no array."""

import numpy as np
import pytest

import lrswift as lr


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
