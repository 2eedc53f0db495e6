"""Layers and losses as functions. Images are (N, H, W, C)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .._core import apply as core_apply
from ..checks import check_fraction, check_positive
from ..errors import ArgumentError, DTypeError, ShapeError
from ..tensors.activations import *  # noqa: F403
from ..tensors.activations import __all__ as _activations
from ..tensors.modes import modes
from ..tensors.operations import apply
from ..tensors.tensor import Operand, Tensor, as_tensor

__all__ = [
    *_activations, "avg_pool2d", "batch_norm", "conv2d", "cross_entropy", "dropout", "embedding", "flatten",
    "global_avg_pool2d", "layer_norm", "linear", "log_softmax", "max_pool2d", "mse_loss", "softmax",
]  # fmt: skip

Pair = int | Sequence[int]


def pair(value: Pair, name: str, least: int) -> list[int]:
    """[vertical, horizontal] from one int or two. ArgumentError below `least`."""
    both = [value, value] if isinstance(value, int) else [*value]
    if len(both) != 2 or not all(isinstance(n, int) and n >= least for n in both):
        raise ArgumentError(f"{name}: got {value!r}; allowed: an integer of at least {least}, or two")
    return both


def as_float(x: Operand, operation: str, weight: Tensor | None = None) -> Tensor:
    """`x` as a floating tensor of the weight's dtype. uint8 (pixels) is cast, never scaled."""
    t = as_tensor(x, weight, f"{operation}: x")
    if t.dtype_name == "uint8":
        t = t.astype("float32" if weight is None else weight.dtype)
    if not t.is_floating or (weight is not None and t.dtype != weight.dtype):
        allowed = (
            "float32, float64 or uint8" if weight is None else f"{weight.dtype}, that of the weight, or uint8"
        )
        raise DTypeError(f"{operation}: x: got dtype {t.dtype}; allowed: {allowed}")
    return t


