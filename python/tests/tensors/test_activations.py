"""Activation functions beside their definitions in NumPy."""

from math import erf

import numpy as np
import pytest
from arrays import check_elementwise

import lrswift as lr
from lrswift.tensors import activations

DEFINITIONS = {
    "gelu": lambda x: x * 0.5 * (1 + np.vectorize(erf)(x / np.sqrt(2))),
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.logaddexp(x, 0),
    "tanh": np.tanh,
}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_activations(name):
    check_elementwise(getattr(lr, name), DEFINITIONS[name], np.array([-0.5, 0.25, 1.0, 2.5, 7.0]))


def test_every_activation_is_public_under_both_names():
    assert set(DEFINITIONS) <= set(activations.__all__)
    for name in activations.__all__:
        assert name in lr.__all__ and name in lr.nn.functional.__all__
        assert getattr(lr, name) is getattr(lr.nn.functional, name)


@pytest.mark.parametrize("name", activations.__all__)
def test_whole_numbers_become_float32(name):
    result = getattr(lr, name)(lr.tensor([0, 1, 2]))
    assert result.dtype == lr.float32
    np.testing.assert_array_equal(result.numpy(), getattr(lr, name)([0.0, 1.0, 2.0]).numpy())
