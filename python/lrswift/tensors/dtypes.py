"""The five dtypes of the core, and how data and axes given by a caller become what the core takes."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..checks import shown
from ..errors import ArgumentError, DTypeError, ShapeError

DTYPES = {name: np.dtype(name) for name in ("float32", "float64", "int64", "uint8", "bool")}
Axis = int | Sequence[int] | None


def as_dtype(dtype: Any) -> np.dtype:
    """One of the five dtypes of the core. DTypeError for any other."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found is None or found.name not in DTYPES:
        raise DTypeError(f"dtype: got {shown(dtype)}; allowed: {', '.join(DTYPES)}")
    return found


def core_array(data: Any, dtype: np.dtype | None, floating: np.dtype, name: str) -> np.ndarray:
    """`data` as a C-ordered array of a core dtype: floats to `floating`, integers to int64 but uint8.

    ArgumentError for masked values and for numbers that `dtype` does not hold.
    """
    check_unmasked(data, name)
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ShapeError(
            f"{name}: rows of unequal length; allowed: a rectangular nested list or an array"
        ) from error
    if array.dtype.kind not in "fiub":
        given = type(data).__name__ if array.dtype.hasobject else f"dtype {array.dtype}"
        raise DTypeError(f"{name}: got {given}; allowed: floating, integer or bool data")
    if dtype is None:
        if array.dtype.kind == "f":
            dtype = floating
        elif array.dtype.name in ("uint8", "bool"):
            dtype = array.dtype
        else:
            dtype = DTYPES["int64"]
    check_range(array, dtype, name)
    return np.ascontiguousarray(array, dtype).reshape(array.shape)


def check_unmasked(data: Any, name: str) -> None:
    """ArgumentError where a value of a masked array is masked: what lies behind the mask is no data."""
    if np.ma.isMaskedArray(data) and np.ma.getmaskarray(data).any():
        masked = int(np.ma.getmaskarray(data).sum())
        raise ArgumentError(
            f"{name}: {masked} values are masked; allowed: none, fill them or leave their rows out"
        )


def check_range(array: np.ndarray, dtype: np.dtype, name: str) -> None:
    """ArgumentError where an integer `dtype` does not hold a number: NaN, infinite, or out of range.

    Whole numbers wrap around in uint8, as NumPy's do, but not in int64.
    """
    if dtype.kind not in "iu" or not array.size:
        return
    if array.dtype.kind == "f":
        limits = np.iinfo(dtype)
        # 2**63 is the first float64 that int64 does not hold
        inside = (array > limits.min - 1.0) & (array < float(limits.max) + (dtype.itemsize == 1))
        if dtype.itemsize == 8:
            inside |= array == float(limits.min)
        if not inside.all():
            bad = array[~inside].flat[0]
            raise ArgumentError(
                f"{name}: got {bad!s}, which {dtype} does not hold; allowed: {limits.min} to {limits.max}"
            )
    elif array.dtype.name == "uint64" and dtype.itemsize == 8 and array.max() >= 2**63:
        raise ArgumentError(f"{name}: got {array.max()}; allowed: whole numbers below 2**63, as int64 holds")


def normalized_axes(axis: Axis, ndim: int, operation: str) -> list[int]:
    """Axes as sorted non-negative integers; all of them for None. ShapeError when out of range or twice."""
    if axis is None:
        return list(range(ndim))
    given = [operator.index(a) for a in (axis if isinstance(axis, Sequence) else (axis,))]
    for a in given:
        if not -ndim <= a < ndim:
            raise ShapeError(
                f"{operation}: axis {a} given for a tensor of {ndim} axes; allowed: {-ndim} to {ndim - 1}"
            )
    axes = sorted(a % ndim for a in given)
    if len(set(axes)) != len(axes):
        raise ShapeError(f"{operation}: axis {given} names an axis twice")
    return axes
