"""Activation functions, element by element, of a tensor or of anything that `lrswift.tensor` takes."""

from __future__ import annotations

from .tensor import Operand, Tensor, pointwise

__all__ = [
    "gelu", "relu", "sigmoid", "softplus", "tanh",
]  # fmt: skip


def tanh(x: Operand) -> Tensor:
    """Hyperbolic tangent of each element.

    Args:
        x: of any dtype; integers and bools become float32.

    Returns:
        Tensor of x's shape and floating dtype.

    Raises:
        ArgumentError: a value of x is masked, or a whole number does not fit int64.
        DTypeError: x does not hold numbers.
        ShapeError: x is a nested list with rows of unequal length.
    """
    return pointwise("tanh", x)


def sigmoid(x: Operand) -> Tensor:
    """Logistic function of each element: 1 / (1 + exp(-x)).

    Args:
        x: of any dtype; integers and bools become float32.

    Returns:
        Tensor of x's shape and floating dtype.

    Raises:
        ArgumentError: a value of x is masked, or a whole number does not fit int64.
        DTypeError: x does not hold numbers.
        ShapeError: x is a nested list with rows of unequal length.
    """
    return pointwise("sigmoid", x)


def relu(x: Operand) -> Tensor:
    """Positive part of each element: max(x, 0), with derivative 0 at 0.

    Args:
        x: of any dtype; integers and bools become float32.

    Returns:
        Tensor of x's shape and floating dtype.

    Raises:
        ArgumentError: a value of x is masked, or a whole number does not fit int64.
        DTypeError: x does not hold numbers.
        ShapeError: x is a nested list with rows of unequal length.
    """
    return pointwise("relu", x)


def gelu(x: Operand) -> Tensor:
    """Each element times the standard normal distribution function of it.

    Args:
        x: of any dtype; integers and bools become float32.

    Returns:
        Tensor of x's shape and floating dtype.

    Raises:
        ArgumentError: a value of x is masked, or a whole number does not fit int64.
        DTypeError: x does not hold numbers.
        ShapeError: x is a nested list with rows of unequal length.

    Source:
        Hendrycks and Gimpel, "Gaussian error linear units (GELUs)" (2016).
    """
    return pointwise("gelu", x)


def softplus(x: Operand) -> Tensor:
    """Smooth positive part of each element: log(1 + exp(x)).

    Args:
        x: of any dtype; integers and bools become float32.

    Returns:
        Tensor of x's shape and floating dtype.

    Raises:
        ArgumentError: a value of x is masked, or a whole number does not fit int64.
        DTypeError: x does not hold numbers.
        ShapeError: x is a nested list with rows of unequal length.
    """
    return pointwise("softplus", x)
