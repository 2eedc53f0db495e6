"""Functions of tensors. Every argument may be a tensor or anything `lrswift.tensor` takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..checks import type_of
from ..errors import ArgumentError, ShapeError
from .dtypes import Axis, normalized_axes
from .operations import apply, run
from .tensor import Operand, Tensor, as_tensor, binary, pointwise

__all__ = [
    "abs", "argmax", "broadcast_to", "cat", "exp", "log", "matmul", "max", "maximum", "mean", "min",
    "minimum", "reshape", "sqrt", "square", "stack", "sum", "transpose", "where",
]  # fmt: skip


def exp(x: Operand) -> Tensor:
    """Exponential of each element.

    Args:
        x: of any dtype; integers and bools become float32.

    Returns:
        Tensor of x's shape and floating dtype.

    Raises:
        ArgumentError: a value of x is masked, or a whole number does not fit int64.
        DTypeError: x does not hold numbers.
        ShapeError: x is a nested list with rows of unequal length.
    """
    return pointwise("exp", x)


def log(x: Operand) -> Tensor:
    """Natural logarithm of each element; -inf at 0, nan below.

    Args:
        x: of any dtype; integers and bools become float32.

    Returns:
        Tensor of x's shape and floating dtype.

    Raises:
        ArgumentError: a value of x is masked, or a whole number does not fit int64.
        DTypeError: x does not hold numbers.
        ShapeError: x is a nested list with rows of unequal length.
    """
    return pointwise("log", x)


def sqrt(x: Operand) -> Tensor:
    """Square root of each element; nan below 0.

    Args:
        x: of any dtype; integers and bools become float32.

    Returns:
        Tensor of x's shape and floating dtype.

    Raises:
        ArgumentError: a value of x is masked, or a whole number does not fit int64.
        DTypeError: x does not hold numbers.
        ShapeError: x is a nested list with rows of unequal length.
    """
    return pointwise("sqrt", x)


def square(x: Operand) -> Tensor:
    """Each element times itself.

    Args:
        x: of any dtype; integers and bools become float32.

    Returns:
        Tensor of x's shape and floating dtype.

    Raises:
        ArgumentError: a value of x is masked, or a whole number does not fit int64.
        DTypeError: x does not hold numbers.
        ShapeError: x is a nested list with rows of unequal length.
    """
    return pointwise("square", x)


def abs(x: Operand) -> Tensor:
    """Absolute value of each element; derivative 0 at 0.

    Args:
        x: of any dtype.

    Returns:
        Tensor of x's shape and dtype.

    Raises:
        ArgumentError: a value of x is masked, or a whole number does not fit int64.
        DTypeError: x does not hold numbers.
        ShapeError: x is a nested list with rows of unequal length.
    """
    return as_tensor(x).abs()


def maximum(a: Operand, b: Operand) -> Tensor:
    """The larger of two elements, with broadcasting.

    Args:
        a: of any dtype.
        b: of a shape that broadcasts with a's. Of two floating dtypes the wider counts, of a mixed pair the
            floating one.

    Returns:
        Tensor of the broadcast shape.

    Raises:
        ArgumentError: a value is masked, or a whole number does not fit int64.
        DTypeError: a or b does not hold numbers.
        ShapeError: the shapes do not broadcast.
    """
    return binary("maximum", a, b)


def minimum(a: Operand, b: Operand) -> Tensor:
    """The smaller of two elements, with broadcasting.

    Args:
        a: of any dtype.
        b: of a shape that broadcasts with a's. Of two floating dtypes the wider counts, of a mixed pair the
            floating one.

    Returns:
        Tensor of the broadcast shape.

    Raises:
        ArgumentError: a value is masked, or a whole number does not fit int64.
        DTypeError: a or b does not hold numbers.
        ShapeError: the shapes do not broadcast.
    """
    return binary("minimum", a, b)


def matmul(a: Operand, b: Operand) -> Tensor:
    """Matrix product, with numpy.matmul's rules for vectors and leading batch axes.

    Args:
        a: [..., n, k], or [k].
        b: [..., k, m], or [k]. Of two floating dtypes the wider counts, of a mixed pair the floating one.

    Returns:
        Tensor [..., n, m]; an axis that a vector had not is left out.

    Raises:
        ArgumentError: a value is masked, or a whole number does not fit int64.
        DTypeError: a or b does not hold numbers.
        ShapeError: the inner sizes differ, or the batch axes do not broadcast.
    """
    return binary("matmul", a, b)


def where(mask: Operand, a: Operand, b: Operand) -> Tensor:
    """Elements of `a` where a mask is true and of `b` elsewhere, with broadcasting.

    Args:
        mask: of bool; numbers count as true where they are not 0.
        a: taken where the mask is true.
        b: taken elsewhere. Of two floating dtypes the wider counts, of a mixed pair the floating one.

    Returns:
        Tensor of the broadcast shape of all three.

    Raises:
        ArgumentError: a value is masked, or a whole number does not fit int64.
        DTypeError: an argument does not hold numbers.
        ShapeError: the shapes do not broadcast.
    """
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
            f"{operation}: tensors: got {type_of(tensors)}; allowed: a non-empty list or tuple"
        )
    like = next((t for t in tensors if isinstance(t, Tensor)), None)
    return [as_tensor(t, like, f"tensors[{i}]") for i, t in enumerate(tensors)]


def cat(tensors: Sequence[Operand], axis: int = 0) -> Tensor:
    """Joins tensors along an axis.

    Args:
        tensors: a list or tuple, at least one, of equal shapes but for `axis`.
        axis: along which they are joined. Default 0.

    Returns:
        Tensor with the sum of their sizes along `axis`.

    Raises:
        ArgumentError: none are given, or a value is masked.
        DTypeError: dtypes differ, or one does not hold numbers.
        ShapeError: other sizes differ, or there is no such axis.
    """
    parts = _all(tensors, "cat")
    return run("concat", tuple(parts), axis=normalized_axes(axis, parts[0].ndim, "cat")[0])


def stack(tensors: Sequence[Operand], axis: int = 0) -> Tensor:
    """Joins tensors along a new axis.

    Args:
        tensors: a list or tuple, at least one, of equal shapes.
        axis: the place of the new axis in the result. Default 0.

    Returns:
        Tensor with one axis more.

    Raises:
        ArgumentError: none are given, or a value is masked.
        DTypeError: dtypes differ, or one does not hold numbers.
        ShapeError: shapes differ, or there is no such place.
    """
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
    """Sum of elements.

    Args:
        x: of any dtype.
        axis: an int, several, or None for all. Default None.
        keepdims: whether summed axes stay, with size 1. Default False.

    Returns:
        Tensor without these axes; int64 for integers and bools.

    Raises:
        ArgumentError: a value of x is masked.
        DTypeError: x does not hold numbers.
        ShapeError: x has no such axis, or one is named twice.
    """
    return as_tensor(x).sum(axis, keepdims)


def mean(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Mean of elements.

    Args:
        x: of any dtype; integers and bools become float32.
        axis: an int, several, or None for all. Default None.
        keepdims: whether averaged axes stay, with size 1. Default False.

    Returns:
        Tensor without these axes.

    Raises:
        ArgumentError: a value of x is masked.
        DTypeError: x does not hold numbers.
        ShapeError: x has no such axis, one is named twice, or there is nothing to average.
    """
    return as_tensor(x).mean(axis, keepdims)


