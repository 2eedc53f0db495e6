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
    """A tensor holding a copy of `data`.

    data: nested lists, numbers, NumPy arrays, tensors, anything with `__dlpack__` or the buffer protocol.
    dtype: None turns floating data into float32 and integers into int64 and keeps uint8, bool, and the
    dtype of a Tensor; float64 on request.
    Raises ShapeError (ragged lists), DTypeError (complex, text, objects; requires_grad for integers).
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
    """Zeros of the given shape, float32 unless `dtype` says otherwise."""
    name = "float32" if dtype is None else as_dtype(dtype).name
    return core_tensor(None, name, _sizes(shape), requires_grad)  # type: ignore[return-value]


def ones(*shape: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones of the given shape, float32 unless `dtype` says otherwise."""
    return full(_sizes(shape), 1, dtype="float32" if dtype is None else dtype, requires_grad=requires_grad)


def full(shape: Shape, value: float, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A constant of the given shape; `dtype` None: that of `tensor(value)`."""
    number = core_array(value, None if dtype is None else as_dtype(dtype), DTYPES["float32"], "full: value")
    return from_array(np.full(_sizes((shape,)), number, number.dtype), requires_grad)


def arange(start: float, stop: float | None = None, step: float = 1, dtype: Any = None) -> Tensor:
    """start, start + step, ... below stop, as numpy.arange; int64 for integers, float32 else."""
    return tensor(
        np.arange(start, stop, step) if stop is not None else np.arange(0, start, step), dtype=dtype
    )


def eye(n: int, m: int | None = None, dtype: Any = None) -> Tensor:
    """The n by m (default n) matrix with ones on its diagonal, float32."""
    return from_array(np.eye(n, m, dtype=as_dtype("float32" if dtype is None else dtype)))


def rand(*shape: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Uniform on [0, 1), float32; reproducible through `lrswift.seed`, drawn anew in every recorded step."""
    return _drawn("rand", shape, dtype, requires_grad)


def randn(*shape: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Standard normal, float32; reproducible through `lrswift.seed`, drawn anew in every recorded step."""
    return _drawn("randn", shape, dtype, requires_grad)


def _drawn(operation: str, shape: tuple[Any, ...], dtype: Any, requires_grad: bool) -> Tensor:
    wanted = as_dtype("float32" if dtype is None else dtype)
    if wanted.kind != "f":
        raise DTypeError(f"{operation}: dtype: got {wanted}; allowed: float32, float64")
    made: Any = core_apply(operation, (), {"shape": list(_sizes(shape)), "dtype": wanted.name})
    if requires_grad:
        made.requires_grad = True
    return made
