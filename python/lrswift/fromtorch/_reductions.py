"""Sums, means, extremes and what is made of them, over any axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..nn import functional as F
from ..tensors.functions import cat
from ..tensors.tensor import Tensor
from ._pooling import mixed
from ._rules import Call, Rule, along, axes_of, plain, reduction
from ._values import Value


def total(t: Tensor, axes: list[int], keepdims: bool) -> Tensor:
    return t.sum(axes, keepdims)


def mean(t: Tensor, axes: list[int], keepdims: bool) -> Tensor:
    return t.mean(axes, keepdims)


def squares(t: Tensor, axes: list[int], keepdims: bool, correction: float) -> Tensor:
    """The variance, its denominator smaller by `correction`."""
    count = math.prod(t.shape[a] for a in axes)
    deviations = (t - t.mean(axes, keepdims=True)).square()
    return deviations.sum(axes, keepdims) / max(0.0, count - correction)


def spreads(root: bool, named: bool) -> Rule:
    """Variance or standard deviation. named: `correction` by name, or whether it is 1 as second argument."""

    def rule(call: Call, x: Value, axis: Any = None, *given: Any, **options: Any) -> Value:
        if isinstance(axis, bool):
            correction, axis, keep = float(axis), None, False
        elif named:
            found = options.get("correction", 1)
            correction, keep = 1.0 if found is None else float(found), options.get("keepdim", False)
        else:
            correction = float(given[0]) if given else float(options.get("unbiased", True))
            keep = given[1] if len(given) > 1 else options.get("keepdim", False)
        inner = reduction(squares)(call, x, axis, keep, correction)
        return Value(inner.tensor.sqrt(), inner.dtype, inner.order) if root else inner

    return rule


def extreme(larger: bool) -> Rule:
    """Values and positions along an axis."""
    function = Tensor.max if larger else Tensor.min

    def rule(call: Call, x: Value, axis: int, keepdims: bool = False) -> list[Value]:
        values = reduction(function)(call, x, axis, keepdims)
        return [values, Value(position(x, axis, keepdims, larger), "int64")]

    return rule


def position(x: Value, axis: int | None, keepdims: bool, larger: bool) -> Tensor:
    t = x.plain() if larger else -x.plain()
    if axis is None:
        return t.argmax().astype(np.float64)
    found = t.argmax(axis).astype(np.float64)
    at = axis % t.ndim
    return found.reshape(*found.shape[:at], 1, *found.shape[at:]) if keepdims else found


def argument(larger: bool) -> Rule:
    def rule(call: Call, x: Value, axis: int | None = None, keepdims: bool = False) -> Value:
        return call.made(position(x, axis, keepdims, larger))

    return rule


def equal_shares(larger: bool) -> Rule:
    """amax and amin. Only where several elements are the largest do gradients differ from torch's shares."""
    return reduction(Tensor.max if larger else Tensor.min)


def logsumexp(t: Tensor, axes: list[int], keepdims: bool) -> Tensor:
    top = t.detach().max(axes, keepdims=True)
    found = (t - top).exp().sum(axes, keepdims=True).log() + top
    return found if keepdims else found.reshape([n for a, n in enumerate(t.shape) if a not in axes])


def product(t: Tensor, axes: list[int], keepdims: bool) -> Tensor:
    """By halves, so that derivatives at zero are right."""
    for axis in axes:
        order = [axis, *(a for a in range(t.ndim) if a != axis)]
        t = t.transpose(order)
        while t.shape[0] > 1:
            half = t.shape[0] // 2
            both = t[:half] * t[half : 2 * half]
            t = both if t.shape[0] % 2 == 0 else cat([both, t[2 * half :]], 0)
        t = t.transpose([order.index(a) for a in range(t.ndim)])
    return t if keepdims else t.reshape([n for a, n in enumerate(t.shape) if a not in axes])


