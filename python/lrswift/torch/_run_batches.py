"""Batches of a differentiated run, as tensors on the module's device."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..checks import type_of
from ..errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from ..loop.digests import digest
from ..tensors.dtypes import core_array

Batch = tuple[Tensor, ...]


class ListedBatches:
    """A sequence of batches, each converted when its turn comes."""

    def __init__(self, batches: Any, name: str, floating: torch.dtype, device: torch.device) -> None:
        if isinstance(batches, (str, bytes, dict, Tensor)) or not hasattr(batches, "__len__"):
            raise ArgumentTypeError(
                f"{name}: got {type_of(batches)}; allowed: a sequence of batches, each (x, y, ...)"
            )
        self.batches = batches if hasattr(batches, "__getitem__") else list(batches)
        self.name, self.floating, self.device = name, floating, device
        if len(self.batches) == 0:
            raise ArgumentError(f"{name}: no batch given; allowed: at least 1")

    def __len__(self) -> int:
        return len(self.batches)

    def at(self, t: int) -> Batch:
        """Batch t."""
        return as_batch(self.batches[t], f"{self.name}: step {t}", self.floating, self.device)

    def digest(self) -> str:
        """Of the first and the last one."""
        return _digest(part for t in sorted({0, len(self) - 1}) for part in self.at(t))


class RowBatches:
    """Batches as rows of whole tensors, which are converted once: indices int64 [batches, rows]."""

    def __init__(self, tensors: Batch, indices: Any) -> None:
        self.tensors = tensors
        self.indices = torch.as_tensor(indices, device=tensors[0].device)

    def __len__(self) -> int:
        return len(self.indices)

    def at(self, t: int) -> Batch:
        """Batch t."""
        return tuple(part[self.indices[t]] for part in self.tensors)

    def digest(self) -> str:
        """Of all of them."""
        return _digest((*self.tensors, self.indices))


class SlicedBatches:
    """Whole tensors in stretches of so many rows, the last of which may be shorter."""

    def __init__(self, tensors: Batch, rows: int) -> None:
        self.tensors, self.rows = tensors, rows

    def __len__(self) -> int:
        return -(-len(self.tensors[0]) // self.rows)

    def at(self, t: int) -> Batch:
        """Batch t."""
        return tuple(part[t * self.rows : (t + 1) * self.rows] for part in self.tensors)

    def digest(self) -> str:
        """Of all of them."""
        return _digest(self.tensors)


Source = ListedBatches | RowBatches | SlicedBatches


def _digest(tensors: Iterable[Tensor]) -> str:
    return digest(part.cpu().numpy() for part in tensors)


def as_batch(batch: Any, name: str, floating: torch.dtype, device: torch.device) -> Batch:
    """(x, y, ...) as tensors with equally many rows; floating ones in the dtype of the run."""
    parts: Sequence[Any] = batch if isinstance(batch, (tuple, list)) else (batch,)
    labels = [f"{name}: {'xy'[i] if len(parts) == 2 else f'array {i}'}" for i in range(len(parts))]
    found = tuple(_tensor(p, label, floating, device) for p, label in zip(parts, labels, strict=True))
    lengths = [len(part) for part in found]
    if not lengths or min(lengths) == 0 or min(lengths) != max(lengths):
        raise ShapeError(f"{name}: arrays of {lengths} rows given; allowed: equally many, at least 1")
    return found


def _tensor(value: Any, name: str, floating: torch.dtype, device: torch.device) -> Tensor:
    if isinstance(value, Tensor):
        if value.is_complex() or value.layout is not torch.strided:
            raise DTypeError(f"{name}: got {value.dtype}, {value.layout}; allowed: dense, real tensors")
        made = value.detach()
    else:
        width = np.dtype(str(floating).removeprefix("torch."))
        array = core_array(value, None, width, name)
        # torch warns of memory that it could write into
        made = torch.from_numpy(array if array.flags.writeable else array.copy())
    if made.ndim == 0:
        raise ShapeError(f"{name}: got a single number; allowed: an array with a row per example")
    if made.is_cpu and made.is_floating_point() and not bool(torch.isfinite(made).all()):
        bad = torch.nonzero(~torch.isfinite(made))
        raise ArgumentError(
            f"{name}: {len(bad)} values are not finite, first in row {int(bad[0][0])}; "
            "allowed: finite numbers"
        )
    return made.to(device, floating if made.is_floating_point() else made.dtype)