def linear(x: Operand, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + b. x [..., in], weight [out, in], bias [out]; result [..., out].

    Raises ShapeError when the last axis of x is not `in`.
    """
    x = as_float(x, "linear", weight)
    if x.ndim < 1 or x.shape[-1] != weight.shape[1]:
        raise ShapeError(
            f"linear: x: got shape {x.shape}; allowed: [..., {weight.shape[1]}] for weight {weight.shape}"
        )
    if bias is not None and bias.shape == weight.shape[:1] and bias.dtype == weight.dtype:
        return core_apply("linear", (x, weight, bias), {})  # type: ignore[return-value]
    out: Tensor = core_apply("matmul", (x, weight), {"transpose_b": True})  # type: ignore[assignment]
    return out if bias is None else out + bias


def conv2d(
    x: Operand,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation. x [N, H, W, in], weight [kh, kw, in / groups, out], bias [out].

    The result is [N, H', W', out] with
    H' = (H + 2 padding - dilation (kh - 1) - 1) // stride + 1; the arguments mean what they do in
    torch.nn.functional.conv2d. Raises ShapeError when the channels disagree, ArgumentError for groups
    that do not divide them.
    """
    if not isinstance(groups, int) or groups < 1:
        raise ArgumentError(f"conv2d: groups: got {groups!r}; allowed: an integer of at least 1")
    attributes: dict[str, int | list[int]] = {
        "stride": pair(stride, "conv2d: stride", 1),
        "padding": pair(padding, "conv2d: padding", 0),
        "dilation": pair(dilation, "conv2d: dilation", 1),
        "groups": groups,
    }
    inputs = (as_float(x, "conv2d", weight), weight)
    return core_apply("conv2d", inputs if bias is None else (*inputs, bias), attributes)  # type: ignore[return-value]


def _pool(operation: str, x: Operand, size: Pair, stride: Pair | None, padding: Pair) -> Tensor:
    window = pair(size, f"{operation}: size", 1)
    step = window if stride is None else pair(stride, f"{operation}: stride", 1)
    border = pair(padding, f"{operation}: padding", 0)
    return apply(operation, as_float(x, operation), size=window, stride=step, padding=border)


def max_pool2d(x: Operand, size: Pair, stride: Pair | None = None, padding: Pair = 0) -> Tensor:
    """Largest element of every window; x [N, H, W, C]. stride None: that of `size`."""
    return _pool("max_pool2d", x, size, stride, padding)


def avg_pool2d(x: Operand, size: Pair, stride: Pair | None = None, padding: Pair = 0) -> Tensor:
    """Mean of every window; x [N, H, W, C]. stride None: that of `size`."""
    return _pool("avg_pool2d", x, size, stride, padding)


def global_avg_pool2d(x: Operand) -> Tensor:
    """Mean over height and width: [N, H, W, C] to [N, C]."""
    t = as_float(x, "global_avg_pool2d")
    if t.ndim != 4:
        raise ShapeError(f"global_avg_pool2d: x: got shape {t.shape}; allowed: [N, H, W, C]")
    return t.mean((1, 2))


def flatten(x: Operand, start: int = 1) -> Tensor:
    """Axes from `start` on merged into one."""
    return as_tensor(x).flatten(start)


def dropout(x: Operand, p: float = 0.5, training: bool = True) -> Tensor:
    """Zeroes each element with probability p and scales the others by 1/(1-p); x itself when not training.

    p: 0 <= p < 1 (ArgumentError otherwise). Random numbers: `lrswift.seed`'s counter-based stream.
    """
    share = check_fraction(p, "dropout: p", one=False)
    t = as_float(x, "dropout")
    return apply("dropout", t, p=share) if training and share > 0 and modes.dropout else t


def softmax(x: Operand, axis: int = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along `axis`, computed without overflow."""
    t = as_float(x, "softmax")
    e = (t - t.max(axis, keepdims=True)).exp()
    return e / e.sum(axis, keepdims=True)


def log_softmax(x: Operand, axis: int = -1) -> Tensor:
    """log(softmax(x)) along `axis`, computed without overflow."""
    t = as_float(x, "log_softmax")
    shifted = t - t.max(axis, keepdims=True)
    return shifted - shifted.exp().sum(axis, keepdims=True).log()


def cross_entropy(logits: Operand, labels: Operand) -> Tensor:
    """Mean of -log softmax(logits)[label]; a scalar.

    logits [N, C] floating; labels [N] int64 or uint8, 0 <= label < C.
    Raises ShapeError (shapes, empty batch), DTypeError (labels that are not integers), ArgumentError
    (labels out of range).
    """
    x = as_float(logits, "cross_entropy")
    y = as_tensor(labels, name="cross_entropy: labels")
    if y.is_floating or y.dtype_name == "bool":
        raise DTypeError(f"cross_entropy: labels: got dtype {y.dtype}; allowed: int64 or uint8 class numbers")
    return core_apply("cross_entropy", (x, y))  # type: ignore[return-value]


def mse_loss(prediction: Operand, target: Operand) -> Tensor:
    """Mean of (prediction - target)**2 over all elements; a scalar. Shapes must be equal (ShapeError)."""
    x = as_float(prediction, "mse_loss")
    y = as_tensor(target, x, "mse_loss: target")
    if x.shape != y.shape:
        # broadcasting [N, 1] against [N] would silently average N*N differences
        raise ShapeError(f"mse_loss: target: got shape {y.shape}; allowed: {x.shape}, that of the prediction")
    return (x - y.astype(x.dtype)).square().mean()


def batch_norm(
    x: Tensor, mean: Tensor, var: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias, over the last axis (Ioffe and Szegedy, 2015)."""
    return (x - mean) * (weight / (var + check_positive(eps, "batch_norm: eps")).sqrt()) + bias


def layer_norm(x: Operand, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    """Normalized over the trailing axes that weight and bias have (Ba, Kiros and Hinton, 2016)."""
    t = as_float(x, "layer_norm", weight)
    if t.ndim < weight.ndim or t.shape[t.ndim - weight.ndim :] != weight.shape:
        raise ShapeError(
            f"layer_norm: x: got shape {t.shape}; allowed: [..., {', '.join(map(str, weight.shape))}]"
        )
    return core_apply("layer_norm", (t, weight, bias), {"eps": float(eps)})  # type: ignore[return-value]


def embedding(index: Operand, weight: Tensor) -> Tensor:
    """Rows of weight [count, width] named by integers of any shape [...]; result [..., width]."""
    i = as_tensor(index, name="embedding: index")
    if i.is_floating or i.dtype_name == "bool":
        raise DTypeError(f"embedding: index: got dtype {i.dtype}; allowed: integers")
    rows: Tensor = core_apply("gather", (weight, i.reshape(math.prod(i.shape))))  # type: ignore[assignment]
    return rows.reshape((*i.shape, *weight.shape[1:]))
