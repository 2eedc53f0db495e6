"""Layers and losses as functions. Images are (N, H, W, C)."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence

import numpy as np

from .._core import apply as core_apply
from ..checks import check_fraction, check_number, check_positive, check_whole, shown, type_of
from ..errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from ..tensors.activations import *  # noqa: F403
from ..tensors.activations import __all__ as _activations
from ..tensors.dtypes import normalized_axes
from ..tensors.functions import where
from ..tensors.modes import modes
from ..tensors.operations import apply
from ..tensors.tensor import Operand, Tensor, as_tensor

__all__ = [
    *_activations, "avg_pool2d", "batch_norm", "conv2d", "cross_entropy", "dropout", "embedding", "flatten",
    "global_avg_pool2d", "layer_norm", "linear", "log_softmax", "max_pool2d", "mse_loss", "rms_norm",
    "scaled_dot_product_attention", "softmax",
]  # fmt: skip

Pair = int | Sequence[int]

# up to which attention is made of its parts
FEW_PLACES = 32


def pair(value: Pair, name: str, least: int) -> list[int]:
    """[vertical, horizontal] from one int or two. ArgumentError below `least`."""
    both = [value, value] if isinstance(value, int) else [*value]
    if len(both) != 2 or not all(isinstance(n, int) and n >= least for n in both):
        raise ArgumentError(f"{name}: got {shown(value)}; allowed: an integer of at least {least}, or two")
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


def check_tensors(operation: str, **given: object) -> None:
    """ArgumentTypeError that names what is no Tensor."""
    for name, value in given.items():
        if not isinstance(value, Tensor):
            raise ArgumentTypeError(f"{operation}: {name}: got {type_of(value)}; allowed: a Tensor")


def linear(x: Operand, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Multiplies by a matrix and adds a bias: x W^T + b.

    Args:
        x: [..., in], of the weight's dtype or uint8, which is cast to it.
        weight: floating [out, in].
        bias: [out], of the weight's dtype. None: nothing is added. Default None.

    Returns:
        Tensor [..., out] of the weight's dtype.

    Raises:
        ArgumentError: a value of x is masked.
        DTypeError: x is of another dtype.
        ArgumentTypeError: weight or bias is no Tensor.
        ShapeError: weight has not two axes, or the last axis of x is not `in`.
    """
    check_tensors("linear", weight=weight, **({} if bias is None else {"bias": bias}))
    if weight.ndim != 2:
        raise ShapeError(f"linear: weight: got shape {weight.shape}; allowed: [out, in]")
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
    """Cross-correlates images with a kernel, as torch.nn.functional.conv2d does.

        H' = (H + 2 padding - dilation (kh - 1) - 1) // stride + 1, and W' alike.

    Args:
        x: [N, H, W, in], of the weight's dtype or uint8, which is cast to it.
        weight: floating [kh, kw, in / groups, out].
        bias: [out], of the weight's dtype. None: nothing is added. Default None.
        stride: pixels from one window to the next, at least 1; one int, or (vertical, horizontal). Default 1.
        padding: zeros added on every side, at least 0; one int or two. Default 0.
        dilation: pixels from one element of the kernel to the next, at least 1; one int or two. Default 1.
        groups: parts into which the channels are split; each part sees its own. A divisor of `in` and `out`.
            Default 1.

    Returns:
        Tensor [N, H', W', out] of the weight's dtype.

    Raises:
        ArgumentError: stride, padding, dilation or groups are out of bounds, or a value of x is masked.
        ArgumentTypeError: weight or bias is no Tensor.
        DTypeError: x is of another dtype.
        ShapeError: x has not four axes, its channels do not fit the weight's, or the kernel is larger than
            the padded image.
    """
    if not isinstance(groups, int) or groups < 1:
        raise ArgumentError(f"conv2d: groups: got {shown(groups)}; allowed: an integer of at least 1")
    attributes: dict[str, int | list[int]] = {
        "stride": pair(stride, "conv2d: stride", 1),
        "padding": pair(padding, "conv2d: padding", 0),
        "dilation": pair(dilation, "conv2d: dilation", 1),
        "groups": groups,
    }
    check_tensors("conv2d", weight=weight, **({} if bias is None else {"bias": bias}))
    inputs = (as_float(x, "conv2d", weight), weight)
    return core_apply("conv2d", inputs if bias is None else (*inputs, bias), attributes)  # type: ignore[return-value]


