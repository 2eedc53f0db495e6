"""Which of the native library's rules a torch optimizer follows, and where it keeps that rule's state."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import optimizer as hooks

from . import _native
from ._average import EMA
from ._native import Local, plain
from ._rule import Direction, arguments, vectors_of

# torch's class -> the direction, and the names of its state vectors there
_TORCH: dict[type, tuple[str, tuple[str, ...]]] = {
    torch.optim.SGD: ("sgd", ("momentum_buffer",)),
    torch.optim.Adam: ("adam", ("exp_avg", "exp_avg_sq")),
    torch.optim.AdamW: ("adam", ("exp_avg", "exp_avg_sq")),
    EMA: ("ema", ("exp_avg",)),
}


class NativeRule:
    """A base's rule under the library's name: SGD, Adam and AdamW of torch, EMA, and every `Direction`.

    kind: that name, "adam" for AdamW; empty where the library has none.
    The state is created and kept where the base keeps it, so that the two may take turns.
    """

    def __init__(self, base: torch.optim.Optimizer) -> None:
        self.base = base
        self.own = type(base) is Direction
        # a subclass may do anything
        self.kind, self._slots = _TORCH.get(type(base), ("", ()))
        if isinstance(base, Direction) and self.own:
            self.kind = base.direction

    def applies(self) -> bool:
        """Whether a step of the base does nothing but follow its rule."""
        base = self.base
        seen = base._optimizer_step_pre_hooks or base._optimizer_step_post_hooks
        seen = seen or hooks._global_optimizer_pre_hooks or hooks._global_optimizer_post_hooks
        amsgrad = any(group.get("amsgrad") for group in base.param_groups)
        return self.kind != "" and not seen and not amsgrad and "step" not in base.__dict__

    def is_gradient(self, groups: Iterable[dict[str, Any]]) -> bool:
        """Whether the direction is the gradient itself."""
        return self.kind == "sgd" and not any(g["momentum"] or g["weight_decay"] for g in groups)

    def is_state(self, groups: Iterable[dict[str, Any]]) -> bool:
        """Whether the direction is the momentum itself."""
        return self.kind == "sgd" and all(g["momentum"] and not g["nesterov"] for g in groups)

    def rule(self, group: dict[str, Any]) -> tuple[str, dict[str, float]]:
        """The direction of a group and its arguments."""
        if self.kind == "ema" and not self.own:
            return "ema", {"beta": float(group["betas"][0]), "weight_decay": float(group["weight_decay"])}
        name = "adamw" if group.get("decoupled_weight_decay") else self.kind
        return name, arguments(name, group)

    def states(
        self, tensors: Sequence[Tensor], groups: Sequence[dict[str, Any]], steps: list[int]
    ) -> list[list[Tensor]] | None:
        """The vectors that the base keeps for each tensor; None where the library may not have them.

        What is missing is made, and its tensor begins at step 0.
        """
        dtype, held = tensors[0].dtype, self.base.state
        found: list[list[Any]] = []
        missing: list[int] = []
        for i, (p, group) in enumerate(zip(tensors, groups, strict=True)):
            state = held.get(p, {})
            found.append([state.get(name) for name in self._names(group)])
            if found[-1] and found[-1][0] is None:
                missing.append(i)
            elif not all(plain(vector, dtype) for vector in found[-1]):
                return None
        for i in missing:
            p, group, state = tensors[i], groups[i], held[tensors[i]]
            if self.kind != "sgd" or self.own:
                wide = torch.get_default_dtype() is torch.float64
                count = torch.zeros((), dtype=torch.float64 if wide else torch.float32)
                state["step"] = count if self.kind == "adam" and not self.own else 0
            fills = vectors_of(self.kind, group) if self.own else dict.fromkeys(self._slots, 0.0)
            for name, fill in fills.items():
                state[name] = torch.full_like(p, fill, requires_grad=False)
            found[i], steps[i] = [state[name] for name in fills], 0
        return found

    def _names(self, group: dict[str, Any]) -> Sequence[str]:
        if self.own:
            return tuple(vectors_of(self.kind, group))
        return () if self.kind == "sgd" and not group["momentum"] else self._slots

    def count_on(self, tensors: Sequence[Tensor]) -> None:
        """One step more in the base's own counters."""
        if self.own or self.kind == "ema":
            for p in tensors:
                state = self.base.state[p]
                state["step"] = state.get("step", 0) + 1
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
        """As `form` of the library's vectors, by the rules of these groups."""
        rules = {id(group): self.rule(group) for group in groups}
        return _native.form(local, table, states, [rules[id(group)] for group in groups], steps)
