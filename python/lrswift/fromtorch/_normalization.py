"""Normalization by the statistics of a batch, of a row, or of groups of channels."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .._core import apply as core_apply
from ..errors import ShapeError
from ..nn import functional as F
from ..tensors.creation import ones, zeros
from ..tensors.modes import modes
from ..tensors.tensor import Tensor
from ._rules import Call, Rule, plain
from ._values import Value, channels_last


def batch_norm(
    call: Call, x: Value, weight: Value | None, bias: Value | None, mean: Value | None, var: Value | None,
    training: bool, momentum: float, eps: float, _cudnn: bool = False, *, rectified: bool = False,
    residual: Value | None = None,
) -> Value:  # fmt: skip
    """With what the engine does in the same pass: a sum with `residual`, and ReLU."""
    order = channels_last(x.ndim)
    t = x.laid(order).astype(call.held())
    channels = t.shape[-1]
    own = mean is None or (training and call.training)
    if own and t.size // channels < 2:
        raise ShapeError(
            f"batch_norm: x: got shape {x.shape}; allowed in train mode: more than one value per channel. "
            "For a last batch of one row: another batch_size, or drop it"
        )
    scale, shift = affine(weight, bias, (channels,), t)
    kept = [ones(channels, dtype=t.dtype)] * 2 if mean is None or var is None else [mean.tensor, var.tensor]
    inputs = [t, scale, shift, *kept]
    if residual is not None:
        inputs.append(residual.laid(order).astype(call.held()))
    moving = mean is not None and modes.update_statistics
    attributes = {
        "eps": eps, "momentum": momentum if moving else 0.0, "training": own, "relu": rectified,
    }  # fmt: skip
    return call.made(core_apply("batch_norm", inputs, attributes), order)  # type: ignore[arg-type]


def affine(
    weight: Value | None, bias: Value | None, shape: Sequence[int], like: Tensor
) -> tuple[Tensor, Tensor]:
    """Scale and shift of this shape; 1 and 0 where there are none."""
    scale = ones(*shape, dtype=like.dtype) if weight is None else weight.plain().astype(like.dtype)
    shift = zeros(*shape, dtype=like.dtype) if bias is None else bias.plain().astype(like.dtype)
    return scale, shift


def counted(call: Call, count: Value, number: int) -> Value:
    """Adds one to a counter of batches, where a record of the step does so, too.

    The engine's one effect is that batch norm moves its statistics. With momentum 1 they become the mean of
    the batch, and of the batch (n + 1, n + 1) that is n + 1.
    """
    if call.training and modes.update_statistics:
        t = count.tensor
        batch = (t + float(number)).reshape(1, 1) * ones(2, 1, dtype=t.dtype)
        one, nothing = ones(1, dtype=t.dtype), zeros(1, dtype=t.dtype)
        attributes = {"eps": 1.0, "momentum": 1.0, "training": True, "relu": False}
        core_apply("batch_norm", [batch, one, nothing, t, zeros(1, dtype=t.dtype)], attributes)
    return count


def layer_norm(
    call: Call, x: Value, shape: Sequence[int], weight: Value | None = None, bias: Value | None = None,
    eps: float = 1e-5, _cudnn: bool = True,
) -> Value:  # fmt: skip
    t = call.given(x)
    return call.made(F.layer_norm(t, *affine(weight, bias, shape, t), eps))


def rms_norm(
    call: Call, x: Value, shape: Sequence[int], weight: Value | None = None, eps: float | None = None
) -> Value:
    t = call.given(x)
    return call.made(F.rms_norm(t, affine(weight, None, shape, t)[0], eps))


def group_norm(
    call: Call, x: Value, groups: int, weight: Value | None = None, bias: Value | None = None,
    eps: float = 1e-5, _cudnn: bool = True,
) -> Value:  # fmt: skip
    order = channels_last(x.ndim)
    t = x.laid(order).astype(call.held())
    n, channels = t.shape[0], t.shape[-1]
    each = channels // groups
    parts = t.reshape(n, math.prod(t.shape[1:-1]), groups, each)
    # along space first, which channels are beside
    centered = parts - parts.mean(1, keepdims=True).mean(3, keepdims=True)
    scale = (centered.square().mean(1, keepdims=True).mean(3, keepdims=True) + eps) ** -0.5
    if weight is not None:
        scale = scale * call.given(weight).reshape(1, 1, groups, each)
    made = (centered * scale).reshape(t.shape)
    return call.made(made if bias is None else made + call.given(bias), order)


def instance_norm(
    call: Call, x: Value, weight: Value | None, bias: Value | None, mean: Value | None, var: Value | None,
    own: bool, momentum: float, eps: float, _cudnn: bool = True,
) -> Value:  # fmt: skip
    return group_norm(call, x, x.shape[1], weight, bias, eps)


def weight_norm(v: Tensor, g: Tensor, axis: int = 0) -> Tensor:
    """Rows of v in their directions, with lengths g (Salimans and Kingma, 2016)."""
    axes = [a for a in range(v.ndim) if a != axis % v.ndim]
    return v * (g / v.square().sum(axes, keepdims=True).sqrt())


RULES: dict[str, Rule] = {
    "lrswift.counted": counted,
    "aten.batch_norm.default": batch_norm,
    "aten.layer_norm.default": layer_norm,
    "aten.rms_norm.default": rms_norm,
    "aten._weight_norm.default": plain(weight_norm),
    "aten.group_norm.default": group_norm,
    "aten.instance_norm.default": instance_norm,
}
