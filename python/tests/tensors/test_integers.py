"""Operations on integers beside NumPy's."""

import numpy as np

import lrswift as lr


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
