"""Making tensors from data, constants and random numbers."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._core import apply as core_apply
from .._core import tensor as core_tensor
from ..errors import ArgumentError, DTypeError
from .dtypes import DTYPES, as_dtype, core_array
from .operations import from_array
from .tensor import Tensor

Shape = int | Sequence[int]

float32, float64, int64, uint8, bool_ = DTYPES.values()


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Makes a tensor that holds a copy of `data`.

    Args:
        data: nested lists, numbers, NumPy arrays, tensors, or anything with `__dlpack__` or the buffer
            protocol.
        dtype: float32, float64, int64, uint8 or bool, by name or as NumPy's. None: float32 for floating data,
            int64 for integers; uint8, bool and the dtype of a Tensor stay. Default None.
        requires_grad: whether `backward` adds up a gradient. Default False.

    Returns:
        Tensor of data's shape.

    Raises:
        ArgumentError: a value is masked, or does not fit an integer dtype.
        DTypeError: data are complex, text or objects, or `requires_grad` is True for integers.
        ShapeError: a nested list has rows of unequal length.
    """
    wanted = None if dtype is None else as_dtype(dtype)
    if isinstance(data, Tensor) and wanted is None:
        wanted = data.dtype
    if not hasattr(data, "__array__") and not hasattr(data, "__buffer__") and hasattr(data, "__dlpack__"):
        data = np.from_dlpack(data)
    array = core_array(data, wanted, DTYPES["float32"], "data")
    if requires_grad and array.dtype.kind != "f":
        raise DTypeError(f"requires_grad: True given for {array.dtype} data; allowed: floating data only")
    return from_array(array, requires_grad)


def _sizes(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes from `f(2, 3)` or `f((2, 3))`."""
    given = shape[0] if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
    sizes = tuple(operator.index(n) for n in given)
    if min(sizes, default=0) < 0:
        raise ArgumentError(f"shape: got {sizes}; allowed: sizes of at least 0")
    return sizes


def zeros(*shape: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Makes a tensor of zeros.

    Args:
        *shape: sizes of at least 0, one by one or as one tuple; none for a scalar.
        dtype: as in `tensor`. None: float32. Default None.
        requires_grad: whether `backward` adds up a gradient. Default False.

    Returns:
        Tensor of this shape.

    Raises:
        ArgumentError: a size is negative.
        DTypeError: the dtype is none of the five.
    """
    name = "float32" if dtype is None else as_dtype(dtype).name
    return core_tensor(None, name, _sizes(shape), requires_grad)  # type: ignore[return-value]


def ones(*shape: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Makes a tensor of ones.

    Args:
        *shape: sizes of at least 0, one by one or as one tuple; none for a scalar.
        dtype: as in `tensor`. None: float32. Default None.
        requires_grad: whether `backward` adds up a gradient. Default False.

    Returns:
        Tensor of this shape.

    Raises:
        ArgumentError: a size is negative.
        DTypeError: the dtype is none of the five.
    """
    return full(_sizes(shape), 1, dtype="float32" if dtype is None else dtype, requires_grad=requires_grad)


def full(shape: Shape, value: float, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Makes a tensor of one value.

    Args:
        shape: a size of at least 0, or a tuple of them.
        value: a number.
        dtype: as in `tensor`. None: that of `tensor(value)`. Default None.
        requires_grad: whether `backward` adds up a gradient. Default False.

    Returns:
        Tensor of this shape.

    Raises:
        ArgumentError: a size is negative, or the value does not fit the dtype.
        DTypeError: the dtype is none of the five, or the value no number.
        ShapeError: the value is a list with rows of unequal length.
    """
    number = core_array(value, None if dtype is None else as_dtype(dtype), DTYPES["float32"], "full: value")
    return from_array(np.full(_sizes((shape,)), number, number.dtype), requires_grad)


def arange(start: float, stop: float | None = None, step: float = 1, dtype: Any = None) -> Tensor:
    """Makes a tensor of evenly spaced numbers: start, start + step, ... below stop, as numpy.arange.

    Args:
        start: the first one; the end, from 0 on, where `stop` is None.
        stop: below which all are. Default None.
        step: from one to the next, not 0. Default 1.
        dtype: as in `tensor`. None: int64 for whole numbers, float32 else. Default None.

    Returns:
        Tensor of one axis.

    Raises:
        ArgumentError: a number does not fit the dtype.
        DTypeError: the dtype is none of the five.
        TypeError: an argument is no number.
        ZeroDivisionError: step is 0.
    """
    return tensor(
        np.arange(start, stop, step) if stop is not None else np.arange(0, start, step), dtype=dtype
    )


def eye(n: int, m: int | None = None, dtype: Any = None) -> Tensor:
    """Makes a matrix with ones on its diagonal and zeros elsewhere.

    Args:
        n: rows.
        m: columns. None: n. Default None.
        dtype: as in `tensor`. None: float32. Default None.

    Returns:
        Tensor [n, m].

    Raises:
        DTypeError: the dtype is none of the five.
        ValueError: a size is negative.
    """
    return from_array(np.eye(n, m, dtype=as_dtype("float32" if dtype is None else dtype)))


def rand(*shape: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Draws numbers uniformly from [0, 1), anew in every recorded step.

    Args:
        *shape: sizes of at least 0, one by one or as one tuple; none for a scalar.
        dtype: float32 or float64. None: float32. Default None.
        requires_grad: whether `backward` adds up a gradient. Default False.

    Returns:
        Tensor of this shape. `lrswift.seed` makes it reproducible.

    Raises:
        ArgumentError: a size is negative.
        DTypeError: the dtype is not floating.
    """
    return _drawn("rand", shape, dtype, requires_grad)


def randn(*shape: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Draws numbers from the standard normal distribution, anew in every recorded step.

    Args:
        *shape: sizes of at least 0, one by one or as one tuple; none for a scalar.
        dtype: float32 or float64. None: float32. Default None.
        requires_grad: whether `backward` adds up a gradient. Default False.

    Returns:
        Tensor of this shape. `lrswift.seed` makes it reproducible.

    Raises:
        ArgumentError: a size is negative.
        DTypeError: the dtype is not floating.
    """
    return _drawn("randn", shape, dtype, requires_grad)


def _drawn(operation: str, shape: tuple[Any, ...], dtype: Any, requires_grad: bool) -> Tensor:
    wanted = as_dtype("float32" if dtype is None else dtype)
    if wanted.kind != "f":
        raise DTypeError(f"{operation}: dtype: got {wanted}; allowed: float32, float64")
    made: Any = core_apply(operation, (), {"shape": list(_sizes(shape)), "dtype": wanted.name})
    if requires_grad:
        made.requires_grad = True
    return made
