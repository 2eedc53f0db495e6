"""`tensor[key]`: integers, slices, `...`, None, and one array of row numbers or a mask on any axis.

Everything is a strided slice, a gather of rows, or a reshape, so every form has derivatives.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from .._core import Tensor as CoreTensor
from ..checks import type_of
from ..errors import ArgumentTypeError, DTypeError, ShapeError
from .operations import apply, from_array, run


def index(x: Any, key: Any) -> Any:
    """x[key] as in NumPy, with at most one array among the keys.

    Raises ShapeError for too many or out-of-range indices, ArgumentTypeError for keys of another kind.
    """
    given = key if isinstance(key, tuple) else (key,)
    if any(isinstance(k, (bool, np.bool_)) for k in given):
        return _by_bool(x, given)
    extents = x.shape
    keys = _expanded(given, len(extents))
    starts, stops, steps = [], [], []
    shape: list[int] = []
    # of the result: where an array's axes begin, and how many there are
    placed: tuple[int, int] | None = None
    rows: tuple[int, np.ndarray] | None = None
    axis = 0
    for item in keys:
        if item is None:
            shape.append(1)
            continue
        size = extents[axis]
        if isinstance(item, slice):
            start, stop, step = item.indices(size)
            count = len(range(start, stop, step))
            if step < 0:
                rows = _only_one(rows, axis, np.arange(start, stop, step, dtype=np.int64))
                start, stop, step = 0, size, 1
            elif count == 0:
                start, stop, step = 0, 0, 1
            shape.append(count)
        elif _is_array(item):
            positions = _positions(item, size, axis)
            rows = _only_one(rows, axis, positions)
            start, stop, step = 0, size, 1
            placed = len(shape), positions.ndim
            shape.extend(positions.shape)
        else:
            start = _position(item, size, axis)
            stop, step = start + 1, 1
        starts.append(start)
        stops.append(stop)
        steps.append(step)
        axis += 1
    whole = all(
        a == 0 and b == n and s == 1 for a, b, n, s in zip(starts, stops, extents, steps, strict=True)
    )
    bounds = [n for each in zip(starts, stops, steps, strict=True) for n in each]
    result = x if whole else apply("slice", x, bounds=bounds)
    if rows is not None:
        result = take(result, rows[1].reshape(-1), rows[0])
    if result.shape != tuple(shape) or result is x:
        result = result.reshape(shape)
    if placed is None or not _apart(given):
        return result
    at, count = placed
    front = range(at, at + count)
    return result.transpose([*front, *(a for a in range(result.ndim) if a not in front)])


def _apart(keys: tuple[Any, ...]) -> bool:
    """Whether something else stands between an array and the integers, which then count as arrays.

    NumPy cannot tell which place such axes would have, and puts them first.
    """
    marks = [not (k is None or k is Ellipsis or isinstance(k, slice)) for k in keys]
    first, last = marks.index(True), len(marks) - 1 - marks[::-1].index(True)
    return not all(marks[first : last + 1])


def _by_bool(x: Any, keys: tuple[Any, ...]) -> Any:
    """x[keys] with True or False among them: an axis of length 1 or 0 in its place."""
    flags = [i for i, k in enumerate(keys) if isinstance(k, (bool, np.bool_))]
    others = [k for i, k in enumerate(keys) if i not in flags]
    if len(flags) > 1 or not all(k is None or k is Ellipsis or isinstance(k, slice) for k in others):
        raise DTypeError("index: True or False given beside integers or arrays; allowed: one, beside slices")
    (at,) = flags
    marked = index(x, (*keys[:at], None, *keys[at + 1 :]))
    if keys[at]:
        return marked
    after = [k for k in keys[at + 1 :] if k is not Ellipsis]
    dots = Ellipsis in keys[:at]
    # counted from the side on which no axes are left out
    axis = marked.ndim - 1 - len(after) if dots else at
    return index(marked, (*[slice(None)] * axis, slice(0, 0)))


def take(x: Any, positions: np.ndarray, axis: int) -> Any:
    """The entries of `axis` named by one-dimensional int64 `positions`, in that order."""
    order = [axis, *(a for a in range(x.ndim) if a != axis)]
    front = x if axis == 0 else x.transpose(order)
    taken = run("gather", (front, from_array(positions)))
    return taken if axis == 0 else taken.transpose([order.index(a) for a in range(x.ndim)])


def _expanded(keys: tuple[Any, ...], ndim: int) -> list[Any]:
    """Without `...`, and with a full slice for every axis not named."""
    used = sum(1 for k in keys if k is not None and k is not Ellipsis)
    dots = sum(1 for k in keys if k is Ellipsis)
    if used > ndim or dots > 1:
        raise ShapeError(f"index: {used} indices and {dots} '...' given for a tensor of {ndim} axes")
    missing = [slice(None)] * (ndim - used)
    if not dots:
        return [*keys, *missing]
    at = next(i for i, k in enumerate(keys) if k is Ellipsis)
    return [*keys[:at], *missing, *keys[at + 1 :]]


def _is_array(item: Any) -> bool:
    return isinstance(item, (list, np.ndarray)) or (isinstance(item, CoreTensor) and item.ndim > 0)


def _only_one(
    rows: tuple[int, np.ndarray] | None, axis: int, positions: np.ndarray
) -> tuple[int, np.ndarray]:
    if rows is not None:
        raise ArgumentTypeError(
            "index: arrays or negative steps given on two axes; allowed: one of them at a time"
        )
    return axis, positions


def _positions(item: Any, size: int, axis: int) -> np.ndarray:
    array = np.asarray(item)
    if array.dtype.kind == "b":
        if array.shape != (size,):
            raise ShapeError(f"index: a mask of shape {array.shape} given for axis {axis} of size {size}")
        return np.flatnonzero(array)
    if array.dtype.kind not in "iu" and array.size:
        raise DTypeError(f"index: an array of {array.dtype} given; allowed: integers or a mask of bool")
    if array.size and (array.min() < -size or array.max() >= size):
        raise ShapeError(f"index: {array.min()} to {array.max()} given for axis {axis} of size {size}")
    array = array.astype(np.int64)
    return np.where(array < 0, array + size, array)


def _position(item: Any, size: int, axis: int) -> int:
    try:
        position = operator.index(item)
    except TypeError:
        raise ArgumentTypeError(
            f"index: got {type_of(item)}; allowed: int, slice, '...', None, an integer array or a mask"
        ) from None
    if not -size <= position < size:
        # IndexError ends iteration over a tensor as well
        raise IndexError(f"index: {position} given for axis {axis} of size {size}")
    return position % size
