"""What flows along a graph of torch: a tensor of ours, how its axes lie, and the dtype that torch gives it.

Convolutions here are channels-last, torch's are channels-first. So a value keeps its axes in any order until
somebody needs another one; reorderings that cancel are never made.

Whole numbers and truth values that depend on a batch are held as floating numbers, since the core computes
and records nothing else. float64 holds all integers below 2**53.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..tensors.tensor import Tensor

Order = tuple[int, ...]


class Value:
    """A tensor whose axis i is axis order[i] of torch's; dtype: torch's name of it."""

    __slots__ = ("_laid", "dtype", "order", "tensor")

    def __init__(self, tensor: Tensor, dtype: str, order: Sequence[int] | None = None) -> None:
        self.tensor = tensor
        self.dtype = dtype
        self.order: Order = tuple(range(tensor.ndim)) if order is None else tuple(order)
        self._laid: dict[Order, Tensor] = {}

    @property
    def ndim(self) -> int:
        return len(self.order)

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes in torch's order."""
        sizes = [0] * len(self.order)
        for axis, size in zip(self.order, self.tensor.shape, strict=True):
            sizes[axis] = size
        return tuple(sizes)

    @property
    def in_order(self) -> bool:
        return self.order == tuple(range(len(self.order)))

    def place(self, axis: int) -> int:
        """Where torch's axis lies in the tensor."""
        return self.order.index(axis % max(1, len(self.order)))

    def laid(self, order: Sequence[int]) -> Tensor:
        """The numbers with axes in this order, floating."""
        wanted = tuple(order)
        if wanted not in self._laid:
            self._laid[wanted] = arranged(self.number(), self.order, wanted)
        return self._laid[wanted]

    def plain(self) -> Tensor:
        """The numbers in torch's order, floating."""
        return self.laid(range(self.ndim))

    def number(self) -> Tensor:
        """The tensor itself, floating."""
        t = self.tensor
        if t.is_floating:
            return t
        key = (-1, *self.order)
        if key not in self._laid:
            self._laid[key] = t.astype(np.float32 if t.dtype_name == "bool" else np.float64)
        return self._laid[key]

    def index(self) -> Tensor:
        """As int64, in torch's order."""
        if not self.tensor.is_floating and self.in_order:
            t = self.tensor
            return t if t.dtype_name != "bool" else self.plain().astype(np.int64)
        return self.plain().astype(np.int64)

    def mask(self, order: Sequence[int]) -> Tensor:
        """As truth values with axes in this order."""
        if self.tensor.dtype_name == "bool" and tuple(order) == self.order:
            return self.tensor
        return self.laid(order).astype(np.bool_)


def arranged(t: Tensor, given: Order, wanted: Order) -> Tensor:
    """A tensor whose axes lie as `given`, with axes as `wanted`; no pass over memory where none moves."""
    axes = [given.index(axis) for axis in wanted]
    moved = [axis for axis in axes if t.shape[axis] != 1]
    if moved == sorted(moved):
        shape = [t.shape[axis] for axis in axes]
        return t if shape == list(t.shape) else t.reshape(shape)
    return t.transpose(axes)


def channels_last(ndim: int) -> Order:
    """The order of images, signals and volumes: batch, space, channels."""
    return (0, *range(2, ndim), 1) if ndim > 2 else tuple(range(ndim))
