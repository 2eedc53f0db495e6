"""Rates that are whole methods: they change their direction's recursion, and the base lends its options."""

from __future__ import annotations

import math
from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._core import Machine as CoreMachine
from .._core import Optimizer as CoreOptimizer
from .._core import vectors_pass
from ..checks import shown, type_of
from ..errors import ArgumentError, DTypeError, warn
from ..rates.cards import read_cards
from ..rates.codes import Decision
from ..tensors.operations import from_array
from ._active import Active, names
from ._direction import Directions
from ._fit import fits, misfit
from ._method_rules import RULES, Constants, Pass
from ._native import put_vectors
from ._native_rule import NativeRule
from ._sums import Plan, Sums
from ._vectors import Memory

_POINT = "training_point"
_PLACES = 12
# methods over torch's SGD, which people make with a momentum, that tune one themselves
_OWN_MOMENTUM = {"yellowfin"}


class Whole:
    """The recursion that a rate brings along, over the parameters of `base`.

    Vectors are kept in `memory` and steps counted in `directions`, where those of other rates are. The base's
    own step, and with it its state and hooks, is not used.
    """

    def __init__(
        self,
        base: torch.optim.Optimizer,
        card: tuple[str, Mapping[str, Any]],
        title: str,
        memory: Memory,
        directions: Directions,
    ) -> None:
        self.base, self.title, self._card = base, title, card
        self._memory, self._directions = memory, directions
        self._native = NativeRule(base)
        self.check(base.param_groups)
        self.direction = self._rule(base.param_groups[0])[0]
        given = {float(g.get("momentum", 0.0)) for g in base.param_groups} - {0.0}
        if given and self._tunes_momentum:
            warn(
                f"base: {self.title} tunes the momentum itself, so momentum={sorted(given)[0]} of "
                f"{type(base).__name__} is not used"
            )
        self.rule = RULES[card[0], self.direction]
        self._averages_points = bool(CoreMachine(*card).get("averages_points"))
        memory.add_names((*self.rule.names, _POINT))
        # whether the parameters stand at the point to evaluate
        self.evaluating = False
        self.begin()

    @property
    def _tunes_momentum(self) -> bool:
        """Whether a momentum of the base has nothing to do: the method brings one that it tunes."""
        return self._card[0] in _OWN_MOMENTUM

    def _rule(self, group: dict[str, Any]) -> Any:
        """The native rule of a group, and its options."""
        return self._native.rule({**group, "momentum": 0.0} if self._tunes_momentum else group)

    def check(self, groups: Sequence[Mapping[str, Any]]) -> None:
        """Refuses bases, options and groups that the method does not go with, in the core's words."""
        if self._native.kind == "":
            raise DTypeError(
                f"base: {self.title} has a recursion of its own; got {type_of(self.base)}; allowed: "
                f"{', '.join(read_cards('rates')[self._card[0]].directions)}, of torch or a Direction"
            )
        for i, group in enumerate(groups):
            for option in ("amsgrad", "maximize"):
                if group.get(option):
                    raise ArgumentError(f"base: param_groups[{i}]: {option}=True; allowed: False")
        rules = [self._rule(dict(group)) for group in groups]
        if len({name for name, _ in rules}) > 1:
            raise ArgumentError(
                f"base: groups with coupled and with decoupled weight decay; {self.title} takes one kind"
            )
        name, options = rules[0]
        core = CoreOptimizer(name, options, *self._card)
        for i, (_, own) in enumerate(rules):
            core.add_group((from_array(np.zeros(1), requires_grad=True),), (f"p{i}",), own)
        rates = {float(group["lr"]) for group in groups if "lr" in group}
        if len(rates) > 1:
            raise ArgumentError(
                f"base: groups have rates of their own, {sorted(rates)}, but {self.title} is one method for "
                "all parameters; allowed: groups without 'lr', which may differ in weight_decay"
            )

    def check_new(self, param_group: Mapping[str, Any]) -> None:
        """Refuses a group that may not join."""
        if "lr" in param_group:
            raise ArgumentError(
                f"param_group: lr: got {shown(param_group['lr'])}; {self.title} is one method for all "
                "parameters; allowed: no 'lr' in groups, which may differ in weight_decay"
            )
        held = [{k: v for k, v in group.items() if k != "lr"} for group in self.base.param_groups]
        self.check([*held, {**self.base.defaults, **param_group}])

    def begin(self) -> None:
        """Parameters that are new have taken no step, whatever the base has done with them."""
        count = sum(len(group["params"]) for group in self.base.param_groups)
        for place in range(count):
            self._directions.steps.setdefault(place, 0)

    # ---- a step ----------------------------------------------------------------------------------------
    def check_point(self) -> None:
        if self.evaluating:
            raise ArgumentError(
                f"step: {self.title}: the parameters stand at the average to be evaluated; allowed: train() "
                "before a step"
            )

    def take(
        self,
        active: Active,
        machine: CoreMachine,
        loss: float,
        norms: Mapping[str, float],
        factor: float,
        group: Any,
    ) -> float | None:
        """The rate of the step, factor in it; None where nothing moves.

        norms: gradient_norm2, and whole2, the same before gradients were clipped. group: of processes.
        """
        norm2 = norms["gradient_norm2"]
        ratio = norms.get("whole2", norm2) / norm2 if norm2 > 0 else 1.0
        stretch = max(1.0, math.sqrt(ratio)) if math.isfinite(ratio) else 1.0
        vectors = self._vectors(active)
        steps = [self._directions.steps[place] + 1 for place in active.places]
        rules = {id(own): self._rule(own) for own in active.groups}
        every = [
            _constants(self.direction, rules[id(own)][1], t)
            for own, t in zip(active.groups, steps, strict=True)
        ]
        numbers = {
            "loss": loss,
            "precision": active.precision,
            "gradient_norm2": norm2,
            "adaptive": float(self.direction != "sgd"),
            "beta1": every[0].beta1,
            "beta2": every[0].beta2,
            "has_coupled_decay": float(any(h.decay != 0 for h in every)),
            "factor": factor,
            "stretch": stretch,
        }
        first = machine.prepare(numbers)
        taken: float | None = None
        if first is not None:
            terms = self._pass(active, vectors, rules, every, steps, Pass(*first), second=False)
            sums = Sums(Plan([], []))
            for name, term in zip(("first", "second", "third"), terms, strict=False):
                sums.total(name, term)
            found = sums.read(None, group)[1].get(0, {})
            (kind, rate), second = machine.conclude(found)
            if kind == Decision.TAKE:
                taken = rate
                if self.rule.second is not None:
                    self._pass(active, vectors, rules, every, steps, Pass(*second), second=True)
        self._directions.steps.update(zip(active.places, steps, strict=True))
        return taken

    def _vectors(self, active: Active) -> list[list[Tensor]]:
        """Of each active tensor, in the rule's order; those of a new one are made."""
        kept = [self._memory.vectors[name] for name in self.rule.names]
        found: list[list[Tensor]] = []
        for place, p, kind in zip(active.places, active.tensors, active.kinds, strict=True):
            if self._directions.steps[place] == 0:
                found.append(self.rule.start(p))
                continue
            own = [vectors[place] for vectors in kept]
            for name, vector in zip(self.rule.names, own, strict=True):
                if not fits(vector, kind):
                    what = f"step: {name} of {names(self.base)[place]}"
                    raise misfit(vector, kind, what, "parameters as they were at the steps before")
            found.append(own)
        for place, own in zip(active.places, found, strict=True):
            for vectors, vector in zip(kept, own, strict=True):
                vectors[place] = vector
        return found

    def _pass(
        self,
        active: Active,
        vectors: Sequence[Sequence[Tensor]],
        rules: Mapping[int, tuple[str, Mapping[str, Any]]],
        every: Sequence[Constants],
        steps: Sequence[int],
        numbers: Pass,
        second: bool,
    ) -> list[Any]:
        """The sums of the pass, over all tensors."""
        local = active.local
        if local is None:
            function = self.rule.second if second and self.rule.second is not None else self.rule.first
            sums: list[Any] = []
            held = zip(active.tensors, active.gradients, vectors, every, strict=True)
            for p, g, own, h in held:
                terms = function(p.detach(), g, own, h, numbers)
                sums = [a + b for a, b in zip(sums, terms, strict=True)] if sums else list(terms)
            return sums
        together: dict[tuple[int, int], list[int]] = defaultdict(list)
        for i, (own_group, t) in enumerate(zip(active.groups, steps, strict=True)):
            together[id(own_group), t].append(i)
        totals = [0.0, 0.0, 0.0]
        for (group, t), indices in together.items():
            table = array("q", bytes(8 * _PLACES * len(indices)))
            put_vectors(table, _PLACES, 0, [active.tensors[i] for i in indices])
            put_vectors(table, _PLACES, 1, [active.gradients[i] for i in indices])
            for slot in range(len(self.rule.names)):
                put_vectors(table, _PLACES, 2 + slot, [vectors[i][slot] for i in indices])
            name, options = rules[group]
            found = vectors_pass(self._card[0], name, options, t, local.wide, second, numbers, table)
            totals = [a + b for a, b in zip(totals, found, strict=True)]
        if second or self.rule.second is None:
            # what autograd saved of them is seen to be outdated, as after any in-place operation
            torch.autograd.graph.increment_version(active.tensors)
        return totals

    # ---- two points ------------------------------------------------------------------------------------
    @torch.no_grad()
    def set_evaluating(self, evaluating: bool, machine: CoreMachine) -> None:
        """Moves the parameters to the average of all points, or back; no other method has two points."""
        if not self._averages_points or evaluating == self.evaluating:
            return
        beta = machine.get("interpolation")
        bases = self._memory.vectors[self.rule.names[self.rule.copied_from]]
        points = self._memory.vectors[_POINT]
        held = [p for group in self.base.param_groups for p in group["params"]]
        for place, p in enumerate(held):
            if place not in bases:
                continue
            z = bases[place]
            if evaluating:
                points[place] = p.detach().clone()
                p.copy_(torch.lerp(p.detach(), z, 1 - 1 / beta))
                continue
            y = points.pop(place, None)
            # to the bit, unless the user has put another point there
            if y is not None and torch.equal(torch.lerp(y, z, 1 - 1 / beta), p):
                p.copy_(y)
            else:
                p.copy_(torch.lerp(p.detach(), z, 1 - beta))
        self.evaluating = evaluating


def _constants(direction: str, options: Mapping[str, Any], step: int) -> Constants:
    """As the core makes them of a direction's arguments."""
    decay = float(options.get("weight_decay", 0.0))
    decoupled = direction == "adamw"
    beta2 = float(options.get("beta2", 0.0))
    return Constants(
        beta1=float(options.get("beta1", 0.0)),
        beta2=beta2,
        epsilon=float(options.get("epsilon", 0.0)),
        momentum=float(options.get("momentum", 0.0)),
        decay=0.0 if decoupled else decay,
        decoupled_decay=decay if decoupled else 0.0,
        correction=1 / (1 - beta2**step),
    )
