"""Batch normalization with a ReLU behind it."""

import numpy as np

import lrswift as lr
from lrswift.models.normalized import NormReLU


def test_it_is_normalization_then_relu():
    x = np.random.default_rng(0).standard_normal((4, 3, 3, 5))
    one, two = NormReLU(5), lr.nn.BatchNorm2d(5)
    np.testing.assert_allclose(one(x).numpy(), np.maximum(two(x).numpy(), 0), rtol=1e-6, atol=1e-7)
