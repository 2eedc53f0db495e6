"""Data as they are passed to fit and the like: arrays are not copied where that can be avoided."""

from __future__ import annotations

import numpy as np
import pytest

import lrswift as lr
from lrswift.loop.feed import ArrayFeed, feed

FLOAT32 = np.dtype(np.float32)


def shares(data: np.ndarray) -> bool:
    source = feed((data,), "data", FLOAT32, 2)
    assert isinstance(source, ArrayFeed)
    (tensor,) = source.tensors
    np.testing.assert_array_equal(tensor.numpy(), data)
    return np.shares_memory(np.asarray(memoryview(tensor)), data)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8", "bool"])
def test_arrays_of_our_dtypes_are_shared(dtype: str) -> None:
    assert shares(np.arange(12).reshape(4, 3).astype(dtype))


@pytest.mark.parametrize(
    "data",
    [
        np.ones((4, 3)),
        np.ones((4, 3), ">f4"),
        np.ones((4, 3), np.int32),
        np.ones((3, 4), np.float32).T,
        np.broadcast_to(np.ones(3, np.float32), (4, 3)),
    ],
    ids=["float64", "big-endian", "int32", "transposed", "read-only"],
)
def test_other_arrays_are_copied(data: np.ndarray) -> None:
    assert not shares(data)


def test_a_read_only_array_trains_like_a_writable_one() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)).astype(np.float32), rng.integers(0, 2, 40)
    trained = []
    for writable in (True, False):
        x.flags.writeable = y.flags.writeable = writable
        lr.seed(0)
        model = lr.nn.Linear(3, 2)
        optimizer = lr.optim.SGD(model.parameters(), lr=0.1)
        lr.fit(model, optimizer, (x, y), epochs=2, progress=False)
        trained.append(np.concatenate([p.numpy().ravel() for p in model.parameters()]))
    np.testing.assert_array_equal(*trained)
