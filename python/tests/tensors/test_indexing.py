"""Indexing beside NumPy's."""

import numpy as np
import pytest
from arrays import A, central

import lrswift as lr


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
