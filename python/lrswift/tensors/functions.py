"""Functions of tensors. Every argument may be a tensor or anything `lrswift.tensor` takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import ArgumentError, ShapeError
from .dtypes import Axis, normalized_axes
from .operations import apply, run
from .tensor import Operand, Tensor, as_floating, as_tensor, binary

__all__ = [
    "abs", "argmax", "broadcast_to", "cat", "exp", "log", "matmul", "max", "maximum", "mean", "min",
    "minimum", "reshape", "sqrt", "square", "stack", "sum", "transpose", "where",
]  # fmt: skip


def exp(x: Operand) -> Tensor:
    """e to the x, element-wise."""
    return apply("exp", as_floating(x))


def log(x: Operand) -> Tensor:
    """Natural logarithm, element-wise; -inf at 0, nan below."""
    return apply("log", as_floating(x))


def sqrt(x: Operand) -> Tensor:
    """Square root, element-wise; nan below 0."""
    return apply("sqrt", as_floating(x))


def square(x: Operand) -> Tensor:
    """x * x, element-wise."""
    return apply("square", as_floating(x))


def abs(x: Operand) -> Tensor:
    """Absolute value, element-wise; derivative 0 at 0."""
    return as_tensor(x).abs()


def maximum(a: Operand, b: Operand) -> Tensor:
    """The larger of two, element-wise with broadcasting."""
    return binary("maximum", a, b)


def minimum(a: Operand, b: Operand) -> Tensor:
    """The smaller of two, element-wise with broadcasting."""
    return binary("minimum", a, b)


def matmul(a: Operand, b: Operand) -> Tensor:
    """Matrix product with numpy.matmul's rules for vectors and leading batch axes."""
    return binary("matmul", a, b)


def where(mask: Operand, a: Operand, b: Operand) -> Tensor:
    """`a` where `mask` (bool) is true and `b` elsewhere, with broadcasting."""
    chosen = as_tensor(mask, name="mask")
    like = a if isinstance(a, Tensor) else b if isinstance(b, Tensor) else None
    x, y = as_tensor(a, like, "a"), as_tensor(b, like, "b")
    wide = np.promote_types(x.dtype, y.dtype) if x.is_floating == y.is_floating else None
    if wide is None:
        wide = x.dtype if x.is_floating else y.dtype
    try:
        shape = np.broadcast_shapes(chosen.shape, x.shape, y.shape)
    except ValueError:
        raise ShapeError(
            f"where: mask {chosen.shape}, a {x.shape}, b {y.shape}; allowed: shapes that broadcast"
        ) from None
    # the core takes a mask of the result's shape
    if chosen.shape != shape:
        chosen = broadcast_to(chosen.astype(wide), shape)
    if np.broadcast_shapes(x.shape, y.shape) != shape:
        x = broadcast_to(x, shape)
    return run("where", (chosen.astype(np.bool_), x.astype(wide), y.astype(wide)))


def _all(tensors: Sequence[Operand], operation: str) -> list[Tensor]:
    if isinstance(tensors, Tensor) or not isinstance(tensors, Sequence) or not len(tensors):
        raise ArgumentError(
            f"{operation}: tensors: got {type(tensors).__name__}; allowed: a non-empty list or tuple"
        )
    like = next((t for t in tensors if isinstance(t, Tensor)), None)
    return [as_tensor(t, like, f"tensors[{i}]") for i, t in enumerate(tensors)]


def cat(tensors: Sequence[Operand], axis: int = 0) -> Tensor:
    """Tensors of equal shape but for `axis` joined along it."""
    parts = _all(tensors, "cat")
    return run("concat", tuple(parts), axis=normalized_axes(axis, parts[0].ndim, "cat")[0])


def stack(tensors: Sequence[Operand], axis: int = 0) -> Tensor:
    """Tensors of equal shape joined along a new axis at `axis`."""
    parts = _all(tensors, "stack")
    shape = parts[0].shape
    for i, part in enumerate(parts):
        if part.shape != shape:
            raise ShapeError(
                f"stack: tensors[{i}] has shape {part.shape}; allowed: {shape}, that of tensors[0]"
            )
    at = normalized_axes(axis, len(shape) + 1, "stack")[0]
    return cat([part.reshape([*shape[:at], 1, *shape[at:]]) for part in parts], at)


def sum(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Sum over `axis` (an int, several, or None for all)."""
    return as_tensor(x).sum(axis, keepdims)


def mean(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Mean over `axis` (an int, several, or None for all)."""
    return as_tensor(x).mean(axis, keepdims)


def max(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Largest element over `axis` (an int, several, or None for all)."""
    return as_tensor(x).max(axis, keepdims)


def min(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Smallest element over `axis` (an int, several, or None for all)."""
    return as_tensor(x).min(axis, keepdims)


def argmax(x: Operand, axis: int | None = None) -> Tensor:
    """Position (int64) of the first largest element along `axis`, or in the flattened tensor for None."""
    return as_tensor(x).argmax(axis)


def reshape(x: Operand, shape: Sequence[int]) -> Tensor:
    """The same elements in another shape; one entry may be -1 and is then computed."""
    return as_tensor(x).reshape(shape)


def transpose(x: Operand, axes: Sequence[int] | None = None) -> Tensor:
    """Axes in the order given; reversed for None."""
    return as_tensor(x).transpose(*(axes or ()))


def broadcast_to(x: Operand, shape: Sequence[int]) -> Tensor:
    """`x` repeated to `shape` by NumPy's broadcasting rules."""
    return apply("broadcast", as_tensor(x), shape=list(shape))
