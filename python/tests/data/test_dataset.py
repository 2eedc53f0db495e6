"""Data sets: rows, splits and what does not fit."""

import numpy as np
import pytest

import lrswift as lr


def test_dataset():
    data = lr.data.Dataset(np.arange(20).reshape(10, 2), np.arange(10))
    assert len(data[2:5]) == 3
    x, y = data[3]
    assert x.tolist() == [6, 7]
    assert y == 3
    rest, part = data.split(0.3, seed=1)
    assert sorted([*rest.y, *part.y]) == list(range(10))
    assert len(part) == 3
    np.testing.assert_array_equal(data.split(0.3, seed=1)[1].y, part.y)
    with pytest.raises(lr.ShapeError, match="10 rows and y 9"):
        lr.data.Dataset(np.zeros(10), np.zeros(9))
    with pytest.raises(ValueError, match="fraction"):
        data.split(0.0)
