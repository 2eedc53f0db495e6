"""The parameters that take part in a step."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..errors import ArgumentError, DTypeError
from ..rates.codes import Scope
from ._fit import Kind, fits, kind_of, misfit
from ._native import Local, in_order
from ._sums import Plan, Sums


class Active:
    """Parameters with a gradient. `at` is called at every step; the rest stays while they are the same.

    kinds: shape, strides, dtype and device of each. groups, group_numbers, machines, places: of each tensor,
    its group, the index of that, the index of the machine that sets its rate, and its place among all
    parameters. local: where the native library may read and write them, None otherwise.
    """

    def __init__(
        self,
        tensors: list[Tensor],
        kinds: list[Kind],
        groups: list[dict[str, Any]],
        group_numbers: list[int],
        places: list[int],
        scope: Scope,
        shards: int = 1,
    ) -> None:
        self.tensors, self.kinds, self.places = tensors, kinds, places
        self.groups, self.group_numbers = groups, group_numbers
        self.machines = {
            Scope.ALL: [0] * len(places),
            Scope.GROUP: group_numbers,
            Scope.TENSOR: places,
        }[scope]
        self.group_set = sorted(set(group_numbers))
        self.plan = Plan(tensors, self.machines, shards)
        self.precision = max(torch.finfo(p.dtype).eps for p in tensors)
        self.on_cpu = tensors[0].device.type == "cpu"
        self._local = Local(tensors) if Local.takes(tensors) else None
        self.local: Local | None = None
        self.gradients: list[Tensor] = []
        # of each tensor, what its direction is multiplied by; None: 1 for all
        self.ratios: list[float] | None = None

    def relate(self, multipliers: Sequence[float], scope: Scope) -> float:
        """Puts into the direction what multipliers of groups differ by under one rate for all.

        The rate then sees the slope of the step that is taken. Returns the factor of the rate.
        """
        own = [multipliers[number] for number in self.group_numbers]
        common = max(own, key=abs)
        alike = scope != Scope.ALL or common == 0 or all(factor == common for factor in own)
        self.ratios = None if alike else [factor / common for factor in own]
        return common

    def at(self, gradients: list[Tensor], native: bool) -> Active:
        """The step with these gradients; native: the library may take them where it can."""
        self.gradients = gradients
        self.local = self._local if native else None
        # dtypes and devices are those of `kinds`
        if self.local is not None and not all(map(in_order, (*self.tensors, *gradients))):
            self.local = None
        return self

    @property
    def values(self) -> list[Tensor]:
        """The tensors without their history."""
        return [p.data for p in self.tensors]

    def sums(self) -> Sums:
        return Sums(self.plan, self.local)


class ActiveFinder:
    """Finds out who is active."""

    def __init__(self, base: torch.optim.Optimizer, scope: Scope) -> None:
        self.base, self.scope = base, scope
        # False: by torch alone, whatever the tensors are
        self.native = True
        # of each parameter, over how many processes it lies
        self.shards = 1
        self._last: Active | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_last": None}

    def find(self) -> Active | None:
        """The parameters that take part; None where no one has a gradient.

        ArgumentError, DTypeError or ShapeError for a gradient that is not dense and real, or does not fit its
        parameter.
        """
        tensors, gradients, kinds, numbers, places = [], [], [], [], []
        place = 0
        for number, group in enumerate(self.base.param_groups):
            for p in group["params"]:
                g = p.grad
                if g is not None:
                    kind = kind_of(p)
                    if not fits(g, kind) or kind[2].is_complex or not fits(p, kind):
                        raise self._refused(p, g, kind, place)
                    tensors.append(p)
                    gradients.append(g)
                    kinds.append(kind)
                    numbers.append(number)
                    places.append(place)
                place += 1
        if not tensors:
            return None
        last = self._last
        if (
            last is None
            or places != last.places
            or numbers != last.group_numbers
            or kinds != last.kinds
            or not all(map(operator.is_, tensors, last.tensors))
        ):
            check_parameters(tensors)
            groups = [self.base.param_groups[number] for number in numbers]
            last = self._last = Active(tensors, kinds, groups, numbers, places, self.scope, self.shards)
        return last.at(gradients, self.native)

    def _refused(self, p: Tensor, g: Tensor, kind: Kind, place: int) -> Exception:
        name = names(self.base)[place]
        if g.layout is not torch.strided or g.dtype.is_complex:
            given = "complex" if g.dtype.is_complex else "sparse"
            return DTypeError(f"step: the gradient of {name} is {given}; allowed: dense, real gradients")
        if not fits(p, kind):
            return misfit(p, kind, f"step: {name}", "a dense tensor")
        remedy = "the same: zero_grad() and backward() once more"
        return misfit(g, kind, f"step: the gradient of {name}", remedy)

    def forget(self) -> None:
        self._last = None


def parameters(base: torch.optim.Optimizer) -> list[Tensor]:
    return [p for group in base.param_groups for p in group["params"]]


def names(base: torch.optim.Optimizer) -> list[str]:
    """Of the parameters, in order: as given to the base, else "param.<i>"."""
    found: list[str] = []
    for group in base.param_groups:
        given = group.get("param_names")
        start = len(found)
        found += given or [f"param.{start + i}" for i in range(len(group["params"]))]
    return found


def check_parameters(held: Sequence[Any]) -> None:
    """held: tensors, or as torch takes them from `named_parameters`, (name, tensor)."""
    tensors = [p[1] if isinstance(p, tuple) else p for p in held]
    devices = {str(p.device) for p in tensors}
    if len(devices) > 1:
        raise ArgumentError(f"base: parameters on {', '.join(sorted(devices))}; allowed: one device")
    for p in tensors:
        if p.is_complex():
            raise DTypeError(f"base: got a parameter of {p.dtype}, complex; allowed: real parameters")
