"""The direction that a torch optimizer would go, as a value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..errors import ArgumentError, DTypeError

# torch's own optimizers by what weight decay does in them; at zero parameters their update is the direction
_COUPLED = {"SGD", "Adam", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "EMA"}
_DECOUPLED = {"AdamW", "Muon"}
_NOT_LINEAR = {
    "Adafactor": "scales its rate by the parameters",
    "ASGD": "decays its own rate",
    "LBFGS": "searches its own step",
    "Rprop": "keeps its own step sizes",
    "SparseAdam": "takes sparse gradients only",
}


def check_base(base: Any) -> None:
    """Refuses what has no direction, or has it not by itself."""
    if not isinstance(base, torch.optim.Optimizer):
        raise DTypeError(
            f"base: got {type(base).__name__}; allowed: a torch optimizer, torch.optim.Adam(params)"
        )
    name = type(base).__name__
    if name in _NOT_LINEAR:
        raise DTypeError(
            f"base: {name} {_NOT_LINEAR[name]}, so its update is not a rate times a direction; allowed: "
            f"optimizers whose update is proportional to lr, such as {', '.join(sorted(_COUPLED - {'EMA'}))}"
        )
    for i, group in enumerate(base.param_groups):
        for option in ("maximize", "differentiable"):
            if group.get(option):
                raise ArgumentError(f"base: param_groups[{i}]: {option}=True; allowed: False")


class Directions:
    """Runs one step of `base` and reads the update at a rate of 1 off it, -d, without moving a parameter.

    torch's own optimizers step on zeros that stand in for the parameters, which loses no digit of small
    updates; weight decay, which those would lose, is added to the gradient before or to the update after.
    Any other optimizer steps on the parameters, which are put back; its update must be proportional to lr.
    """

    def __init__(self, base: torch.optim.Optimizer) -> None:
        self.base = base
        self._updates: dict[Tensor, Tensor] = {}
        name = type(base).__name__
        known = type(base).__module__.startswith(("torch.optim", "lrswift.")) and name in (
            _COUPLED | _DECOUPLED
        )
        self._stands_in = known
        self._decoupled = name in _DECOUPLED
        # steps behind each parameter, for bias corrections; a base that has moved before knows its own
        self.steps: dict[Tensor, int] = {}

    def decay(self, group: dict[str, Any]) -> float:
        """Coupled weight decay of a group; 0 where it is decoupled or not known."""
        decoupled = self._decoupled or group.get("decoupled_weight_decay", False)
        return float(group.get("weight_decay", 0.0)) if self._stands_in and not decoupled else 0.0

    def count(self, p: Tensor) -> int:
        """Steps that `p` has taken in the base."""
        if p not in self.steps:
            state = self.base.state.get(p, {})
            taken = state.get("step", 10**9 if state.get("momentum_buffer") is not None else 0)
            self.steps[p] = int(taken)
        return self.steps[p]

    def last(self, p: Tensor) -> Tensor | None:
        """-d of the last step that `p` took part in."""
        return self._updates.get(p)

    def set_last(self, updates: dict[Tensor, Tensor]) -> None:
        self._updates = updates

    def form(self, active: Sequence[Tensor], groups: Sequence[dict[str, Any]]) -> list[Tensor]:
        """-d of each tensor of `active`, which lie in `groups`; the state of the base advances."""
        for p in active:
            self.count(p)
        # a schedule that looks at the base's own count would see none of these steps
        rates = [(group, group["lr"]) for group in self.base.param_groups]
        for group, _ in rates:
            group["lr"] = 1.0
        try:
            updates = self._on_zeros(active, groups) if self._stands_in else self._in_place(active)
        finally:
            for group, rate in rates:
                group["lr"] = rate
        for p, update in zip(active, updates, strict=True):
            self._updates[p] = update
            self.steps[p] += 1
        return updates

    def _in_place(self, active: Sequence[Tensor]) -> list[Tensor]:
        before = [p.detach().clone() for p in active]
        try:
            self.base.step()
            return [p.detach() - old for p, old in zip(active, before, strict=True)]
        finally:
            torch._foreach_copy_(list(active), before)

    def _on_zeros(self, active: Sequence[Tensor], groups: Sequence[dict[str, Any]]) -> list[Tensor]:
        values = [p.data for p in active]
        gradients = [p.grad for p in active]
        decays = [(group, group["weight_decay"]) for group in self.base.param_groups]
        updates = [self._zeros(p) for p in active]
        torch._foreach_zero_(updates)
        coupled = [self.decay(group) for group in groups]
        try:
            for group, _ in decays:
                group["weight_decay"] = 0.0
            for p, update, decay in zip(active, updates, coupled, strict=True):
                if decay != 0:
                    p.grad = torch.add(p.grad, p.data, alpha=decay)  # type: ignore[arg-type]
                p.data = update
            self.base.step()
        finally:
            for p, value, gradient in zip(active, values, gradients, strict=True):
                p.data = value
                if p.grad is not gradient:
                    p.grad = gradient
            for group, decay in decays:
                group["weight_decay"] = decay
        for p, update, group, decay in zip(active, updates, groups, coupled, strict=True):
            if decay == 0 and group["weight_decay"] != 0:
                update.add_(p.data, alpha=-float(group["weight_decay"]))
        return updates

    def _zeros(self, p: Tensor) -> Tensor:
        found = self._updates.get(p)
        return found if found is not None else torch.zeros_like(p, requires_grad=False)

    def averages(
        self, active: Sequence[Tensor], groups: Sequence[dict[str, Any]]
    ) -> tuple[list[Tensor] | None, list[float]]:
        """The base's averages of the gradient and what they are multiplied by to be without bias.

        None: the base keeps none. After `form`.
        """
        found, factors = [], []
        for p, group in zip(active, groups, strict=True):
            state, t = self.base.state.get(p, {}), self.steps[p]
            if "exp_avg" in state and "betas" in group:
                found.append(state["exp_avg"])
                factors.append(1 / (1 - group["betas"][0] ** t))
            elif group.get("momentum") and "dampening" in group:
                found.append(state["momentum_buffer"])
                momentum, gain = group["momentum"], 1 - group["dampening"]
                first = momentum ** (t - 1)
                others = t - 1 if momentum == 1 else (1 - first) / (1 - momentum)
                factors.append(1 / (first + gain * others))
            else:
                return None, []
        return found, factors

    def keep(self, active: Sequence[Tensor]) -> list[tuple[Tensor, dict[str, Any] | None, int]]:
        """Copies of the base's state, for `put_back`."""
        kept = []
        for p in active:
            state = self.base.state.get(p) if p in self.base.state else None
            copied = None if state is None else {k: _copy(v) for k, v in state.items()}
            kept.append((p, copied, self.count(p)))
        return kept

    def put_back(self, kept: list[tuple[Tensor, dict[str, Any] | None, int]]) -> None:
        for p, state, steps in kept:
            self.steps[p] = steps
            if state is None:
                self.base.state.pop(p, None)
            else:
                self.base.state[p] = state


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value
