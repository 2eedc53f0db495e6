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
    """(fan_in, fan_out) of a Linear weight [out, in] or a Conv2d weight [kh, kw, in, out]."""
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
    """Fills with U(low, high)."""
    return _write(tensor, random.generator().uniform(low, high, tensor.shape))


def normal(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Fills with N(mean, std**2)."""
    return _write(tensor, random.generator().normal(mean, std, tensor.shape))


def constant(tensor: Tensor, value: float) -> Tensor:
    """Fills with one value."""
    return _write(tensor, np.full(tensor.shape, value))


def zeros(tensor: Tensor) -> Tensor:
    """Fills with 0."""
    return constant(tensor, 0.0)


def ones(tensor: Tensor) -> Tensor:
    """Fills with 1."""
    return constant(tensor, 1.0)


def kaiming_uniform(tensor: Tensor, a: float = 0.0) -> Tensor:
    """U(-b, b) with b = sqrt(6 / ((1 + a**2) fan_in)) (He et al., 2015)."""
    bound = math.sqrt(6.0 / ((1.0 + a * a) * max(1, fans(tensor.shape)[0])))
    return uniform(tensor, -bound, bound)


def kaiming_normal(tensor: Tensor, a: float = 0.0) -> Tensor:
    """N(0, 2 / ((1 + a**2) fan_in)) (He et al., 2015)."""
    return normal(tensor, 0.0, math.sqrt(2.0 / ((1.0 + a * a) * max(1, fans(tensor.shape)[0]))))


def xavier_uniform(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """U(-b, b) with b = gain sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""
    bound = gain * math.sqrt(6.0 / sum(fans(tensor.shape)))
    return uniform(tensor, -bound, bound)


def xavier_normal(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """N(0, gain**2 2 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""
    return normal(tensor, 0.0, gain * math.sqrt(2.0 / sum(fans(tensor.shape))))


def drawn(shape: Sequence[int], fan_in: int) -> Parameter:
    """A new Parameter of U(-1/sqrt(fan_in), 1/sqrt(fan_in)), float32."""
    bound = 1.0 / math.sqrt(max(1, fan_in))
    values = random.generator().uniform(-bound, bound, tuple(shape)).astype(np.float32)
    return Parameter(values)
