"""Activations, element by element."""

from __future__ import annotations

import math
from typing import Any

from ..nn import functional as F
from ..tensors.creation import ones
from ..tensors.functions import maximum, minimum, where
from ..tensors.tensor import Tensor
from ._rules import Call, Rule, pointwise
from ._values import Value


def gelu(x: Tensor, approximate: str = "none") -> Tensor:
    if approximate == "none":
        return F.gelu(x)
    # 0.5 (1 + tanh(u)) = sigmoid(2 u)
    u = x * (x.square() * 0.044715 + 1.0)
    return x * (u * (2 * math.sqrt(2 / math.pi))).sigmoid()


def silu(x: Tensor) -> Tensor:
    return x * x.sigmoid()


def clamped(x: Tensor, low: float | None, high: float | None) -> Tensor:
    if low == 0 and high is None:
        return x.relu()
    if low is not None:
        x = x.relu() if low == 0 else maximum(x, low)
    return x if high is None else minimum(x, high)


def hardtanh(x: Tensor, low: float = -1.0, high: float = 1.0) -> Tensor:
    return clamped(x, low, high)


def hardsigmoid(x: Tensor) -> Tensor:
    return clamped(x / 6 + 0.5, 0.0, 1.0)


def hardswish(x: Tensor) -> Tensor:
    return x * hardsigmoid(x)


def leaky(x: Tensor, slope: float = 0.01) -> Tensor:
    return x.relu() * (1 - slope) + x * slope


def elu(x: Tensor, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Tensor:
    # of what is negative alone, so that nothing overflows
    below = (minimum(x, 0.0) * input_scale).exp() * (alpha * scale) - alpha * scale
    return x.relu() * scale + below


def celu(x: Tensor, alpha: float = 1.0) -> Tensor:
    return elu(x, alpha, 1.0, 1 / alpha)


def selu(x: Tensor) -> Tensor:
    return elu(x, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946)


def softplus(x: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    soft = F.softplus(x) if beta == 1 else F.softplus(x * beta) / beta
    # as torch: the identity where the difference cannot be told in float32
    return where(x * beta > threshold, x, soft)


def mish(x: Tensor) -> Tensor:
    return x * F.softplus(x).tanh()


def logsigmoid(x: Tensor) -> Tensor:
    return -F.softplus(-x)


def hardshrink(x: Tensor, size: float = 0.5) -> Tensor:
    return where(x.abs() > size, x, 0.0)


def softshrink(x: Tensor, size: float = 0.5) -> Tensor:
    return (x - size).relu() - (-x - size).relu()


def threshold(x: Tensor, limit: float, value: float) -> Tensor:
    return where(x > limit, x, value)


def prelu(call: Call, x: Value, weight: Value) -> Value:
    slope = weight.plain().astype(call.held())
    if slope.size > 1 and x.ndim > 1:
        slope = Value(slope.reshape(1, -1, *[1] * (x.ndim - 2)), weight.dtype).laid(x.order)
    t = x.number().astype(call.held())
    return call.made(t.relu() - (-t).relu() * slope, x.order)


def glu(call: Call, x: Value, axis: int = -1) -> Value:
    place = x.place(axis)
    t = x.number().astype(call.held())
    half = t.shape[place] // 2
    first: list[Any] = [slice(None)] * t.ndim
    second: list[Any] = [slice(None)] * t.ndim
    first[place], second[place] = slice(0, half), slice(half, None)
    return call.made(t[tuple(first)] * t[tuple(second)].sigmoid(), x.order)


def dropout(call: Call, x: Value, p: float, train: bool) -> Value:
    t = x.number().astype(call.held())
    if train and call.training and p == 1:
        return call.made(t * 0.0, x.order)
    return call.made(F.dropout(t, p, train and call.training), x.order)


def channel_dropout(call: Call, x: Value, p: float, train: bool) -> Value:
    """Whole channels at once."""
    t = x.number().astype(call.held())
    if not (train and call.training) or p == 0:
        return call.made(t, x.order)
    kept = F.dropout(ones((*x.shape[:2], *[1] * (x.ndim - 2)), dtype=t.dtype), p, True)
    return call.made(t * Value(kept, x.dtype).laid(x.order), x.order)


def alpha_dropout(call: Call, x: Value, p: float, train: bool) -> Value:
    """Keeps mean and variance of what SELU gives (Klambauer et al., 2017)."""
    t = x.number().astype(call.held())
    if not (train and call.training) or p == 0:
        return call.made(t, x.order)
    least = -1.7580993408473766
    scale = ((1 - p) * (1 + p * least**2)) ** -0.5
    kept = F.dropout(ones(t.shape, dtype=t.dtype), p, True) * (1 - p)
    return call.made((t * kept + (1.0 - kept) * least) * scale - scale * p * least, x.order)


RULES: dict[str, Rule] = {
    "aten.relu.default": pointwise(F.relu),
    "aten.relu6.default": pointwise(lambda x: clamped(x, 0.0, 6.0)),
    "aten.gelu.default": pointwise(gelu),
    "aten.silu.default": pointwise(silu),
    "aten.sigmoid.default": pointwise(F.sigmoid),
    "aten.tanh.default": pointwise(F.tanh),
    "aten.hardtanh.default": pointwise(hardtanh),
    "aten.hardsigmoid.default": pointwise(hardsigmoid),
    "aten.hardswish.default": pointwise(hardswish),
    "aten.leaky_relu.default": pointwise(leaky),
    "aten.elu.default": pointwise(elu),
    "aten.celu.default": pointwise(celu),
    "aten.selu.default": pointwise(selu),
    "aten.softplus.default": pointwise(softplus),
    "aten.mish.default": pointwise(mish),
    "aten.log_sigmoid.default": pointwise(logsigmoid),
    "aten.hardshrink.default": pointwise(hardshrink),
    "aten.softshrink.default": pointwise(softshrink),
    "aten.threshold.default": pointwise(threshold),
    "aten.prelu.default": prelu,
    "aten.glu.default": glu,
    "aten.dropout.default": dropout,
    "aten.feature_dropout.default": channel_dropout,
    "aten.alpha_dropout.default": alpha_dropout,
}
