"""Fully connected networks."""

import numpy as np
import pytest
from model_checks import has_right_derivatives, learns

import lrswift as lr


@pytest.mark.parametrize(
    ("hidden", "count"),
    [
        ((1000, 1000), 784 * 1000 + 1000 + 1000 * 1000 + 1000 + 10000 + 10),
        ((1000,), 784 * 1000 + 1000 + 10000 + 10),
        ((300, 100), 784 * 300 + 300 + 300 * 100 + 100 + 1000 + 10),
    ],
)
def test_sizes(hidden, count):
    model = lr.models.mlp(784, hidden)
    assert model.num_parameters() == count
    assert model(np.random.default_rng(0).random((2, 28, 28))).shape == (2, 10)


def test_derivatives_and_learning():
    make = lambda: lr.models.mlp(12, (7, 5), 3, "tanh")  # noqa: E731
    has_right_derivatives(make, (4, 12), 3)
    learns(lambda: lr.models.mlp(12, (30, 20), 3), (8, 12), 3)


def test_an_activation_that_there_is_not():
    with pytest.raises(lr.ArgumentError, match="activation: got 'swish'; allowed: relu"):
        lr.models.mlp(3, activation="swish")
