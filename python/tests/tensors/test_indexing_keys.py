"""Keys of indices that are easily taken for others, beside NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import lrswift as lr

ARRAY = np.arange(24.0).reshape(2, 3, 4)
KEYS = [
    True, False, np.True_, (True, slice(1)), (slice(None), True), (slice(None), False, slice(2)),
    (..., True), (..., False, slice(1, 3)), (None, True), (False, None, slice(1)),
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_a_flag_is_an_axis_of_length_one_or_none(key):
    x = lr.tensor(ARRAY)
    np.testing.assert_array_equal(x[key].numpy(), ARRAY[key])
    scalar = lr.tensor(3.0)
    np.testing.assert_array_equal(scalar[True].numpy(), np.array(3.0)[True])
    np.testing.assert_array_equal(scalar[False].numpy(), np.array(3.0)[False])


@pytest.mark.parametrize("key", [(True, 0), (True, False), (True, [0, 1])], ids=str)
def test_a_flag_beside_integers_is_refused(key):
    with pytest.raises(lr.DTypeError, match="True or False"):
        lr.tensor(ARRAY)[key]


@pytest.mark.parametrize("kind", ["u8", "u4", "i8", "i1"])
def test_index_arrays_of_every_integer_kind(kind):
    x = lr.tensor(ARRAY)
    np.testing.assert_array_equal(x[np.array([1, 0], kind)].numpy(), ARRAY[np.array([1, 0], kind)])
    with pytest.raises(lr.ShapeError, match="given for axis 0 of size 2"):
        x[np.array([np.iinfo(kind).max], kind)]
