"""Initial values. Random ones come from `lrswift.seed`'s state.

Linear and Conv2d start as PyTorch's do: `kaiming_uniform` with a = sqrt(5), that is
U(-1/sqrt(fan_in), 1/sqrt(fan_in)), for weights and biases.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .. import random
from ..errors import ShapeError
from ..tensors.operations import from_array
from ..tensors.tensor import Tensor
from .parameter import Parameter


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """Counts what enters and leaves one unit of a layer.

    Args:
        shape: of a Linear weight [out, in] or a Conv2d weight [kh, kw, in, out].

    Returns:
        (fan_in, fan_out): in and out, times kh kw.

    Raises:
        ShapeError: fewer than two axes.
    """
    if len(shape) == 2:
        return shape[1], shape[0]
    if len(shape) > 2:
        field = math.prod(shape[:-2])
        return shape[-2] * field, shape[-1] * field
    raise ShapeError(f"init: shape: got {tuple(shape)}; allowed: at least two axes")


def _write(tensor: Tensor, values: np.ndarray) -> Tensor:
    tensor.assign(from_array(np.asarray(values, tensor.dtype)))
    return tensor


def uniform(tensor: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Fills a tensor with U(low, high).

    Args:
        tensor: floating, of any shape; written in place.
        low: the lowest value. Default 0.0.
        high: above all values, at least `low`. Default 1.0.

    Returns:
        `tensor`.

    Raises:
        ValueError: high is below low.
    """
    return _write(tensor, random.generator().uniform(low, high, tensor.shape))


def normal(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Fills a tensor with N(mean, std**2).

    Args:
        tensor: floating, of any shape; written in place.
        mean: of the values. Default 0.0.
        std: their standard deviation, at least 0. Default 1.0.

    Returns:
        `tensor`.

    Raises:
        ValueError: std is negative.
    """
    return _write(tensor, random.generator().normal(mean, std, tensor.shape))


def constant(tensor: Tensor, value: float) -> Tensor:
    """Fills a tensor with one value.

    Args:
        tensor: floating, of any shape; written in place.
        value: for every element.

    Returns:
        `tensor`.
    """
    return _write(tensor, np.full(tensor.shape, value))


def zeros(tensor: Tensor) -> Tensor:
    """Fills a tensor with 0.

    Args:
        tensor: floating, of any shape; written in place.

    Returns:
        `tensor`.
    """
    return constant(tensor, 0.0)


def ones(tensor: Tensor) -> Tensor:
    """Fills a tensor with 1.

    Args:
        tensor: floating, of any shape; written in place.

    Returns:
        `tensor`.
    """
    return constant(tensor, 1.0)


def kaiming_uniform(tensor: Tensor, a: float = 0.0) -> Tensor:
    """Fills a tensor with U(-b, b), b = sqrt(6 / ((1 + a**2) fan_in)).

    Args:
        tensor: a weight as in `fans`; written in place.
        a: slope of the activation below 0: 0 for ReLU. Default 0.0.

    Returns:
        `tensor`.

    Raises:
        ShapeError: fewer than two axes.

    Source:
        He et al., "Delving deep into rectifiers" (2015).
    """
    bound = math.sqrt(6.0 / ((1.0 + a * a) * max(1, fans(tensor.shape)[0])))
    return uniform(tensor, -bound, bound)


def kaiming_normal(tensor: Tensor, a: float = 0.0) -> Tensor:
    """Fills a tensor with N(0, 2 / ((1 + a**2) fan_in)).

    Args:
        tensor: a weight as in `fans`; written in place.
        a: slope of the activation below 0: 0 for ReLU. Default 0.0.

    Returns:
        `tensor`.

    Raises:
        ShapeError: fewer than two axes.

    Source:
        He et al., "Delving deep into rectifiers" (2015).
    """
    return normal(tensor, 0.0, math.sqrt(2.0 / ((1.0 + a * a) * max(1, fans(tensor.shape)[0]))))


def xavier_uniform(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Fills a tensor with U(-b, b), b = gain sqrt(6 / (fan_in + fan_out)).

    Args:
        tensor: a weight as in `fans`; written in place.
        gain: factor of the activation: 1 for linear ones. Default 1.0.

    Returns:
        `tensor`.

    Raises:
        ShapeError: fewer than two axes.

    Source:
        Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010).
    """
    bound = gain * math.sqrt(6.0 / sum(fans(tensor.shape)))
    return uniform(tensor, -bound, bound)


def xavier_normal(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Fills a tensor with N(0, 2 gain**2 / (fan_in + fan_out)).

    Args:
        tensor: a weight as in `fans`; written in place.
        gain: factor of the activation: 1 for linear ones. Default 1.0.

    Returns:
        `tensor`.

    Raises:
        ShapeError: fewer than two axes.

    Source:
        Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010).
    """
    return normal(tensor, 0.0, gain * math.sqrt(2.0 / sum(fans(tensor.shape))))


def drawn(shape: Sequence[int], fan_in: int) -> Parameter:
    """Makes a parameter of U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)), as PyTorch's layers start.

    Args:
        shape: of the parameter.
        fan_in: how many numbers enter a unit; 0 counts as 1.

    Returns:
        A new float32 Parameter.
    """
    bound = 1.0 / math.sqrt(max(1, fan_in))
    values = random.generator().uniform(-bound, bound, tuple(shape)).astype(np.float32)
    return Parameter(values)
