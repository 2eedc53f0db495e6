"""Products, directions and moves of tensors on the CPU by the native library: one pass over memory each.

What torch does in a handful of calls reads and writes every vector again in each. Tensors are handed over
by address, so all of them must be plain: of class Tensor or Parameter, on the CPU, contiguous, float32 or
float64.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import optimizer as hooks

from .._core import vectors_direction, vectors_move, vectors_products
from ._average import EMA

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


class NativeRule:
    """A base's rule under the library's name: SGD, Adam and AdamW of torch, and EMA.

    The state is created and kept where the base keeps it, so that the two may take turns.
    """

    def __init__(self, base: torch.optim.Optimizer) -> None:
        self.base = base
        kinds: dict[type, str] = {torch.optim.SGD: "sgd", EMA: "ema"}
        kinds |= {torch.optim.Adam: "adam", torch.optim.AdamW: "adam"}
        # a subclass may do anything
        self.kind = kinds.get(type(base))

    def applies(self) -> bool:
        """Whether a step of the base does nothing but follow its rule."""
        base = self.base
        seen = base._optimizer_step_pre_hooks or base._optimizer_step_post_hooks
        seen = seen or hooks._global_optimizer_pre_hooks or hooks._global_optimizer_post_hooks
        amsgrad = self.kind == "adam" and any(group["amsgrad"] for group in base.param_groups)
        return self.kind is not None and not seen and not amsgrad and "step" not in base.__dict__

    def is_gradient(self, groups: Iterable[dict[str, Any]]) -> bool:
        """Whether the direction is the gradient itself."""
        return self.kind == "sgd" and not any(g["momentum"] or g["weight_decay"] for g in groups)

    def is_state(self, groups: Iterable[dict[str, Any]]) -> bool:
        """Whether the direction is the momentum itself."""
        return self.kind == "sgd" and all(g["momentum"] and not g["nesterov"] for g in groups)

    def options(self, group: dict[str, Any]) -> tuple[str, dict[str, float]]:
        decay = {"weight_decay": float(group["weight_decay"])}
        if self.kind == "sgd":
            momentum, dampening = float(group["momentum"]), float(group["dampening"])
            return "sgd", decay | {
                "momentum": momentum, "dampening": dampening, "nesterov": float(group["nesterov"])
            }  # fmt: skip
        if self.kind == "ema":
            return "ema", decay | {"beta": float(group["betas"][0])}
        beta1, beta2 = group["betas"]
        name = "adamw" if group["decoupled_weight_decay"] else "adam"
        return name, decay | {"beta1": float(beta1), "beta2": float(beta2), "epsilon": float(group["eps"])}

    def states(
        self, tensors: Sequence[Tensor], groups: Sequence[dict[str, Any]], steps: list[int]
    ) -> list[list[Tensor]] | None:
        """The vectors that the base keeps for each tensor; None where the library may not have them.

        What is missing is made, and its tensor begins at step 0.
        """
        slots = ("momentum_buffer",) if self.kind == "sgd" else ("exp_avg", "exp_avg_sq")
        slots = slots[:1] if self.kind == "ema" else slots
        dtype, held = tensors[0].dtype, self.base.state
        found: list[list[Any]] = []
        missing: list[int] = []
        for i, (p, group) in enumerate(zip(tensors, groups, strict=True)):
            if self.kind == "sgd" and not group["momentum"]:
                found.append([])
                continue
            state = held.get(p, {})
            found.append([state.get(name) for name in slots])
            if found[-1][0] is None:
                missing.append(i)
            elif not all(plain(vector, dtype) for vector in found[-1]):
                return None
        for i in missing:
            p, state = tensors[i], held[tensors[i]]
            if self.kind != "sgd":
                wide = torch.get_default_dtype() is torch.float64
                count = torch.zeros((), dtype=torch.float64 if wide else torch.float32)
                state["step"] = 0 if self.kind == "ema" else count
            for name in slots:
                state[name] = torch.zeros_like(p, requires_grad=False)
            found[i], steps[i] = [state[name] for name in slots], 0
        return found

    def count_on(self, tensors: Sequence[Tensor]) -> None:
        """One step more in the base's own counters."""
        if self.kind == "ema":
            for p in tensors:
                self.base.state[p]["step"] += 1
        elif self.kind == "adam":
            torch._foreach_add_([self.base.state[p]["step"] for p in tensors], 1)

    def form(
        self,
        local: Local,
        table: array[int],
        states: Sequence[Sequence[Tensor]],
        groups: Sequence[dict[str, Any]],
        steps: Sequence[int],
    ) -> tuple[list[float], list[float]]:
        """Writes the directions of `table` and the new state; <g, d> and <g^, d> of each tensor.

        states: of each tensor. steps: that each has taken before.
        """
        together: dict[tuple[int, int], list[int]] = defaultdict(list)
        for i, (group, t) in enumerate(zip(groups, steps, strict=True)):
            together[id(group), t].append(i)
        slopes, smoothed = [0.0] * len(groups), [0.0] * len(groups)
        for (_, t), indices in together.items():
            name, options = self.options(groups[indices[0]])
            part = rows(table, indices)
            for slot in range(len(states[indices[0]])):
                part[2 + slot :: _VECTORS] = _addresses(states[i][slot] for i in indices)
            found = vectors_direction(name, options, t + 1, local.wide, part)
            for i, slope, smooth in zip(indices, found[0::2], found[1::2], strict=True):
                slopes[i], smoothed[i] = slope, smooth
        return slopes, smoothed
