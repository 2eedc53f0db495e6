"""Products, directions and moves of tensors on the CPU by the native library: one pass over memory each.

What torch does in a handful of calls reads and writes every vector again in each. Tensors are handed over
by address, so all of them must be plain: of class Tensor or Parameter, on the CPU, contiguous, float32 or
float64.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .._core import vectors_direction, vectors_move, vectors_products

_CLASSES = (Tensor, torch.nn.Parameter)
_DTYPES = (torch.float32, torch.float64)
_PAIR, _VECTORS = 3, 6


def plain(tensor: Tensor, dtype: torch.dtype) -> bool:
    """Whether the library may have the tensor's address."""
    return (
        type(tensor) in _CLASSES
        and tensor.is_cpu
        and tensor.dtype is dtype
        and tensor.layout is torch.strided
        and tensor.is_contiguous()
        and not tensor.is_neg()
    )


def _addresses(tensors: Iterable[Tensor]) -> array[int]:
    return array("q", [tensor.data_ptr() for tensor in tensors])


class Local:
    """The tensors of a step, all of one dtype. counts: their numbers of elements."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self.wide = tensors[0].dtype is torch.float64
        self.counts = array("q", [p.numel() for p in tensors])

    @staticmethod
    def takes(tensors: Sequence[Tensor]) -> bool:
        """Whether their dtype is one that the library has, and the same for all."""
        return tensors[0].dtype in _DTYPES and len({p.dtype for p in tensors}) == 1

    def products(self, a: Sequence[Tensor], b: Sequence[Tensor]) -> tuple[float, ...]:
        """<a, b> of each tensor, summed in double precision."""
        pairs = array("q", bytes(8 * _PAIR * len(a)))
        pairs[0::_PAIR] = first = _addresses(a)
        pairs[1::_PAIR] = first if a is b else _addresses(b)
        pairs[2::_PAIR] = self.counts
        return vectors_products(self.wide, pairs)

    def table(
        self, tensors: Sequence[Tensor], gradients: Sequence[Tensor], directions: Sequence[Tensor]
    ) -> array[int]:
        """Addresses as the library takes them; those of the state are still missing."""
        table = array("q", bytes(8 * _VECTORS * len(tensors)))
        table[0::_VECTORS] = _addresses(tensors)
        table[1::_VECTORS] = _addresses(gradients)
        table[4::_VECTORS] = _addresses(directions)
        table[5::_VECTORS] = self.counts
        return table

    def move(self, table: array[int], tensors: Sequence[Tensor], rate: float) -> None:
        """p -= rate d. table: of `tensors`."""
        vectors_move(self.wide, table, rate)
        # what autograd saved of them is seen to be outdated, as after any in-place operation
        torch.autograd.graph.increment_version(tensors)


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
            part[2 + slot :: _VECTORS] = _addresses(states[i][slot] for i in indices)
        found = vectors_direction(name, options, t + 1, local.wide, part)
        for i, slope, smooth in zip(indices, found[0::2], found[1::2], strict=True):
            slopes[i], smoothed[i] = slope, smooth
    return slopes, smoothed
