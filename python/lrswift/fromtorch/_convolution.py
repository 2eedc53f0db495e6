"""Convolutions in one and two dimensions, and their transposes, of channels-last values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..nn import functional as F
from ..tensors.creation import zeros
from ..tensors.functions import cat
from ..tensors.tensor import Tensor
from ._rules import Call, Rule
from ._shapes import bordered, flip
from ._values import Order, Value, channels_last

# (out, in, height, width) of torch as the (height, width, in, out) of ours
KERNELS: dict[int, Order] = {3: (2, 1, 0), 4: (2, 3, 1, 0)}


def twice(value: Any, dimensions: int, neutral: int) -> list[int]:
    """An attribute for height and width; signals are images of one row."""
    given = [value] if isinstance(value, int) else list(value)
    if len(given) == 1:
        given = given * dimensions
    return [neutral, *given] if dimensions == 1 else given


def framed(x: Tensor) -> Tensor:
    """A signal [N, L, C] as an image of one row."""
    return x if x.ndim == 4 else x.reshape(x.shape[0], 1, *x.shape[1:])


def unframed(made: Tensor, ndim: int) -> Tensor:
    return made if ndim == 4 else made.reshape(made.shape[0], *made.shape[2:])


def bias_of(call: Call, bias: Value | None) -> Tensor | None:
    return None if bias is None else call.given(bias)


def batched(call: Call, x: Value, dimensions: int) -> tuple[Tensor, bool]:
    """Channels-last images, and whether there was no axis of a batch."""
    alone = x.ndim == dimensions + 1
    if alone:
        x = Value(x.plain().reshape(1, *x.shape), x.dtype)
    return framed(x.laid(channels_last(x.ndim)).astype(call.held())), alone


def finished(call: Call, made: Tensor, dimensions: int, alone: bool) -> Value:
    value = call.made(unframed(made, dimensions + 2), channels_last(dimensions + 2))
    return call.made(value.plain().reshape(value.shape[1:])) if alone else value


def convolution(dimensions: int) -> Rule:
    def rule(
        call: Call, x: Value, weight: Value, bias: Value | None = None, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1,
    ) -> Value:  # fmt: skip
        t, alone = batched(call, x, dimensions)
        kernel = weight.laid(KERNELS[dimensions + 2]).astype(call.held())
        if kernel.ndim == 3:
            kernel = kernel.reshape(1, *kernel.shape)
        spacing = twice(dilation, dimensions, 1)
        if isinstance(padding, str):
            t, border = same(t, kernel, spacing, padding)
        else:
            border = twice(padding, dimensions, 0)
        made = F.conv2d(t, kernel, bias_of(call, bias), twice(stride, dimensions, 1), border, spacing, groups)
        return finished(call, made, dimensions, alone)

    return rule


def same(t: Tensor, kernel: Tensor, spacing: Sequence[int], padding: str) -> tuple[Tensor, list[int]]:
    """Padding by name: an odd border, after, is made by hand."""
    if padding == "valid":
        return t, [0, 0]
    total = [d * (k - 1) for d, k in zip(spacing, kernel.shape, strict=False)]
    for axis, size in zip((1, 2), total, strict=True):
        t = bordered(t, axis, 0, size % 2, 0.0)
    return t, [size // 2 for size in total]


def transposed(dimensions: int) -> Rule:
    """The adjoint of a convolution, as a product or as a convolution of an image with zeros in between."""

    def rule(
        call: Call, x: Value, weight: Value, bias: Value | None = None, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
    ) -> Value:  # fmt: skip
        t, alone = batched(call, x, dimensions)
        w = weight.plain().astype(call.held())
        if w.ndim == 3:
            w = w.reshape(*w.shape[:2], 1, w.shape[2])
        steps, border = twice(stride, dimensions, 1), twice(padding, dimensions, 0)
        more, spacing = twice(output_padding, dimensions, 0), twice(dilation, dimensions, 1)
        if groups == 1 and steps == list(w.shape[2:]) and spacing == [1, 1]:
            made = tiled(t, w)
            for axis in (0, 1):
                made = bordered(made, axis + 1, -border[axis], more[axis] - border[axis], 0.0)
            b = bias_of(call, bias)
            return finished(call, made if b is None else made + b, dimensions, alone)
        made = stuffed(t, w, bias_of(call, bias), steps, border, more, spacing, groups)
        return finished(call, made, dimensions, alone)

    return rule


def tiled(t: Tensor, w: Tensor) -> Tensor:
    """Where windows do not overlap, every pixel becomes a tile of its own: one product of matrices."""
    n, height, width, _ = t.shape
    inputs, outputs, kh, kw = w.shape
    tiles = t @ w.transpose(0, 2, 3, 1).reshape(inputs, kh * kw * outputs)
    parts = tiles.reshape(n, height, width, kh, kw, outputs).transpose(0, 1, 3, 2, 4, 5)
    return parts.reshape(n, height * kh, width * kw, outputs)


def stuffed(
    t: Tensor, w: Tensor, bias: Tensor | None, steps: Sequence[int], border: Sequence[int],
    more: Sequence[int], spacing: Sequence[int], groups: int,
) -> Tensor:  # fmt: skip
    """The convolution, with the kernel turned round, of the image with zeros between its pixels."""
    for axis in (0, 1):
        t = stretched(t, axis + 1, steps[axis])
        reach = spacing[axis] * (w.shape[2 + axis] - 1) - border[axis]
        t = bordered(t, axis + 1, reach, reach + more[axis], 0.0)
    inputs, outputs, kh, kw = w.shape
    kernel = flip(w, (2, 3)).reshape(groups, inputs // groups, outputs, kh, kw)
    # (in of a group, all outputs), the groups of outputs one after another
    kernel = kernel.transpose(3, 4, 1, 0, 2).reshape(kh, kw, inputs // groups, groups * outputs)
    return F.conv2d(t, kernel, bias, 1, 0, list(spacing), groups)


def stretched(t: Tensor, axis: int, step: int) -> Tensor:
    """step - 1 zeros between one element of an axis and the next."""
    if step == 1 or t.shape[axis] == 1:
        return t
    shape, size = list(t.shape), t.shape[axis]
    between = zeros(*shape[: axis + 1], step - 1, *shape[axis + 1 :], dtype=t.dtype)
    both = cat([t.reshape(*shape[: axis + 1], 1, *shape[axis + 1 :]), between], axis + 1)
    wide = both.reshape(*shape[:axis], size * step, *shape[axis + 1 :])
    keys = [slice(None)] * axis
    return wide[(*keys, slice(0, (size - 1) * step + 1))]


RULES: dict[str, Rule] = {
    "aten.conv1d.default": convolution(1),
    "aten.conv1d.padding": convolution(1),
    "aten.conv2d.default": convolution(2),
    "aten.conv2d.padding": convolution(2),
    "aten.conv_transpose1d.default": transposed(1),
    "aten.conv_transpose2d.input": transposed(2),
}
