"""Conversions: a number that a dtype does not hold, or that is masked, is refused."""

from __future__ import annotations

import numpy as np
import pytest

import lrswift as lr

OUTSIDE = [np.inf, -np.inf, np.nan, 1e30, 2.0**63, -(2.0**63) - 2048]


@pytest.mark.parametrize("value", OUTSIDE)
@pytest.mark.parametrize("dtype", ["int64", "uint8"])
def test_numbers_outside_an_integer_dtype_are_refused(value, dtype):
    for convert in (
        lambda: lr.tensor([value], dtype=dtype),
        lambda: lr.full((2,), value, dtype=dtype),
        lambda: lr.tensor([value], dtype="float64").astype(dtype),
    ):
        with pytest.raises(lr.ArgumentError, match=f"{dtype} does not hold; allowed: "):
            convert()


def test_the_edges_of_integer_dtypes_are_inside():
    values = np.array([-(2.0**63), 2.0**63 - 1024, -0.9, 3.7])
    np.testing.assert_array_equal(lr.tensor(values, dtype="int64").numpy(), values.astype("int64"))
    values = np.array([255.9, -0.9, 0.0])
    np.testing.assert_array_equal(lr.tensor(values, dtype="float64").astype("uint8").numpy(), [255, 0, 0])
    for value in (256.0, -1.0):
        with pytest.raises(lr.ArgumentError, match="allowed: 0 to 255"):
            lr.tensor([value], dtype="uint8")


def test_unsigned_numbers_beyond_int64_are_refused():
    np.testing.assert_array_equal(lr.tensor(np.array([2**63 - 1], "u8")).numpy(), [2**63 - 1])
    for data in (np.array([2**63 + 5], "u8"), [2**63 + 5]):
        with pytest.raises(lr.ArgumentError, match="below 2\\*\\*63"):
            lr.tensor(data)


def test_masked_values_are_refused_where_there_are_any():
    x = np.ma.array([[1.0, 2.0], [3.0, 9e9]], mask=[[0, 0], [0, 1]])
    with pytest.raises(lr.ArgumentError, match="1 values are masked"):
        lr.tensor(x)
    net = lr.nn.Linear(2, 2)
    with pytest.raises(lr.ArgumentError, match="train: x: 1 values are masked"):
        lr.fit(net, lr.optim.SGD(net.parameters()), (x, np.zeros((2, 2))), loss=lr.nn.functional.mse_loss)
    np.testing.assert_array_equal(lr.tensor(x[:1]).numpy(), [[1.0, 2.0]])


def test_a_cast_within_a_recorded_loss_stays_recorded():
    """What is being recorded has no value to check yet."""
    net = lr.nn.Linear(3, 2)
    labels = np.arange(8.0) % 2

    def loss(model, x, y):
        return lr.nn.functional.cross_entropy(model(x), y.astype("int64"))

    lr.fit(net, lr.optim.SGD(net.parameters()), (np.ones((8, 3)), labels), loss=loss, progress=False)