def max(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Largest element; the gradient goes to the element chosen.

    Args:
        x: of any dtype.
        axis: an int, several, or None for all. Default None.
        keepdims: whether these axes stay, with size 1. Default False.

    Returns:
        Tensor without these axes, of x's dtype.

    Raises:
        ArgumentError: a value of x is masked.
        DTypeError: x does not hold numbers.
        ShapeError: x has no such axis, one is named twice, or there is nothing to compare.
    """
    return as_tensor(x).max(axis, keepdims)


def min(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Smallest element; the gradient goes to the element chosen.

    Args:
        x: of any dtype.
        axis: an int, several, or None for all. Default None.
        keepdims: whether these axes stay, with size 1. Default False.

    Returns:
        Tensor without these axes, of x's dtype.

    Raises:
        ArgumentError: a value of x is masked.
        DTypeError: x does not hold numbers.
        ShapeError: x has no such axis, one is named twice, or there is nothing to compare.
    """
    return as_tensor(x).min(axis, keepdims)


def argmax(x: Operand, axis: int | None = None) -> Tensor:
    """Position of the first largest element.

    Args:
        x: of any dtype.
        axis: along which is looked. None: in the flattened tensor. Default None.

    Returns:
        Tensor of int64 without this axis.

    Raises:
        ArgumentError: a value of x is masked.
        DTypeError: x does not hold numbers.
        ShapeError: x has no such axis, or there is nothing to compare.
    """
    return as_tensor(x).argmax(axis)


def reshape(x: Operand, shape: Sequence[int]) -> Tensor:
    """Elements in the same order, in another shape.

    Args:
        x: of any dtype.
        shape: sizes with the same product; one of them may be -1 and is then computed.

    Returns:
        Tensor of this shape and x's dtype.

    Raises:
        ArgumentError: a value of x is masked.
        DTypeError: x does not hold numbers.
        ShapeError: the number of elements is another one.
    """
    return as_tensor(x).reshape(shape)


def transpose(x: Operand, axes: Sequence[int] | None = None) -> Tensor:
    """Axes in another order.

    Args:
        x: of any dtype.
        axes: each axis once. None: in reverse order. Default None.

    Returns:
        Tensor of x's dtype.

    Raises:
        ArgumentError: a value of x is masked.
        DTypeError: x does not hold numbers.
        ShapeError: an axis is missing or named twice.
    """
    return as_tensor(x).transpose(*(axes or ()))


def broadcast_to(x: Operand, shape: Sequence[int]) -> Tensor:
    """Repeats a tensor by NumPy's broadcasting rules.

    Args:
        x: of any dtype.
        shape: of the result.

    Returns:
        Tensor of this shape and x's dtype.

    Raises:
        ArgumentError: a value of x is masked.
        DTypeError: x does not hold numbers.
        ShapeError: x does not broadcast to this shape.
    """
    return apply("broadcast", as_tensor(x), shape=list(shape))
