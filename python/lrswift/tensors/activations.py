"""Activation functions, element by element, of a tensor or of anything that `lrswift.tensor` takes."""

from __future__ import annotations

from .operations import apply
from .tensor import Operand, Tensor, as_floating

__all__ = [
    "gelu", "relu", "sigmoid", "softplus", "tanh",
]  # fmt: skip


def tanh(x: Operand) -> Tensor:
    """Hyperbolic tangent, element-wise."""
    return apply("tanh", as_floating(x))


def sigmoid(x: Operand) -> Tensor:
    """1 / (1 + exp(-x)), element-wise."""
    return apply("sigmoid", as_floating(x))


def relu(x: Operand) -> Tensor:
    """max(x, 0), element-wise; derivative 0 at 0."""
    return apply("relu", as_floating(x))


def gelu(x: Operand) -> Tensor:
    """x times the standard normal distribution function of x, element-wise (Hendrycks and Gimpel, 2016)."""
    return apply("gelu", as_floating(x))


def softplus(x: Operand) -> Tensor:
    """log(1 + exp(x)), element-wise."""
    return apply("softplus", as_floating(x))
