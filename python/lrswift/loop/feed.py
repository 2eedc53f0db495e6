"""What callers pass as data, checked and made into tensors: whole arrays, or an iterable of batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..checks import check_whole, type_of
from ..data.batches import permutation
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..tensors.dlpack import from_dlpack
from ..tensors.dtypes import core_array
from ..tensors.tensor import Tensor

Batch = tuple[Tensor, ...]


def _checked(value: Any, name: str, floating: np.dtype) -> np.ndarray:
    array = core_array(value, None, floating, name)
    if array.ndim == 0:
        raise ShapeError(f"{name}: got a single number; allowed: an array with a row per example")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(array))
        raise ArgumentError(
            f"{name}: {len(bad)} values are not finite, first in row {bad[0][0]}; allowed: finite numbers"
        )
    return array


def _tensors(batch: Any, name: str, floating: np.dtype) -> Batch:
    """The arrays of (x, y, ...) as tensors, on their own memory where that is possible: data may be large.

    ShapeError when they are empty or of unequal length.
    """
    parts = batch if isinstance(batch, (tuple, list)) else (batch,)
    labels = [f"{name}: {'xy'[i] if len(parts) == 2 else f'array {i}'}" for i in range(len(parts))]
    arrays = [_checked(part, label, floating) for part, label in zip(parts, labels, strict=True)]
    lengths = [len(a) for a in arrays]
    if not lengths or min(lengths) != max(lengths):
        raise ShapeError(f"{name}: arrays of {lengths} rows given; allowed: equally many")
    if lengths[0] == 0:
        raise ShapeError(f"{name}: 0 rows given; allowed: at least 1")
    return tuple(from_dlpack(a) for a in arrays)


class ArrayFeed:
    """Whole arrays: a batch is a list of row numbers."""

    def __init__(
        self, data: Any, name: str, floating: np.dtype, batch_size: int, shuffle: bool, seed: int
    ) -> None:
        self.tensors = _tensors(data, name, floating)
        self.rows = len(self.tensors[0])
        self.batch_size = min(batch_size, self.rows)
        self.shuffle = shuffle
        self.seed = seed

    def steps(self) -> int:
        """Batches per epoch, the last and smaller one included."""
        return -(-self.rows // self.batch_size)

    def epoch(self, epoch: int) -> Iterator[tuple[Batch, np.ndarray]]:
        """(tensors, indices int64 [steps, batch]) for all full batches, then for what remains."""
        order = permutation(self.rows, self.seed, epoch) if self.shuffle else np.arange(self.rows)
        order = order.astype(np.int64, copy=False)
        full = self.rows // self.batch_size * self.batch_size
        yield self.tensors, np.ascontiguousarray(order[:full].reshape(-1, self.batch_size))
        if full < self.rows:
            yield self.tensors, np.ascontiguousarray(order[full:][None])


class BatchFeed:
    """Any iterable of batches, each (x, y, ...), converted one by one."""

    def __init__(self, data: Iterable[Any], name: str, floating: np.dtype) -> None:
        self.data = data
        self.name = name
        self.floating = floating

    def steps(self) -> int | None:
        """Batches per epoch if the iterable tells."""
        try:
            return len(self.data)  # type: ignore[arg-type]
        except TypeError:
            return None

    def epoch(self, epoch: int) -> Iterator[tuple[Batch, np.ndarray]]:
        """(tensors of one batch, all its rows in order). ArgumentError when there is no batch."""
        empty = True
        for i, batch in enumerate(self.data):
            empty = False
            tensors = _tensors(batch, f"{self.name}: batch {i}", self.floating)
            yield tensors, np.arange(len(tensors[0]), dtype=np.int64)[None]
        if empty:
            raise ArgumentError(
                f"{self.name}: no batch in epoch {epoch + 1}; "
                "allowed: arrays, or an iterable that starts anew every epoch"
            )


Feed = ArrayFeed | BatchFeed


def full_batches(source: Feed, epoch: int) -> Iterator[tuple[Batch, np.ndarray]]:
    """`source.epoch` without the smaller last batch of whole arrays."""
    for tensors, indices in source.epoch(epoch):
        if not isinstance(source, ArrayFeed) or indices.shape[1] == source.batch_size:
            yield tensors, indices


def feed(
    data: Any, name: str, floating: np.dtype, batch_size: int = 64, shuffle: bool = False, seed: int = 0
) -> Feed:
    """`data`: (x, y) arrays, a Dataset, or an iterable of batches."""
    size = check_whole(batch_size, "batch_size", 1)
    if hasattr(data, "x") and hasattr(data, "y"):
        data = (data.x, data.y)
    if isinstance(data, (str, bytes, dict)) or not isinstance(data, (Iterable, Tensor, np.ndarray)):
        raise ArgumentTypeError(
            f"{name}: got {type_of(data)}; allowed: (x, y) arrays, a Dataset, an iterable of batches"
        )
    whole = isinstance(data, (tuple, np.ndarray, Tensor)) or (
        # [x, y] is two arrays, [(x, y), (x, y)] two batches
        isinstance(data, list) and len(data) > 0 and not isinstance(data[0], (tuple, list))
    )
    if whole:
        return ArrayFeed(data, name, floating, size, shuffle, seed)
    return BatchFeed(data, name, floating)  # type: ignore[arg-type]
