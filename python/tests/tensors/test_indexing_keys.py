"""Keys of indices that are easily taken for others, beside NumPy."""

from __future__ import annotations

import itertools

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


PARTS = [
    0, -1, slice(None), slice(1, None), slice(None, None, -1), slice(0, 0), Ellipsis, None, [], [1, 0, 0],
    np.array([[0, 1], [1, 0]]), np.array([True, False]),
]  # fmt: skip


@pytest.mark.parametrize("shape", [(2,), (2, 2), (0, 2), (2, 1, 2)], ids=str)
def test_every_key_of_three_parts_is_numpys(shape):
    """NumPy's answer, or an error; where integers and an array stand apart the array's axes come first."""
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    x = lr.tensor(array)
    answered = 0
    for key in itertools.chain(*(itertools.product(PARTS, repeat=n) for n in (1, 2, 3))):
        try:
            wanted = array[key]
        except IndexError:
            with pytest.raises((lr.Error, IndexError)):
                x[key]
            continue
        try:
            found = x[key]
        except (lr.Error, TypeError):
            continue  # two arrays, and what else is not built
        np.testing.assert_array_equal(found.numpy(), wanted, str(key))
        answered += 1
    assert answered > 100


def test_derivatives_through_integers_and_an_array_that_stand_apart():
    x = lr.tensor(ARRAY, dtype=lr.float64, requires_grad=True)
    weights = np.arange(6.0).reshape(2, 3)
    lr.sum(x[[1, 0], :, 2] * lr.tensor(weights, dtype=lr.float64)).backward()
    expected = np.zeros_like(ARRAY)
    expected[[1, 0], :, 2] = weights
    np.testing.assert_array_equal(x.grad.numpy(), expected)
    np.testing.assert_array_equal(lr.tensor(ARRAY)[[1], :, 2].numpy(), ARRAY[[1], :, 2])
