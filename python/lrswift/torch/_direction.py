"""The direction that a torch optimizer would go, as a value."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .._core import vectors_smoothing
from ..checks import type_of
from ..errors import ArgumentError, DTypeError
from ._active import Active, names
from ._fit import check_state, counter, kind_of, refit
from ._native import Local, rows
from ._native_rule import NativeRule
from ._rule import Direction
from ._sums import Sums

# torch's own optimizers by what weight decay does in them; at zero parameters their update is the direction
_COUPLED = {"SGD", "Adam", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "EMA"}
_DECOUPLED = {"AdamW", "Muon"}
_LINEAR = {"SGD", "EMA", "sgd", "ema"}
_NO_DIRECTION = {
    "Adafactor": "scales its rate by the parameters",
    "ASGD": "decays its own rate",
    "LBFGS": "searches its own step",
    "Rprop": "keeps its own step sizes",
    "SparseAdam": "takes sparse gradients only",
}


def check_base(base: Any) -> None:
    """Refuses what has no direction, or has it not by itself."""
    if not isinstance(base, torch.optim.Optimizer):
        raise DTypeError(f"base: got {type_of(base)}; allowed: a torch optimizer, torch.optim.Adam(params)")
    name = type(base).__name__
    if name in _NO_DIRECTION:
        raise DTypeError(
            f"base: {name} {_NO_DIRECTION[name]}, so its update is not a rate times a direction; allowed: "
            f"optimizers whose update is proportional to lr, such as {', '.join(sorted(_COUPLED - {'EMA'}))}"
        )
    for i, group in enumerate(base.param_groups):
        for option in ("maximize", "differentiable"):
            if group.get(option):
                raise ArgumentError(f"base: param_groups[{i}]: {option}=True; allowed: False")


# of a parameter: its place, itself, a copy of what the base keeps of it (None: nothing), and its steps
Kept = tuple[int, Tensor, dict[str, Any] | None, int]


@dataclass(frozen=True)
class StepDirections:
    """d of each active tensor. is_gradient: d are the gradients themselves.

    table: addresses, where the native library may take the step.
    """

    directions: list[Tensor]
    table: array[int] | None = None
    is_gradient: bool = False

    def again(self, active: Active) -> StepDirections:
        """The same, once the tensors may have come to lie elsewhere."""
        if [kind_of(p) for p in active.tensors] != active.kinds:
            raise ArgumentError(
                "step: the loss gave a parameter another shape, dtype or device; allowed: to evaluate only"
            )
        local = active.at(active.gradients, self.table is not None).local
        if self.table is None or local is None:
            return replace(self, table=None)
        return replace(self, table=local.table(active.tensors, active.gradients, self.directions))

    def move(self, active: Active, rate: float, members: Sequence[int] | None = None) -> None:
        """p -= rate d; members: of these among the active tensors only."""
        tensors, directions = active.tensors, self.directions
        if members is not None:
            tensors, directions = [tensors[i] for i in members], [directions[i] for i in members]
        if self.table is None or active.local is None:
            torch._foreach_add_(tensors, directions, alpha=-rate)
        else:
            active.local.move(self.table if members is None else rows(self.table, members), tensors, rate)


class Directions:
    """Runs one step of `base` and reads its direction off it, without moving a parameter.

    Plain tensors on the CPU under a rule that the native library has: by that, see `NativeRule`.
    torch's other optimizers step on zeros that stand in for the parameters, at a rate of -1, which loses no
    digit of small updates; weight decay, which those would lose, is added to the gradient before or to the
    direction after. Any other optimizer steps on the parameters, which are put back; its update must be
    proportional to lr.
    """

    def __init__(self, base: torch.optim.Optimizer) -> None:
        self.base = base
        self.native: NativeRule | None = NativeRule(base)
        # by place: d of the last step that a parameter took part in
        self.last: dict[int, Tensor] = {}
        name = type(base).__name__
        known = type(base).__module__.startswith(("torch.optim", "lrswift.")) and name in (
            _COUPLED | _DECOUPLED
        )
        self._stands_in = known
        # whose vectors are known to lie as the parameters do
        self.keeps_vectors = known or isinstance(base, Direction)
        self._fitted: Active | None = None
        self._decoupled = name in _DECOUPLED
        # by place: steps behind each parameter, for bias corrections; a base that has moved knows its own
        self.steps: dict[int, int] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_fitted": None}

    def decay(self, group: dict[str, Any]) -> float:
        """Coupled weight decay of a group; 0 where it is decoupled or not known."""
        decoupled = self._decoupled or group.get("decoupled_weight_decay", False)
        return float(group.get("weight_decay", 0.0)) if self._stands_in and not decoupled else 0.0

    @property
    def is_linear(self) -> bool:
        """Whether the direction is as long as its gradients; others divide by what they have seen of them."""
        base = self.base
        return base.direction in _LINEAR if isinstance(base, Direction) else type(base).__name__ in _LINEAR

    def averaging(self, active: Active) -> list[tuple[Tensor, float, float, float]] | None:
        """How the base averages gradients, after its step.

        Returns:
            Of each tensor the average, what it keeps of itself and takes of a gradient, and the factor that
            frees it of its bias; None where the base keeps no averages.
        """
        found = []
        for place, p, group in zip(active.places, active.tensors, active.groups, strict=True):
            state, t = self.base.state.get(p, {}), self.steps[place]
            beta = group["betas"][0] if "betas" in group else group.get("beta")
            average = state["exp_avg"] if self._averages_by_first_beta(state) else state.get("average")
            if average is not None and beta is not None:
                smoothing = vectors_smoothing("ema", {"beta": float(beta)}, t)
                found.append((average, float(beta), 1 - float(beta), smoothing))
                continue
            average = state.get("momentum_buffer", state.get("momentum")) if "dampening" in group else None
            if average is None:
                return None
            momentum, dampening = float(group["momentum"]), float(group["dampening"])
            given = {"momentum": momentum, "dampening": dampening}
            added = 1.0 if t == 1 else 1 - dampening
            found.append((average, momentum, added, vectors_smoothing("sgd", given, t)))
        return found

    def count(self, place: int, p: Tensor) -> int:
        """Steps that `p` has taken in the base."""
        if place not in self.steps:
            state = self.base.state.get(p, {})
            taken = state.get("step", 10**9 if state.get("momentum_buffer") is not None else 0)
            self.steps[place] = counter(taken, f"step: state 'step' of {names(self.base)[place]}")
        return self.steps[place]

    def check(self, active: Active) -> None:
        """The state that the base keeps fits the parameters; ArgumentError, DTypeError or ShapeError else."""
        if self.keeps_vectors:

            def named() -> list[str]:
                held = names(self.base)
                return [held[place] for place in active.places]

            of_torch = not isinstance(self.base, Direction)
            check_state(self.base.state, active.tensors, active.kinds, named, of_torch)
        if active is not self._fitted:
            refit(self.last, active.places, active.tensors)
            self._fitted = active

    def form(self, active: Active, sums: Sums, keeps: bool) -> StepDirections:
        """d of each active tensor; the state of the base advances. Adds <g, d> and <g^, d> to sums.

        keeps: whether `last` is asked for at later steps; else d may be the gradients themselves.
        """
        steps = [self.count(place, p) for place, p in zip(active.places, active.tensors, strict=True)]
        native = self.native
        if native is not None and active.local is not None and native.applies():
            found = self._natively(native, active, active.local, sums, steps, keeps)
        else:
            found = StepDirections(self._by_torch(active))
        self.steps.update((place, step + 1) for place, step in zip(active.places, steps, strict=True))
        known = found.table is not None and not found.is_gradient
        if active.ratios is not None:
            found = self._related(active, found.directions, active.ratios)
        if not known and not found.is_gradient:
            self._slopes(active, sums, found.directions)
        return found

    def _related(self, active: Active, directions: list[Tensor], ratios: list[float]) -> StepDirections:
        """The same directions times `ratios`, in memory of their own."""
        kept = self._kept(active)
        if any(a is not b for a, b in zip(directions, kept, strict=True)):
            torch._foreach_copy_(kept, directions)
        torch._foreach_mul_(kept, ratios)
        local = active.local
        return StepDirections(
            kept, None if local is None else local.table(active.tensors, active.gradients, kept)
        )

    def _natively(
        self, rule: NativeRule, active: Active, local: Local, sums: Sums, steps: list[int], keeps: bool
    ) -> StepDirections:
        tensors, groups, gradients = active.tensors, active.groups, active.gradients
        if rule.is_gradient(groups):
            if keeps:
                torch._foreach_copy_(self._kept(active), gradients)
            return StepDirections(gradients, local.table(tensors, gradients, gradients), is_gradient=True)
        states = rule.states(tensors, groups, steps)
        if states is None:
            return StepDirections(self._by_torch(active))
        directions = self._kept(active) if keeps or not rule.is_state(groups) else [v for (v,) in states]
        table = local.table(tensors, gradients, directions)
        slopes, smoothed = rule.form(local, table, states, groups, steps)
        rule.count_on(tensors)
        sums.put("slope", _times(slopes, active.ratios))
        sums.put("smoothed_slope", _times(smoothed, active.ratios))
        return StepDirections(directions, table)

    def _kept(self, active: Active) -> list[Tensor]:
        """A vector of each tensor to write d into, as `last`."""
        for place, p in zip(active.places, active.tensors, strict=True):
            if place not in self.last:
                self.last[place] = torch.zeros_like(p, requires_grad=False)
        return [self.last[place] for place in active.places]

    def _by_torch(self, active: Active) -> list[Tensor]:
        # a schedule that looks at the base's own count would see none of these steps
        rates = [(group, group["lr"]) for group in self.base.param_groups]
        for group, _ in rates:
            group["lr"] = -1.0
        try:
            directions = self._on_zeros(active) if self._stands_in else self._in_place(active.tensors)
        finally:
            for group, rate in rates:
                group["lr"] = rate
        self.last.update(zip(active.places, directions, strict=True))
        return directions

    def _slopes(self, active: Active, sums: Sums, directions: list[Tensor]) -> None:
        """<g, d> and <g^, d>, with g^ the base's average of the gradient, decay in it, or g itself."""
        if isinstance(self.base, Direction):
            slopes, smoothed = zip(*(self.base.sums[p] for p in active.tensors), strict=True)
            sums.put("slope", _times(slopes, active.ratios))
            sums.put("smoothed_slope", _times(smoothed, active.ratios))
            return
        sums.add("slope", active.gradients, directions)
        averages, factors = self._averages(active)
        factor = factors[0]
        if any(other != factor for other in factors):
            averages, factor = [a * f for a, f in zip(averages, factors, strict=True)], 1.0
        sums.add("smoothed_slope", averages, directions, factor)

    def _in_place(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        before = [p.detach().clone() for p in tensors]
        try:
            self.base.step()
            return [p.detach() - old for p, old in zip(tensors, before, strict=True)]
        finally:
            torch._foreach_copy_(list(tensors), before)

    def _on_zeros(self, active: Active) -> list[Tensor]:
        tensors, gradients = active.tensors, active.gradients
        values = [p.data for p in tensors]
        decays = [(group, group["weight_decay"]) for group in self.base.param_groups]
        directions = self._kept(active)
        torch._foreach_zero_(directions)
        coupled = [self.decay(group) for group in active.groups]
        try:
            for group, _ in decays:
                group["weight_decay"] = 0.0
            for p, g, d, decay in zip(tensors, gradients, directions, coupled, strict=True):
                if decay != 0:
                    p.grad = torch.add(g, p.data, alpha=decay)
                p.data = d
            self.base.step()
        finally:
            for p, value, gradient in zip(tensors, values, gradients, strict=True):
                p.data = value
                if p.grad is not gradient:
                    p.grad = gradient
            for group, decay in decays:
                group["weight_decay"] = decay
        for p, d, group, decay in zip(tensors, directions, active.groups, coupled, strict=True):
            if decay == 0 and group["weight_decay"] != 0:
                d.add_(p.data, alpha=float(group["weight_decay"]))
        return directions

    def _averages(self, active: Active) -> tuple[list[Tensor], list[float]]:
        """g^ of each tensor, after the base's step, and what it is multiplied by to be without bias.

        Whatever of torch has `exp_avg` corrects it as the library's "ema" does.
        """
        found, factors = [], []
        every = zip(active.places, active.tensors, active.groups, active.gradients, strict=True)
        for place, p, group, g in every:
            state, t, decay = self.base.state.get(p, {}), self.steps[place], self.decay(group)
            factor = 1.0
            average, smoothing = None, 0.0
            if "betas" in group and self._averages_by_first_beta(state):
                average = state["exp_avg"]
                smoothing = vectors_smoothing("ema", {"beta": float(group["betas"][0])}, t)
            elif group.get("momentum") and "dampening" in group:
                average = state["momentum_buffer"]
                smoothing = vectors_smoothing(
                    "sgd", {"momentum": float(group["momentum"]), "dampening": float(group["dampening"])}, t
                )
            if average is not None:
                g, factor = average, smoothing
            elif decay != 0:
                g = torch.add(g, p.data, alpha=decay)
            found.append(g)
            factors.append(factor)
        return found, factors

    def _averages_by_first_beta(self, state: dict[str, Any]) -> bool:
        """Whether `exp_avg` is Adam's average; that of Lion, which has no squares, goes by the second."""
        return "exp_avg" in state and (self._stands_in or "exp_avg_sq" in state)

    def keep(self, active: Active) -> list[Kept]:
        """Copies of the base's state, for `put_back`."""
        return self.keep_of(active.places, active.tensors)

    def keep_of(self, places: Iterable[int], tensors: Iterable[Tensor]) -> list[Kept]:
        """The same of any parameters."""
        kept: list[Kept] = []
        for place, p in zip(places, tensors, strict=True):
            state = self.base.state.get(p) if p in self.base.state else None
            copied = None if state is None else {k: _copy(v) for k, v in state.items()}
            kept.append((place, p, copied, self.count(place, p)))
        return kept

    def put_back(self, kept: Sequence[Kept]) -> None:
        for place, p, state, steps in kept:
            self.steps[place] = steps
            if state is None:
                self.base.state.pop(p, None)
            else:
                self.base.state[p] = state


def _times(numbers: Sequence[float], ratios: Sequence[float] | None) -> Sequence[float]:
    return numbers if ratios is None else [a * b for a, b in zip(numbers, ratios, strict=True)]


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value