def _pool(operation: str, x: Operand, size: Pair, stride: Pair | None, padding: Pair) -> Tensor:
    window = pair(size, f"{operation}: size", 1)
    step = window if stride is None else pair(stride, f"{operation}: stride", 1)
    border = pair(padding, f"{operation}: padding", 0)
    return apply(operation, as_float(x, operation), size=window, stride=step, padding=border)


def max_pool2d(x: Operand, size: Pair, stride: Pair | None = None, padding: Pair = 0) -> Tensor:
    """Takes the largest element of every window of an image.

    Args:
        x: floating or uint8 [N, H, W, C]; uint8 becomes float32.
        size: height and width of a window, at least 1; one int, or (vertical, horizontal).
        stride: pixels from one window to the next, at least 1; one int or two. None: that of `size`. Default
            None.
        padding: pixels added on every side that are never the largest, 0 to half of `size`; one int or two.
            Default 0.

    Returns:
        Tensor [N, H', W', C], H' = (H + 2 padding - size) // stride + 1.

    Raises:
        ArgumentError: size, stride or padding are out of bounds, or a value of x is masked.
        DTypeError: x is neither floating nor uint8.
        ShapeError: x has not four axes, or a window is larger than the padded image.
    """
    return _pool("max_pool2d", x, size, stride, padding)


def avg_pool2d(x: Operand, size: Pair, stride: Pair | None = None, padding: Pair = 0) -> Tensor:
    """Takes the mean of every window of an image.

    Args:
        x: floating or uint8 [N, H, W, C]; uint8 becomes float32.
        size: height and width of a window, at least 1; one int, or (vertical, horizontal).
        stride: pixels from one window to the next, at least 1; one int or two. None: that of `size`. Default
            None.
        padding: zeros added on every side, which count in the mean, 0 to half of `size`; one int or two.
            Default 0.

    Returns:
        Tensor [N, H', W', C], H' = (H + 2 padding - size) // stride + 1.

    Raises:
        ArgumentError: size, stride or padding are out of bounds, or a value of x is masked.
        DTypeError: x is neither floating nor uint8.
        ShapeError: x has not four axes, or a window is larger than the padded image.
    """
    return _pool("avg_pool2d", x, size, stride, padding)


def global_avg_pool2d(x: Operand) -> Tensor:
    """Takes the mean over height and width of an image.

    Args:
        x: floating or uint8 [N, H, W, C]; uint8 becomes float32.

    Returns:
        Tensor [N, C].

    Raises:
        ArgumentError: a value of x is masked.
        DTypeError: x is neither floating nor uint8.
        ShapeError: x has not four axes.
    """
    t = as_float(x, "global_avg_pool2d")
    if t.ndim != 4:
        raise ShapeError(f"global_avg_pool2d: x: got shape {t.shape}; allowed: [N, H, W, C]")
    return t.mean((1, 2))


def flatten(x: Operand, start: int = 1) -> Tensor:
    """Merges the last axes into one.

    Args:
        x: of any dtype.
        start: the first axis that is merged, counted from 0. Default 1: all but that of the batch.

    Returns:
        Tensor [*x.shape[:start], rest], of x's dtype.

    Raises:
        ArgumentError: a value of x is masked, or a whole number does not fit int64.
        DTypeError: x does not hold numbers.
        ShapeError: x is a nested list with rows of unequal length.
    """
    return as_tensor(x).flatten(start)


