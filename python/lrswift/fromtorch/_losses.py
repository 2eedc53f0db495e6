"""The losses of torch.nn."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..nn import functional as F
from ..tensors.functions import maximum, minimum, where
from ..tensors.operations import from_array, run
from ..tensors.tensor import Tensor
from ._activations import logsigmoid
from ._rules import Call, Rule, leading, spread
from ._values import Value

NONE, MEAN, SUM = 0, 1, 2


def reduced(each: Tensor, reduction: int) -> Tensor:
    return each if reduction == NONE else each.mean() if reduction == MEAN else each.sum()


def between(function: Callable[..., Tensor]) -> Rule:
    """function(input, target, ...) of elements that broadcast, then reduced."""

    def rule(call: Call, x: Value, y: Value, reduction: int = MEAN, *more: Any, **options: Any) -> Value:
        order = leading([x, y])
        a, b = (spread(v, order).astype(call.held()) for v in (x, y))
        made = reduced(function(a, b, *more, **options), reduction)
        return call.made(made, order if reduction == NONE else None)

    return rule


def squared(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square()


def huber(a: Tensor, b: Tensor, delta: float = 1.0) -> Tensor:
    near = minimum((a - b).abs(), delta)
    return near * ((a - b).abs() - near * 0.5)


def smooth(a: Tensor, b: Tensor, beta: float = 1.0) -> Tensor:
    return (a - b).abs() if beta == 0 else huber(a, b, beta) / beta


def divergence(a: Tensor, b: Tensor, log_target: bool = False) -> Tensor:
    """Kullback and Leibler's; 0 where the target is 0."""
    if log_target:
        return b.exp() * (b - a)
    positive = b > 0.0
    return where(positive, b * (where(positive, b, 1.0).log() - a), 0.0)


def bernoulli(call: Call, x: Value, y: Value, weight: Value | None = None, reduction: int = MEAN) -> Value:
    a, b = call.given(x), call.given(y)
    # as torch: logarithms of at least -100
    each = -(b * maximum(a.log(), -100.0) + (1.0 - b) * maximum((1.0 - a).log(), -100.0))
    return call.made(reduced(each if weight is None else each * call.given(weight), reduction))


def bernoulli_logits(
    call: Call, x: Value, y: Value, weight: Value | None = None, pos_weight: Value | None = None,
    reduction: int = MEAN,
) -> Value:  # fmt: skip
    a, b = call.given(x), call.given(y)
    if pos_weight is None:
        each = F.softplus(a) - a * b
    else:
        each = (b - 1.0) * logsigmoid(-a) - b * call.given(pos_weight) * logsigmoid(a)
    return call.made(reduced(each if weight is None else each * call.given(weight), reduction))


def classes_last(t: Tensor) -> Tensor:
    """[N, C, ...] or [C] as rows [..., C]."""
    if t.ndim > 2:
        t = t.transpose(0, *range(2, t.ndim), 1)
    return t.reshape(-1, t.shape[-1])


def cross_entropy(
    call: Call, x: Value, y: Value, weight: Value | None = None, reduction: int = MEAN,
    ignore_index: int = -100, label_smoothing: float = 0.0,
) -> Value:  # fmt: skip
    t = call.given(x)
    rows = classes_last(t)
    scale = None if weight is None else call.given(weight)
    shape = [n for a, n in enumerate(t.shape) if a != (1 if t.ndim > 1 else 0)]
    if y.dtype in call.floats:
        targets = classes_last(call.given(y))
        targets = targets * (1.0 - label_smoothing) + label_smoothing / rows.shape[1]
        each = F.log_softmax(rows) * targets
        each = -(each if scale is None else each * scale).sum(-1)
        if reduction == MEAN:
            return call.made(each.mean())
        return call.made(each.sum() if reduction == SUM else each.reshape(shape))
    known = Labels(y, rows.shape[0], ignore_index)
    if scale is None and not label_smoothing and reduction == MEAN:
        return call.made(averaged(rows, known))
    logs = F.log_softmax(rows)
    made, total = likelihood(logs, known, scale)
    if label_smoothing:
        spread_out = logs if scale is None else logs * scale
        even = -spread_out.sum(-1) * known.counts(logs.dtype)
        made = made * (1.0 - label_smoothing) + even * (label_smoothing / rows.shape[1])
    return call.made(weighted(made, total, reduction, shape))


class Labels:
    """Class numbers of rows, of which some may say that the row is left out."""

    def __init__(self, y: Value, rows: int, ignored: int) -> None:
        number = y.plain().astype(np.float64).reshape(rows)
        # what cannot be left out needs no passes over memory
        self.all = y.tensor.dtype_name == "uint8" and not 0 <= ignored < 256
        self.kept = (number != float(ignored)).astype(np.float64)
        self.index = (number * self.kept).astype(np.int64)
        self.rows = rows
        self.given = y

    def counts(self, dtype: Any) -> Tensor:
        """1 for rows that count, 0 for others."""
        return self.kept.astype(dtype)


def averaged(rows: Tensor, labels: Labels) -> Tensor:
    """The fused mean. A row that is left out is zeros: its loss is log C, which is taken off again."""
    if labels.all:
        return F.cross_entropy(rows, labels.given.index().reshape(labels.rows))
    counts = labels.counts(rows.dtype)
    whole = F.cross_entropy(rows * counts.reshape(-1, 1), labels.index)
    left_out = (1.0 - counts).sum() * math.log(rows.shape[1])
    return (whole * float(labels.rows) - left_out) / counts.sum()


def likelihood(logs: Tensor, labels: Labels, scale: Tensor | None) -> tuple[Tensor, Tensor]:
    """Minus the logarithm at each label, 0 where it is left out; what a mean is divided by."""
    n, classes = logs.shape
    places = (np.arange(n) * float(classes)).astype(np.float64)
    flat = (labels.index.astype(np.float64) + from_array(places)).astype(np.int64)
    each = -run("gather", (logs.reshape(-1), flat))
    counts = labels.counts(logs.dtype)
    if scale is not None:
        counts = counts * run("gather", (scale, labels.index))
    return each * counts, counts.sum()


def weighted(each: Tensor, total: Tensor, reduction: int, shape: Any) -> Tensor:
    return (
        each.reshape(shape) if reduction == NONE else each.sum() if reduction == SUM else each.sum() / total
    )


def negative_likelihood(
    call: Call, x: Value, y: Value, weight: Value | None = None, reduction: int = MEAN,
    ignore_index: int = -100,
) -> Value:  # fmt: skip
    t = call.given(x)
    shape = [n for a, n in enumerate(t.shape) if a != (1 if t.ndim > 1 else 0)]
    rows = classes_last(t)
    scale = None if weight is None else call.given(weight)
    each, total = likelihood(rows, Labels(y, rows.shape[0], ignore_index), scale)
    return call.made(weighted(each, total, reduction, shape))


RULES: dict[str, Rule] = {
    "aten.mse_loss.default": between(squared),
    "aten.l1_loss.default": between(lambda a, b: (a - b).abs()),
    "aten.smooth_l1_loss.default": between(smooth),
    "aten.huber_loss.default": between(huber),
    "aten.kl_div.default": between(divergence),
    "aten.soft_margin_loss.default": between(lambda a, b: F.softplus(-(a * b))),
    "aten.binary_cross_entropy.default": bernoulli,
    "aten.binary_cross_entropy_with_logits.default": bernoulli_logits,
    "aten.cross_entropy_loss.default": cross_entropy,
    "aten.nll_loss_nd.default": negative_likelihood,
}