def norm(t: Tensor, axes: list[int], keepdims: bool, order: float) -> Tensor:
    if order == 2:
        return root(t.square().sum(axes, keepdims))
    if order == 1:
        return t.abs().sum(axes, keepdims)
    if order in (math.inf, -math.inf):
        return t.abs().max(axes, keepdims) if order > 0 else t.abs().min(axes, keepdims)
    return (t.abs() ** order).sum(axes, keepdims) ** (1 / order)


def root(squared: Tensor) -> Tensor:
    """The square root with derivative 0 at 0, as torch's norm has it."""
    zero = (squared.detach() == 0).astype(squared.dtype)
    return (squared + zero).sqrt() * (1.0 - zero)


def vector_norm(
    call: Call, x: Value, order: Any = 2, axis: Any = None, keepdims: bool = False, **_: Any
) -> Value:
    return reduction(norm)(call, x, axis, keepdims, 2.0 if order is None else float(order))


def cumulative(t: Tensor, axis: int) -> Tensor:
    """Sums so far: a product with a triangle of ones."""
    return mixed(t, axis, np.tril(np.ones((t.shape[axis],) * 2)))


def differences(
    call: Call, x: Value, n: int = 1, axis: int = -1, before: Any = None, after: Any = None
) -> Value:
    at = axis % x.ndim
    parts = [p.plain().astype(call.held()) for p in (before, x, after) if p is not None]
    t = parts[0] if len(parts) == 1 else cat(parts, at)
    keys = [slice(None)] * at
    for _ in range(n):
        t = t[(*keys, slice(1, None))] - t[(*keys, slice(0, -1))]
    return call.made(t)


def distance(a: Tensor, b: Tensor, order: float = 2.0, eps: float = 1e-6, keepdims: bool = False) -> Tensor:
    """Along the last axis, eps added to each difference."""
    return norm(a - b + eps, [max(a.ndim, b.ndim) - 1], keepdims, float(order))


def truth(every: bool) -> Rule:
    def rule(call: Call, x: Value, axis: Any = None, keepdims: bool = False) -> Value:
        axes = axes_of(axis, x.ndim)
        held = (x.plain() != 0).astype(np.float32)
        if not axes:
            return call.made(held)
        return call.made(held.min(axes, keepdims) if every else held.max(axes, keepdims))

    return rule


def normalized(call: Call, x: Value, axis: int, half: Any = None) -> Value:
    return along(F.softmax)(call, x, axis)


def log_normalized(call: Call, x: Value, axis: int, half: Any = None) -> Value:
    return along(F.log_softmax)(call, x, axis)


RULES: dict[str, Rule] = {
    "aten.sum.default": reduction(total),
    "aten.sum.dim_IntList": reduction(total),
    "aten.mean.default": reduction(mean),
    "aten.mean.dim": reduction(mean),
    "aten.var.dim": spreads(False, False),
    "aten.var.correction": spreads(False, True),
    "aten.std.dim": spreads(True, False),
    "aten.std.correction": spreads(True, True),
    "aten.amax.default": equal_shares(True),
    "aten.amin.default": equal_shares(False),
    "aten.max.default": equal_shares(True),
    "aten.min.default": equal_shares(False),
    "aten.max.dim": extreme(True),
    "aten.min.dim": extreme(False),
    "aten.argmax.default": argument(True),
    "aten.argmin.default": argument(False),
    "aten.logsumexp.default": reduction(logsumexp),
    "aten.prod.default": reduction(product),
    "aten.prod.dim_int": reduction(product),
    "aten.linalg_vector_norm.default": vector_norm,
    "aten.pairwise_distance.default": plain(distance),
    "aten.cumsum.default": along(cumulative),
    "aten.diff.default": differences,
    "aten.any.default": truth(False),
    "aten.any.dim": truth(False),
    "aten.all.default": truth(True),
    "aten.all.dim": truth(True),
    "aten.softmax.int": normalized,
    "aten.log_softmax.int": log_normalized,
}
