"""Products, directions and moves of tensors on the CPU by the native library: one pass over memory each.

What torch does in a handful of calls reads and writes every vector again in each. Tensors are handed over
by address and size, so all of them must be plain: of class Tensor or Parameter, on the CPU, contiguous,
float32 or float64. The library refuses vectors of one parameter that are not of one size.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .._core import vectors_direction, vectors_move, vectors_products
from ._fit import PLAIN_CLASSES

_DTYPES = (torch.float32, torch.float64)
# numbers of an entry: address and size of each of its vectors
_PAIR, _VECTORS = 4, 10


def plain(tensor: Tensor, dtype: torch.dtype) -> bool:
    """Whether the library may have the tensor's address."""
    return tensor.dtype is dtype and tensor.is_cpu and tensor.layout is torch.strided and in_order(tensor)


def in_order(tensor: Tensor) -> bool:
    """The same of a dense tensor on the CPU: its elements are what its memory holds, one by one."""
    return type(tensor) in PLAIN_CLASSES and tensor.is_contiguous() and not tensor.is_neg()


def put_vectors(table: array[int], width: int, slot: int, tensors: Sequence[Tensor]) -> None:
    """Addresses and sizes as they are now: another memory may lie behind a tensor than at the last step."""
    table[2 * slot :: width] = array("q", [tensor.data_ptr() for tensor in tensors])
    table[2 * slot + 1 :: width] = array("q", [tensor.nbytes for tensor in tensors])


class Local:
    """The tensors of a step, all of one dtype."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self.wide = tensors[0].dtype is torch.float64

    @staticmethod
    def takes(tensors: Sequence[Tensor]) -> bool:
        """Whether they are on the CPU, of one dtype for all, which the library has."""
        dtypes = {p.dtype for p in tensors}
        return tensors[0].dtype in _DTYPES and len(dtypes) == 1 and all(p.is_cpu for p in tensors)

    def products(self, a: Sequence[Tensor], b: Sequence[Tensor]) -> tuple[float, ...]:
        """<a, b> of each tensor, summed in double precision."""
        pairs = array("q", bytes(8 * _PAIR * len(a)))
        put_vectors(pairs, _PAIR, 0, a)
        if a is b:
            pairs[2::_PAIR], pairs[3::_PAIR] = pairs[0::_PAIR], pairs[1::_PAIR]
        else:
            put_vectors(pairs, _PAIR, 1, b)
        return vectors_products(self.wide, pairs)

    def table(
        self, tensors: Sequence[Tensor], gradients: Sequence[Tensor], directions: Sequence[Tensor]
    ) -> array[int]:
        """Addresses and sizes as the library takes them; those of the state are still missing."""
        table = array("q", bytes(8 * _VECTORS * len(tensors)))
        for slot, vectors in ((0, tensors), (1, gradients), (4, directions)):
            put_vectors(table, _VECTORS, slot, vectors)
        return table

    def move(self, table: array[int], tensors: Sequence[Tensor], rate: float) -> None:
        """p -= rate d. table: of `tensors`."""
        vectors_move(self.wide, table, rate)
        # what autograd saved of them is seen to be outdated, as after any in-place operation
        torch.autograd.graph.increment_version(tensors)


def product(a: Tensor, b: Tensor) -> Tensor | float:
    """<a, b> of two vectors, which torch sums in their own precision and one after the other on the CPU.

    Of 2^24 numbers its float32 sum is off by 1e-4.
    """
    if a.dtype in _DTYPES and plain(a, a.dtype) and plain(b, a.dtype):
        return Local([a]).products([a], [b])[0]
    return torch.dot(a, b)


def rows(table: array[int], indices: Sequence[int]) -> array[int]:
    """A part of a table."""
    if len(indices) * _VECTORS == len(table):
        return table
    found = array("q")
    for i in indices:
        found += table[_VECTORS * i : _VECTORS * (i + 1)]
    return found


def form(
    local: Local,
    table: array[int],
    states: Sequence[Sequence[Tensor]],
    rules: Sequence[tuple[str, Mapping[str, Any]]],
    steps: Sequence[int],
) -> tuple[list[float], list[float]]:
    """Writes the directions of `table` and the new state; <g, d> and <g^, d> of each tensor.

    states: of each tensor. rules: the direction and its arguments for each; those of one group are one
    object. steps: that each has taken before.
    """
    together: dict[tuple[int, int], list[int]] = defaultdict(list)
    for i, (rule, t) in enumerate(zip(rules, steps, strict=True)):
        together[id(rule), t].append(i)
    slopes, smoothed = [0.0] * len(rules), [0.0] * len(rules)
    for (_, t), indices in together.items():
        name, options = rules[indices[0]]
        part = rows(table, indices)
        for slot in range(len(states[indices[0]])):
            put_vectors(part, _VECTORS, 2 + slot, [states[i][slot] for i in indices])
        found = vectors_direction(name, options, t + 1, local.wide, part)
        for i, slope, smooth in zip(indices, found[0::2], found[1::2], strict=True):
            slopes[i], smoothed[i] = slope, smooth
    return slopes, smoothed