def dropout(x: Operand, p: float = 0.5, training: bool = True) -> Tensor:
    """Zeroes each element with probability p and scales the others by 1 / (1 - p).

    Random numbers come from the counter-based stream of `lrswift.seed`.

    Args:
        x: floating or uint8; uint8 becomes float32.
        p: the probability, 0 <= p < 1. Default 0.5.
        training: whether to drop; False returns x as it is. Default True.

    Returns:
        Tensor of x's shape.

    Raises:
        ArgumentError: p is out of bounds, or a value of x is masked.
        ArgumentTypeError: p is no number.
        DTypeError: x is neither floating nor uint8.
        ShapeError: x is a nested list with rows of unequal length.

    Source:
        Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (2014).
    """
    share = check_fraction(p, "dropout: p", one=False)
    t = as_float(x, "dropout")
    return apply("dropout", t, p=share) if training and share > 0 and modes.dropout else t


def scaled_dot_product_attention(
    query: Operand,
    key: Operand,
    value: Operand,
    attn_mask: Operand | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """Mixes values by how well their keys go with a query: softmax(scale q k^T + mask) v.

    One operation: of the scores no more than a block of rows is in memory, forward and backward. A mask that
    requires a gradient has all of them there.

    Args:
        query: floating [..., L, E].
        key: [..., S, E], of the query's dtype and leading axes.
        value: [..., S, Ev], likewise.
        attn_mask: broadcasts to [..., L, S]. Of bools: True where a place is looked at; of numbers: added to
            the scores. Rows that see nothing are zeros. None: all is looked at. Default None.
        dropout_p: probability with which a weight is dropped, 0 to below 1. Default 0.0.
        is_causal: whether row i sees the keys 0 to i alone. Default False.
        scale: factor of the scores. None: 1 / sqrt(E). Default None.

    Returns:
        Tensor [..., L, Ev].

    Raises:
        ArgumentError: dropout_p is out of bounds, or a value is masked in the sense of numpy.ma.
        ArgumentTypeError: dropout_p or scale is no number.
        DTypeError: query, key and value are not floating, or of several dtypes.
        ShapeError: sizes do not fit.

    Source:
        Vaswani et al., "Attention is all you need" (2017). Blocks: Dao et al., "FlashAttention" (2022).
    """
    name = "scaled_dot_product_attention"
    q = as_tensor(query, name=f"{name}: query")
    k, v = as_tensor(key, q, f"{name}: key"), as_tensor(value, q, f"{name}: value")
    if not q.is_floating or q.dtype != k.dtype or q.dtype != v.dtype:
        raise DTypeError(f"{name}: got {q.dtype}, {k.dtype} and {v.dtype}; allowed: one floating dtype")
    lead = q.shape[:-2]
    if min(q.ndim, k.ndim, v.ndim) < 2 or lead != k.shape[:-2] or k.shape[:-1] != v.shape[:-1]:
        raise ShapeError(
            f"{name}: got query {q.shape}, key {k.shape} and value {v.shape}; "
            "allowed: [..., L, E], [..., S, E] and [..., S, Ev] with the same leading axes"
        )
    mask = None
    if attn_mask is not None:
        mask = as_tensor(attn_mask, q, f"{name}: attn_mask")
        if not mask.is_floating:
            mask = where(mask != 0, 0.0, -math.inf)
        mask = mask.astype(q.dtype)
    share = check_fraction(dropout_p, f"{name}: dropout_p", one=False) if modes.dropout else 0.0
    factor = 1 / math.sqrt(max(1, q.shape[-1])) if scale is None else check_number(scale, f"{name}: scale")
    return attend(
        q, k, v, mask, factor, dropout=share, causal=bool(is_causal), empty_is_zero=mask is not None
    )


def attend(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float,
    *, heads: int | None = None, dropout: float = 0.0, causal: bool = False, empty_is_zero: bool = False,
) -> Tensor:  # fmt: skip
    """`scaled_dot_product_attention` of tensors that fit.

    heads: their last axis holds so many beside each other, and the mask is of [..., heads, L, S]. A mask that
    requires a gradient has none in the fused operation.
    """
    # of few places the scores are small, and their products faster than blocks of them
    few = heads is None and mask is None and dropout == 0 and max(q.shape[-2], k.shape[-2]) <= FEW_PLACES
    # what does not fit the operation says
    few = few and q.shape[-1] == k.shape[-1]
    if not few and (mask is None or not mask.requires_grad):
        options: dict[str, float] = {
            "scale": scale,
            "causal": causal,
            "empty_is_zero": empty_is_zero,
            "p": dropout,
        }
        if heads is not None:
            options["heads"] = heads
        inputs = (q, k, v) if mask is None else (q, k, v, mask)
        return core_apply("attention", inputs, options)  # type: ignore[return-value]
    if heads is not None:
        q, k, v = (_split(t, heads) for t in (q, k, v))
    scores: Tensor = core_apply("matmul", (q * scale, k), {"transpose_b": True})  # type: ignore[assignment]
    masked = scores if mask is None else scores + mask
    weights = apply("softmax", masked, empty_is_zero=empty_is_zero, causal=causal)
    mixed = (apply("dropout", weights, p=dropout) if dropout > 0 else weights) @ v
    if heads is None:
        return mixed
    turned = mixed.transpose(*range(mixed.ndim - 3), mixed.ndim - 2, mixed.ndim - 3, mixed.ndim - 1)
    return turned.reshape(*turned.shape[:-2], -1)


def _split(x: Tensor, heads: int) -> Tensor:
    """[..., heads, L, width] of [..., L, heads width]."""
    parts = x.reshape(*x.shape[:-1], heads, x.shape[-1] // heads)
    return parts.transpose(*range(parts.ndim - 3), parts.ndim - 2, parts.ndim - 3, parts.ndim - 1)


def softmax(x: Operand, axis: int = -1) -> Tensor:
    """Exponentials that sum to 1: exp(x) / sum(exp(x)), without overflow.

    Args:
        x: floating or uint8; uint8 becomes float32.
        axis: along which they sum to 1. Default -1.

    Returns:
        Tensor of x's shape.

    Raises:
        ArgumentError: a value of x is masked.
        DTypeError: x is neither floating nor uint8.
        ShapeError: x has no such axis.
    """
    t = as_float(x, "softmax")
    (place,) = normalized_axes(operator.index(axis), t.ndim, "softmax")
    if place == t.ndim - 1:
        return apply("softmax", t)
    e = (t - t.detach().max(place, keepdims=True)).exp()
    return e / e.sum(place, keepdims=True)


def log_softmax(x: Operand, axis: int = -1) -> Tensor:
    """Logarithms of `softmax`, without overflow.

    Args:
        x: floating or uint8; uint8 becomes float32.
        axis: along which the exponentials of the result sum to 1. Default -1.

    Returns:
        Tensor of x's shape.

    Raises:
        ArgumentError: a value of x is masked.
        DTypeError: x is neither floating nor uint8.
        ShapeError: x has no such axis.
    """
    t = as_float(x, "log_softmax")
    # whatever is taken off, the result is the same: so it has no derivative
    shifted = t - t.detach().max(axis, keepdims=True)
    return shifted - shifted.exp().sum(axis, keepdims=True).log()


def cross_entropy(
    logits: Operand, labels: Operand, label_smoothing: float = 0.0, ignore_index: int | None = None
) -> Tensor:
    """Mean of -log softmax(logits)[label] over the rows, as torch.nn.functional.cross_entropy does.

    With label smoothing s, a row's loss is (1 - s) times that plus s times the mean of -log softmax(logits)
    over the classes.

    Args:
        logits: floating or uint8 [N, C]; uint8 becomes float32.
        labels: int64 or uint8 [N], 0 <= label < C.
        label_smoothing: the share of the uniform distribution in the targets, from 0 to 1. Default 0.0.
        ignore_index: a class, 0 <= index < C, whose rows do not count, as that of padding. The mean is over
            the others, NaN where there are none. None: all count. Default None.

    Returns:
        A scalar Tensor of the logits' dtype, in nats.

    Raises:
        ArgumentError: a label is out of range, label_smoothing or ignore_index is, or a value is masked.
        ArgumentTypeError: label_smoothing or ignore_index is no number.
        DTypeError: labels are no integers, or logits are integers other than uint8.
        ShapeError: shapes do not fit, or N is 0.

    Source:
        Label smoothing: Szegedy et al., "Rethinking the inception architecture" (2016), section 7.
    """
    x = as_float(logits, "cross_entropy")
    y = as_tensor(labels, name="cross_entropy: labels")
    if y.is_floating or y.dtype_name == "bool":
        raise DTypeError(f"cross_entropy: labels: got dtype {y.dtype}; allowed: int64 or uint8 class numbers")
    if ignore_index is None and label_smoothing == 0:
        return core_apply("cross_entropy", (x, y))  # type: ignore[return-value]
    share = check_fraction(label_smoothing, "cross_entropy: label_smoothing")
    if ignore_index is None:
        return _smoothed_cross_entropy(x, y, share)
    if x.ndim != 2 or y.ndim != 1:
        raise ShapeError(f"cross_entropy: got shapes {x.shape} and {y.shape}; allowed: [N, C] and [N]")
    rows, classes = x.shape
    check_whole(ignore_index, "cross_entropy: ignore_index", 0, classes - 1)
    table = np.ones((classes, 1), x.dtype)
    table[ignore_index] = 0
    counts = embedding(y, as_tensor(table, x, "ignore_index"))
    # rows of zeros: each has the loss log C, whatever its label, and no derivative
    total = _smoothed_cross_entropy(x * counts, y, share) * rows
    kept = counts.sum()
    return (total - (rows - kept) * math.log(classes)) / kept


def _smoothed_cross_entropy(x: Tensor, labels: Tensor, share: float) -> Tensor:
    found: Tensor = core_apply("cross_entropy", (x, labels))  # type: ignore[assignment]
    return found if share == 0 else (1 - share) * found - share * log_softmax(x).mean()


def mse_loss(prediction: Operand, target: Operand) -> Tensor:
    """Mean of (prediction - target)**2 over all elements.

    Args:
        prediction: floating or uint8; uint8 becomes float32.
        target: of exactly the same shape; cast to the prediction's dtype.

    Returns:
        A scalar Tensor of the prediction's dtype.

    Raises:
        ArgumentError: a value is masked.
        DTypeError: the prediction is of integers other than uint8.
        ShapeError: shapes differ. They do not broadcast: [N, 1] beside [N] would average N N differences.
    """
    x = as_float(prediction, "mse_loss")
    y = as_tensor(target, x, "mse_loss: target")
    if x.shape != y.shape:
        # broadcasting [N, 1] against [N] would silently average N*N differences
        raise ShapeError(f"mse_loss: target: got shape {y.shape}; allowed: {x.shape}, that of the prediction")
    return (x - y.astype(x.dtype)).square().mean()


def batch_norm(
    x: Tensor, mean: Tensor, var: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5
) -> Tensor:
    """Normalizes channels by a mean and a variance that are given.

        (x - mean) / sqrt(var + eps) * weight + bias

    Args:
        x: floating [..., C].
        mean: [C].
        var: [C], at least 0.
        weight: [C].
        bias: [C].
        eps: added to the variance, above 0. Default 1e-5.

    Returns:
        Tensor of x's shape.

    Raises:
        ArgumentError: eps is out of bounds.
        ArgumentTypeError: eps is no number, or one of the others is no Tensor.
        ShapeError: shapes do not broadcast.

    Source:
        Ioffe and Szegedy, "Batch normalization" (2015).
    """
    check_tensors("batch_norm", x=x, mean=mean, var=var, weight=weight, bias=bias)
    return (x - mean) * (weight / (var + check_positive(eps, "batch_norm: eps")).sqrt()) + bias


def layer_norm(x: Operand, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    """Normalizes over the trailing axes that the weight has, then scales and shifts.

    Args:
        x: [..., *weight.shape], of the weight's dtype or uint8, which is cast to it.
        weight: the scales, floating.
        bias: the shifts, of the weight's shape and dtype.
        eps: added to the variance, above 0. Default 1e-5.

    Returns:
        Tensor of x's shape.

    Raises:
        ArgumentError: eps is not above 0, or a value of x is masked.
        ArgumentTypeError: weight or bias is no Tensor.
        DTypeError: x is of another dtype.
        ShapeError: the last axes of x are not the weight's.

    Source:
        Ba, Kiros and Hinton, "Layer normalization" (2016).
    """
    check_tensors("layer_norm", weight=weight, bias=bias)
    t = as_float(x, "layer_norm", weight)
    if t.ndim < weight.ndim or t.shape[t.ndim - weight.ndim :] != weight.shape:
        raise ShapeError(
            f"layer_norm: x: got shape {t.shape}; allowed: [..., {', '.join(map(str, weight.shape))}]"
        )
    return core_apply("layer_norm", (t, weight, bias), {"eps": float(eps)})  # type: ignore[return-value]


def rms_norm(x: Operand, weight: Tensor, eps: float | None = None) -> Tensor:
    """Divides by the root of the mean square over the trailing axes that the weight has, then scales.

        y = weight x / sqrt(mean(x^2) + eps)

    Args:
        x: [..., *weight.shape], of the weight's dtype or uint8, which is cast to it.
        weight: the scales, floating.
        eps: added to the mean square, above 0. Default None, as in PyTorch: the distance of 1 to the next
            larger number of the weight's dtype.

    Returns:
        Tensor of x's shape.

    Raises:
        ArgumentError: eps is not above 0, or a value of x is masked.
        ArgumentTypeError: weight is no Tensor.
        DTypeError: x is of another dtype.
        ShapeError: the last axes of x are not the weight's.

    Source:
        Zhang and Sennrich, "Root mean square layer normalization" (2019).
    """
    check_tensors("rms_norm", weight=weight)
    t = as_float(x, "rms_norm", weight)
    if t.ndim < weight.ndim or t.shape[t.ndim - weight.ndim :] != weight.shape:
        raise ShapeError(
            f"rms_norm: x: got shape {t.shape}; allowed: [..., {', '.join(map(str, weight.shape))}]"
        )
    least = float(np.finfo(t.dtype).eps) if eps is None else float(eps)
    return core_apply("rms_norm", (t, weight), {"eps": least})  # type: ignore[return-value]


def embedding(index: Operand, weight: Tensor) -> Tensor:
    """Rows of a table, named by integers.

    Args:
        index: integers of any shape [...], 0 <= index < count.
        weight: the table, floating [count, width].

    Returns:
        Tensor [..., width] of the weight's dtype.

    Raises:
        ArgumentError: an index is out of range, or masked.
        ArgumentTypeError: weight is no Tensor.
        DTypeError: the index is floating or bool.
        ShapeError: the index is a nested list with rows of unequal length.
    """
    check_tensors("embedding", weight=weight)
    i = as_tensor(index, name="embedding: index")
    if i.is_floating or i.dtype_name == "bool":
        raise DTypeError(f"embedding: index: got dtype {i.dtype}; allowed: integers")
    rows: Tensor = core_apply("gather", (weight, i.reshape(math.prod(i.shape))))  # type: ignore[assignment]
    return rows.reshape((*i.shape, *weight.shape[1:]))
