"""Pooling over windows and over cells, of channels-last values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..nn import functional as F
from ..tensors.functions import stack
from ..tensors.operations import from_array
from ..tensors.tensor import Tensor
from ._convolution import batched, finished, twice
from ._rules import Call, Rule
from ._shapes import bordered
from ._values import Value


def windows(size: int, kernel: int, stride: int, border: int, ceil: bool) -> tuple[int, int]:
    """How many there are, and what they reach over the border after."""
    free = size + 2 * border - kernel
    count = (-(-free // stride) if ceil else free // stride) + 1
    # none may begin in the border after
    if ceil and (count - 1) * stride >= size + border:
        count -= 1
    return count, max(0, (count - 1) * stride + kernel - size - 2 * border)


def maximum(dimensions: int) -> Rule:
    def rule(
        call: Call, x: Value, size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> Value:  # fmt: skip
        t, alone = batched(call, x, dimensions)
        window, border = twice(size, dimensions, 1), twice(padding, dimensions, 0)
        step = twice(stride, dimensions, 1) if stride or stride == 0 else window
        for axis in (0, 1):
            over = windows(t.shape[axis + 1], window[axis], step[axis], border[axis], ceil_mode)[1]
            t = bordered(t, axis + 1, 0, over, -math.inf)
        return finished(call, F.max_pool2d(t, window, step, border), dimensions, alone)

    return rule


def average(dimensions: int) -> Rule:
    def rule(
        call: Call, x: Value, size: Any, stride: Any = (), padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: int | None = None,
    ) -> Value:  # fmt: skip
        t, alone = batched(call, x, dimensions)
        window, border = twice(size, dimensions, 1), twice(padding, dimensions, 0)
        step = twice(stride, dimensions, 1) if stride or stride == 0 else window
        sizes = t.shape[1:3]
        counts = []
        for axis in (0, 1):
            n, over = windows(sizes[axis], window[axis], step[axis], border[axis], ceil_mode)
            t = bordered(t, axis + 1, 0, over, 0.0)
            starts = np.arange(n) * step[axis] - border[axis]
            ends = starts + window[axis]
            if count_include_pad:
                counts.append(np.minimum(ends, sizes[axis] + border[axis]) - starts)
            else:
                counts.append(np.minimum(ends, sizes[axis]) - np.maximum(starts, 0))
        made = F.avg_pool2d(t, window, step, border)
        area = math.prod(window)
        cells = np.multiply.outer(*counts) if divisor_override is None else np.array(divisor_override)
        if (cells != area).any():
            factors = (area / cells).astype(made.dtype)
            made = made * from_array(factors[..., None] if factors.ndim else factors)
        return finished(call, made, dimensions, alone)

    return rule


def cells(size: int, count: int) -> list[tuple[int, int]]:
    """Where torch's cells of an adaptive pool begin and end."""
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def adaptive_average(dimensions: int) -> Rule:
    def rule(call: Call, x: Value, size: Any) -> Value:
        t, alone = batched(call, x, dimensions)
        wanted = [n or s for n, s in zip(twice(size, dimensions, 1), t.shape[1:3], strict=True)]
        if wanted == [1, 1]:
            return finished(call, t.mean((1, 2), keepdims=True), dimensions, alone)
        if all(s % n == 0 for n, s in zip(wanted, t.shape[1:3], strict=True)):
            window = [s // n for n, s in zip(wanted, t.shape[1:3], strict=True)]
            made = t if window == [1, 1] else F.avg_pool2d(t, window)
            return finished(call, made, dimensions, alone)
        for axis, count in zip((1, 2), wanted, strict=True):
            shares = np.zeros((count, t.shape[axis]))
            for row, (start, end) in zip(shares, cells(t.shape[axis], count), strict=True):
                row[start:end] = 1 / (end - start)
            t = mixed(t, axis, shares)
        return finished(call, t, dimensions, alone)

    return rule


def mixed(t: Tensor, axis: int, matrix: np.ndarray) -> Tensor:
    """An axis of an image multiplied by a matrix of constants."""
    if matrix.shape[0] == matrix.shape[1] and (matrix == np.eye(len(matrix))).all():
        return t
    shape = t.shape
    rest = math.prod(shape[axis + 1 :])
    product = from_array(matrix.astype(t.dtype)) @ t.reshape(*shape[: axis + 1], rest)
    return product.reshape(*shape[:axis], len(matrix), *shape[axis + 1 :])


def adaptive_maximum(dimensions: int) -> Rule:
    def rule(call: Call, x: Value, size: Any) -> list[Value | None]:
        t, alone = batched(call, x, dimensions)
        wanted = [n or s for n, s in zip(twice(size, dimensions, 1), t.shape[1:3], strict=True)]
        for axis, count in zip((1, 2), wanted, strict=True):
            keys = [slice(None)] * axis
            parts = [t[(*keys, slice(*cell))].max(axis) for cell in cells(t.shape[axis], count)]
            t = stack(parts, axis)
        # the places of the maxima, which torch returns as well, can be asked for nowhere
        return [finished(call, t, dimensions, alone), None]

    return rule


RULES: dict[str, Rule] = {
    "aten.max_pool1d.default": maximum(1),
    "aten.max_pool2d.default": maximum(2),
    "aten.avg_pool1d.default": average(1),
    "aten.avg_pool2d.default": average(2),
    "aten.adaptive_avg_pool1d.default": adaptive_average(1),
    "aten.adaptive_avg_pool2d.default": adaptive_average(2),
    "aten.adaptive_max_pool1d.default": adaptive_maximum(1),
    "aten.adaptive_max_pool2d.default": adaptive_maximum(2),
}
