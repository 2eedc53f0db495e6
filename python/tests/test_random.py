"""Random numbers repeat for a seed, and have their moments."""

import numpy as np

import lrswift as lr


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
