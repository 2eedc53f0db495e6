"""Axes moved, merged, split, cut, joined and repeated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..tensors.creation import full
from ..tensors.functions import broadcast_to, cat
from ..tensors.functions import stack as stacked
from ..tensors.indexing import take
from ..tensors.operations import from_array, run
from ..tensors.tensor import Tensor
from ._rules import Call, Rule, leading, moving, spread
from ._values import Value


def permute(call: Call, x: Value, axes: Sequence[int]) -> Value:
    """Another order of the same tensor: nothing is moved."""
    axes = [a % max(1, x.ndim) for a in axes]
    return Value(x.tensor, x.dtype, [axes.index(a) for a in x.order])


def transpose(call: Call, x: Value, first: int, second: int) -> Value:
    axes = list(range(x.ndim))
    if axes:
        axes[first], axes[second] = axes[second], axes[first]
    return permute(call, x, axes)


def t(call: Call, x: Value) -> Value:
    return permute(call, x, range(x.ndim)[::-1])


def movedim(call: Call, x: Value, source: Any, destination: Any) -> Value:
    sources = [s % x.ndim for s in ([source] if isinstance(source, int) else source)]
    targets = [d % x.ndim for d in ([destination] if isinstance(destination, int) else destination)]
    rest = iter(a for a in range(x.ndim) if a not in sources)
    axes = [sources[targets.index(i)] if i in targets else next(rest) for i in range(x.ndim)]
    return permute(call, x, axes)


def unsqueeze(call: Call, x: Value, axis: int) -> Value:
    at = axis % (x.ndim + 1)
    tensor = x.number()
    order = [a + (a >= at) for a in x.order]
    return Value(tensor.reshape(1, *tensor.shape), x.dtype, [at, *order])


def squeeze(call: Call, x: Value, axis: Any = None) -> Value:
    named = range(x.ndim) if axis is None else [axis] if isinstance(axis, int) else axis
    gone = {a % max(1, x.ndim) for a in named}
    gone = {a for a in gone if x.ndim and x.shape[a] == 1}
    kept = [(a, n) for a, n in zip(x.order, x.tensor.shape, strict=True) if a not in gone]
    left = sorted(a for a, _ in kept)
    return Value(x.number().reshape([n for _, n in kept]), x.dtype, [left.index(a) for a, _ in kept])


def flatten(call: Call, x: Value, start: int = 0, end: int = -1) -> Value:
    if x.ndim == 0:
        return Value(x.number().reshape(1), x.dtype)
    first, last = start % x.ndim, end % x.ndim
    merged = list(range(first, last + 1))
    at = x.place(first)
    if list(x.order[at : at + len(merged)]) != merged:
        shape = x.shape
        size = math.prod(shape[first : last + 1])
        return Value(x.plain().reshape(*shape[:first], size, *shape[last + 1 :]), x.dtype)
    # neighbours in memory, too: the other axes may stay where they are
    sizes = x.tensor.shape
    size = math.prod(sizes[at : at + len(merged)])
    order = [a if a <= first else a - len(merged) + 1 for a in x.order if a not in merged[1:]]
    tensor = x.number().reshape(*sizes[:at], size, *sizes[at + len(merged) :])
    return Value(tensor, x.dtype, order)


def unflatten(call: Call, x: Value, axis: int, sizes: Sequence[int]) -> Value:
    at = axis % x.ndim
    shape = x.shape
    return Value(x.plain().reshape(*shape[:at], *sizes, *shape[at + 1 :]), x.dtype)


def expand(x: Tensor, sizes: Sequence[int], **_: Any) -> Tensor:
    missing = len(sizes) - x.ndim
    shape = [n if n != -1 else x.shape[i - missing] for i, n in enumerate(sizes)]
    return broadcast_to(x, shape)


def expand_as(call: Call, x: Value, other: Value) -> Value:
    return Value(broadcast_to(x.plain(), other.shape), x.dtype)


def spread_out(call: Call, given: Sequence[Value]) -> list[Value]:
    shape = np.broadcast_shapes(*(v.shape for v in given))
    return [v if v.shape == shape else Value(broadcast_to(v.plain(), shape), v.dtype) for v in given]


def view_as(call: Call, x: Value, other: Value) -> Value:
    return Value(x.plain().reshape(other.shape), x.dtype)


def repeat(x: Tensor, times: Sequence[int]) -> Tensor:
    shape = (*[1] * (len(times) - x.ndim), *x.shape)
    pairs = [n for pair in zip([1] * len(shape), shape, strict=True) for n in pair]
    repeated = [n for pair in zip(times, shape, strict=True) for n in pair]
    made = broadcast_to(x.reshape(pairs), repeated)
    return made.reshape([n * k for n, k in zip(shape, times, strict=True)])


def tile(x: Tensor, times: Sequence[int]) -> Tensor:
    return repeat(x, [*[1] * (x.ndim - len(times)), *times])


def repeat_interleave(x: Tensor, times: int, axis: int | None = None, **_: Any) -> Tensor:
    if axis is None:
        x, axis = x.reshape(-1), 0
    at = axis % x.ndim
    shape = [*x.shape[: at + 1], times, *x.shape[at + 1 :]]
    made = broadcast_to(x.reshape([*x.shape[: at + 1], 1, *x.shape[at + 1 :]]), shape)
    return made.reshape([*x.shape[:at], x.shape[at] * times, *x.shape[at + 1 :]])


def cut(call: Call, x: Value, axis: int, part: slice) -> Value:
    keys: list[Any] = [slice(None)] * x.ndim
    keys[x.place(axis)] = part
    return Value(x.number()[tuple(keys)], x.dtype, x.order)


def sliced(
    call: Call, x: Value, axis: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Value:
    if start in (None, 0) and step == 1 and (end is None or end >= x.shape[axis]):
        return x
    return cut(call, x, axis, slice(start, end, step))


def narrow(call: Call, x: Value, axis: int, start: int, length: int) -> Value:
    start = start if start >= 0 else start + x.shape[axis]
    return cut(call, x, axis, slice(start, start + length))


def select(call: Call, x: Value, axis: int, index: int) -> Value:
    at = axis % x.ndim
    keys: list[Any] = [slice(None)] * x.ndim
    keys[x.place(at)] = index
    order = [a - (a > at) for a in x.order if a != at]
    return Value(x.number()[tuple(keys)], x.dtype, order)


def split(call: Call, x: Value, size: Any, axis: int = 0) -> list[Value]:
    total = x.shape[axis]
    sizes = size if isinstance(size, (list, tuple)) else [min(size, total - i) for i in range(0, total, size)]
    ends = np.cumsum([0, *sizes])
    return [cut(call, x, axis, slice(int(a), int(b))) for a, b in zip(ends, ends[1:], strict=False)]


def chunk(call: Call, x: Value, count: int, axis: int = 0) -> list[Value]:
    return split(call, x, -(-x.shape[axis] // count), axis)


def unbind(call: Call, x: Value, axis: int = 0) -> list[Value]:
    return [select(call, x, axis, i) for i in range(x.shape[axis])]


def joined(call: Call, parts: Sequence[Value], axis: int = 0) -> Value:
    # what torch calls a legacy: an empty vector counts for nothing
    parts = [p for p in parts if p.shape != (0,)] or list(parts[:1])
    order = leading(parts)
    tensors = [p.laid(order).astype(call.held()) for p in parts]
    return call.made(tensors[0] if len(tensors) == 1 else cat(tensors, order.index(axis % len(order))), order)


def stack(call: Call, parts: Sequence[Value], axis: int = 0) -> Value:
    return call.made(stacked([p.plain().astype(call.held()) for p in parts], axis))


def flip(x: Tensor, axes: Sequence[int]) -> Tensor:
    for axis in axes:
        x = turned(x, axis % x.ndim)
    return x


def turned(x: Tensor, axis: int) -> Tensor:
    """One axis in reverse order."""
    bounds = [n for size in x.shape for n in (0, size, 1)]
    bounds[3 * axis : 3 * axis + 3] = x.shape[axis] - 1, -1, -1
    return run("slice", (x,), bounds=bounds)


def roll(x: Tensor, shifts: Any, axes: Any = ()) -> Tensor:
    if not axes and axes != 0:
        return roll(x.reshape(x.size), shifts, 0).reshape(x.shape)
    each = [[n] if isinstance(n, int) else n for n in (shifts, axes)]
    pairs = list(zip(*each, strict=True))
    for shift, axis in pairs:
        at, size = axis % x.ndim, x.shape[axis]
        k = shift % size if size else 0
        if k:
            keys = [slice(None)] * at
            x = cat([x[(*keys, slice(size - k, None))], x[(*keys, slice(0, size - k))]], at)
    return x


def pad(x: Tensor, sizes: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """sizes: before and after, the last axis first."""
    for i in range(len(sizes) // 2):
        axis, before, after = x.ndim - 1 - i, sizes[2 * i], sizes[2 * i + 1]
        if mode == "constant":
            x = bordered(x, axis, before, after, value or 0.0)
        elif before or after:
            positions = np.pad(np.arange(x.shape[axis]), (before, after), _MODES[mode])
            x = take(x, positions.astype(np.int64), axis)
    return x


_MODES: dict[str, Any] = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def bordered(x: Tensor, axis: int, before: int, after: int, value: float) -> Tensor:
    """Constants put before and after along an axis; negative numbers cut."""
    if before < 0 or after < 0:
        keys = [slice(None)] * axis
        x = x[(*keys, slice(max(0, -before), x.shape[axis] + min(0, after)))]
    shape = list(x.shape)
    parts = [x]
    for size in (before, after):
        if size > 0:
            shape[axis] = size
            parts.append(full(tuple(shape), value, dtype=x.dtype))
    # the border before was made first and stands behind x
    if before > 0:
        parts = [parts[1], x, *parts[2:]]
    return cat(parts, axis) if len(parts) > 1 else x


def triangle(upper: bool) -> Rule:
    def rule(call: Call, x: Value, diagonal: int = 0) -> Value:
        kept = np.ones(x.shape[-2:])
        kept = np.triu(kept, diagonal) if upper else np.tril(kept, diagonal)
        number = x.plain()
        return Value(number * from_array(kept.astype(number.dtype)), x.dtype)

    return rule


def diagonal(call: Call, x: Value, offset: int = 0, first: int = 0, second: int = 1) -> Value:
    a, b = first % x.ndim, second % x.ndim
    order = [*(i for i in range(x.ndim) if i not in (a, b)), a, b]
    t = permute(call, x, order).plain()
    rows, columns = t.shape[-2:]
    length = max(0, min(rows + min(0, offset), columns - max(0, offset)))
    start = max(0, offset) - min(0, offset) * columns
    positions = start + np.arange(length) * (columns + 1)
    return Value(
        take(t.reshape(*t.shape[:-2], rows * columns), positions.astype(np.int64), t.ndim - 2), x.dtype
    )


def pixel_shuffle(x: Tensor, factor: int) -> Tensor:
    *lead, c, h, w = x.shape
    parts = x.reshape(-1, c // factor**2, factor, factor, h, w).transpose(0, 1, 4, 2, 5, 3)
    return parts.reshape(*lead, c // factor**2, h * factor, w * factor)


def pixel_unshuffle(x: Tensor, factor: int) -> Tensor:
    *lead, c, h, w = x.shape
    parts = x.reshape(-1, c, h // factor, factor, w // factor, factor).transpose(0, 1, 3, 5, 2, 4)
    return parts.reshape(*lead, c * factor**2, h // factor, w // factor)


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    n, c, *rest = x.shape
    return x.reshape(n, groups, c // groups, -1).transpose(0, 2, 1, 3).reshape(n, c, *rest)


def unfolded(x: Tensor, axis: int, size: int, step: int) -> Tensor:
    """Windows of an axis, as a new last axis."""
    at = axis % x.ndim
    starts = range(0, x.shape[at] - size + 1, step)
    positions = np.concatenate([np.arange(s, s + size) for s in starts]).astype(np.int64)
    windows = take(x, positions, at).reshape(*x.shape[:at], len(starts), size, *x.shape[at + 1 :])
    axes = [a for a in range(windows.ndim) if a != at + 1]
    return windows.transpose(*axes, at + 1)


def slice_scatter(
    call: Call, x: Value, part: Value, axis: int = 0, start: int | None = None, end: int | None = None,
    step: int = 1,
) -> Value:  # fmt: skip
    """x with a part in the place of a slice."""
    t, at = call.given(x), axis % x.ndim
    size = t.shape[at]
    first, last, _ = slice(start, end, step).indices(size)
    count = len(range(first, last, step))
    inner = call.given(part)
    shape = [*t.shape[:at], count, *t.shape[at + 1 :]]
    inner = inner if list(inner.shape) == shape else broadcast_to(inner, shape)
    keys = [slice(None)] * at
    if step == 1:
        parts = [t[(*keys, slice(0, first))], inner, t[(*keys, slice(max(first, last), size))]]
        return call.made(cat([p for p in parts if p.shape[at]] or [t], at))
    places = np.arange(size)
    places[first:last:step] = size + np.arange(count)
    return call.made(take(cat([t, inner], at), places.astype(np.int64), at))


def select_scatter(call: Call, x: Value, part: Value, axis: int, index: int) -> Value:
    at = axis % x.ndim
    place = index % x.shape[at]
    return slice_scatter(call, x, unsqueeze(call, part, at), at, place, place + 1)


def meshgrid(call: Call, axes: Sequence[Value], indexing: str = "ij") -> list[Value]:
    shape = [math.prod(v.shape) for v in axes]
    made = []
    for i, v in enumerate(axes):
        t = v.plain().reshape([-1 if a == i else 1 for a in range(len(axes))])
        value = Value(broadcast_to(t, shape), v.dtype)
        made.append(transpose(call, value, 0, 1) if indexing == "xy" and len(axes) > 1 else value)
    return made


def index_select(call: Call, x: Value, axis: int, index: Value) -> Value:
    return indexed(call, x, [*[None] * (axis % x.ndim), index])


def indexed(call: Call, x: Value, indices: Sequence[Value | None]) -> Value:
    """x[..., i, j, ...] with neighbouring arrays of whole numbers, of values known only as it runs."""
    named = [a for a, i in enumerate(indices) if i is not None]
    arrays = [i for i in indices if i is not None]
    t = x.plain()
    shape = np.broadcast_shapes(*(i.shape for i in arrays))
    order = tuple(range(len(shape)))
    first = named[0]
    adjacent = named == list(range(first, first + len(named)))
    rest = [a for a in range(t.ndim) if a not in named]
    front = t.transpose([*named, *rest])
    if len(arrays) == 1:
        rows = whole(arrays[0], t.shape[first])
    else:
        flat: Any = 0.0
        for axis, array in zip(named, arrays, strict=True):
            size = t.shape[axis]
            number = spread(array, order).astype(np.float64)
            number = number + (number < 0).astype(np.float64) * size
            flat = flat * float(size) + number
        rows = flat.astype(np.int64)
        front = front.reshape(-1, *front.shape[len(named) :])
    if rows.shape != shape:
        rows = broadcast_to(rows.astype(np.float64), shape).astype(np.int64)
    made = run("gather", (front, rows.reshape(int(np.prod(shape, dtype=np.int64)))))
    made = made.reshape(*shape, *(t.shape[a] for a in rest))
    if not adjacent or first == 0:
        return Value(made, x.dtype)
    back = list(range(len(shape)))
    lead = list(range(len(shape), len(shape) + first))
    return Value(made.transpose([*lead, *back, *range(len(shape) + first, made.ndim)]), x.dtype)


def whole(index: Value, size: int) -> Tensor:
    """Positions as int64, counted from the end where they are negative."""
    if index.tensor.dtype_name == "uint8":
        return index.index()
    number = index.plain().astype(np.float64)
    return (number + (number < 0).astype(np.float64) * size).astype(np.int64)


def gather(call: Call, x: Value, axis: int, index: Value, **_: Any) -> Value:
    """Elements of an axis that an array of the same number of axes names."""
    at = axis % x.ndim
    t, shape = x.plain(), index.shape
    rows = index.plain().astype(np.float64)
    # the place in memory, of what the array names and of where it stands itself
    strides = [math.prod(t.shape[a + 1 :]) for a in range(t.ndim)]
    here = np.zeros((1,) * t.ndim)
    for a in range(t.ndim):
        if a != at:
            steps = np.arange(shape[a], dtype=np.float64) * strides[a]
            here = here + steps.reshape([-1 if b == a else 1 for b in range(t.ndim)])
    places = rows * float(strides[at]) + from_array(here)
    made = run("gather", (t.reshape(-1), places.astype(np.int64).reshape(math.prod(shape))))
    return Value(made.reshape(shape), x.dtype)


def one_hot(call: Call, x: Value, classes: int) -> Value:
    number = x.number().astype(np.float64)
    t = number.reshape(*number.shape, 1)
    return call.made((t == from_array(np.arange(classes, dtype=np.float64))).astype(np.float64))


def reshape(x: Tensor, shape: Sequence[int]) -> Tensor:
    return x.reshape([int(n) for n in shape])


RULES: dict[str, Rule] = {
    "aten.view.default": moving(reshape),
    "aten.reshape.default": moving(reshape),
    "aten.view_as.default": view_as,
    "aten.reshape_as.default": view_as,
    "aten.flatten.using_ints": flatten,
    "aten.unflatten.int": unflatten,
    "aten.permute.default": permute,
    "aten.transpose.int": transpose,
    "aten.swapaxes.default": transpose,
    "aten.t.default": t,
    "aten.numpy_T.default": t,
    "aten.mT.default": lambda call, x: transpose(call, x, -2, -1),
    "aten.movedim.int": movedim,
    "aten.movedim.intlist": movedim,
    "aten.unsqueeze.default": unsqueeze,
    "aten.squeeze.default": squeeze,
    "aten.squeeze.dim": squeeze,
    "aten.squeeze.dims": squeeze,
    "aten.expand.default": moving(expand),
    "aten.expand_as.default": expand_as,
    "aten.broadcast_to.default": moving(expand),
    "aten.broadcast_tensors.default": spread_out,
    "aten.repeat.default": moving(repeat),
    "aten.tile.default": moving(tile),
    "aten.repeat_interleave.self_int": moving(repeat_interleave),
    "aten.slice.Tensor": sliced,
    "aten.narrow.default": narrow,
    "aten.select.int": select,
    "aten.split.Tensor": split,
    "aten.split_with_sizes.default": split,
    "aten.chunk.default": chunk,
    "aten.unbind.int": unbind,
    "aten.cat.default": joined,
    "aten.concat.default": joined,
    "aten.stack.default": stack,
    "aten.flip.default": moving(flip),
    "aten.roll.default": moving(roll),
    "aten.pad.default": moving(pad),
    "aten.constant_pad_nd.default": moving(lambda x, sizes, value=0.0: pad(x, sizes, "constant", value)),
    "aten.tril.default": triangle(False),
    "aten.triu.default": triangle(True),
    "aten.diagonal.default": diagonal,
    "aten.pixel_shuffle.default": moving(pixel_shuffle),
    "aten.pixel_unshuffle.default": moving(pixel_unshuffle),
    "aten.channel_shuffle.default": moving(channel_shuffle),
    "aten.unfold.default": moving(unfolded),
    "aten.index_select.default": index_select,
    "aten.index.Tensor": indexed,
    "aten.slice_scatter.default": slice_scatter,
    "aten.select_scatter.default": select_scatter,
    "aten.meshgrid.indexing": meshgrid,
    "aten.gather.default": gather,
    "aten.one_hot.default": one_hot,
}
