"""What rates may know of past steps: inner products with vectors kept beside the parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .._core import Machine as CoreMachine
from ._active import Active
from ._direction import Directions
from ._fit import refit
from ._sums import Sums


class Memory:
    """Windows, previous gradients and starting points, for the machines that use them.

    As the native optimizer keeps them; a vector exists from the first step on that needs it.
    """

    names: tuple[str, ...] = (
        "start", "window_start", "window_gradient", "previous_gradient", "clipped_part"
    )  # fmt: skip

    def __init__(self, machine: CoreMachine, directions: Directions) -> None:
        self.uses = {
            key: bool(machine.get(f"uses_{key}"))
            for key in ("window", "previous", "previous_gradient", "start")
        }
        self.window = int(machine.get("window")) if self.uses["window"] else 0
        self.directions = directions
        # by name and by the place of the parameter
        self.vectors: dict[str, dict[int, Tensor]] = {name: {} for name in self.names}
        self._fitted: Active | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_fitted": None}

    def add_names(self, names: Sequence[str]) -> None:
        """Vectors that a whole method keeps."""
        self.names = (*self.names, *names)
        self.vectors |= {name: {} for name in names}

    def before(
        self, sums: Sums, active: Active, gradients: Sequence[Tensor], step: int, rates: dict[int, float]
    ) -> None:
        """Adds the products that a step needs before its direction is formed.

        gradients: of the loss, where clipping has changed the tensors' own.
        """
        if active is not self._fitted:
            for kept in self.vectors.values():
                refit(kept, active.places, active.tensors)
            self._fitted = active
        if self.uses["previous"]:
            self._compare(sums, active, gradients)
        if self.uses["start"]:
            self._travel(sums, active)
        if self.uses["window"]:
            self._close(sums, active, step, rates)

    def after(self, active: Active, gradients: Sequence[Tensor]) -> None:
        """Keeps what the next steps will compare with, once this one is sure to be taken."""
        if self.uses["previous_gradient"]:
            self._keep("previous_gradient", active.places, active.tensors, gradients)

    def _keep(
        self, name: str, places: Sequence[int], tensors: Sequence[Tensor], values: Sequence[Tensor]
    ) -> None:
        """Copies that lie in memory as the tensors do."""
        kept = self.vectors[name]
        old = [(kept[i], value) for i, value in zip(places, values, strict=True) if i in kept]
        if old:
            torch._foreach_copy_([a for a, _ in old], [b.detach() for _, b in old])
        for i, p, value in zip(places, tensors, values, strict=True):
            if i not in kept:
                kept[i] = torch.empty_like(p, requires_grad=False).copy_(value.detach())

    def _compare(self, sums: Sums, active: Active, gradients: Sequence[Tensor]) -> None:
        last = [self.directions.last.get(i) for i in active.places]
        if all(d is None for d in last):
            return
        tensors = active.tensors
        # a parameter that is new takes part with zeros, as it has not moved
        was = [torch.zeros_like(p) if d is None else d for p, d in zip(tensors, last, strict=True)]
        decays = [self.directions.decay(group) for group in active.groups]
        decayed = gradients
        if any(decays):
            every = zip(tensors, gradients, decays, strict=True)
            decayed = [torch.add(g, p.data, alpha=d) for p, g, d in every]
        sums.add("previous_dot", decayed, was)
        if decayed is not gradients:  # else it is gradient_norm2
            sums.add("previous_gradient_norm2", decayed, decayed)
        sums.add("previous_direction_norm2", was, was)
        if self.uses["previous_gradient"]:
            kept = self.vectors["previous_gradient"]
            every_two = zip(active.places, gradients, strict=True)
            change = [g - kept.get(i, g) for i, g in every_two]
            sums.add("change_dot", change, was)
            sums.add("change_norm2", change, change)

    def _travel(self, sums: Sums, active: Active) -> None:
        starts = self.vectors["start"]
        for i, p in zip(active.places, active.tensors, strict=True):
            if i not in starts:
                starts[i] = p.detach().clone()
        start = [starts[i] for i in active.places]
        way = torch._foreach_sub(start, active.values)
        sums.add("travelled2", way, way)
        sums.add("start_dot", active.gradients, way)
        sums.add("start2", start, start)

    def _close(self, sums: Sums, active: Active, step: int, rates: dict[int, float]) -> None:
        """A window of gradients is the displacement over it, divided by the rate it was made with."""
        starts, before = self.vectors["window_start"], self.vectors["window_gradient"]
        if self.window > 1 and step % self.window != 0:
            return
        if self.window == 1:
            now = dict(zip(active.places, active.gradients, strict=True))
        else:
            every = zip(active.places, active.values, strict=True)
            now = {i: (starts[i] - p) / rates[i] for i, p in every if i in starts and rates.get(i, 0.0) != 0}
            self._keep("window_start", active.places, active.tensors, active.values)
        if not now:
            return
        held = list(zip(active.places, active.tensors, strict=True))
        full = [now[i] if i in now else torch.zeros_like(p) for i, p in held]
        old = [before[i] if i in before else torch.zeros_like(p) for i, p in held]
        sums.add("window_dot", old, full)
        sums.add("window_norm2", full, full)
        moved = [p for i, p in held if i in now]
        self._keep("window_gradient", list(now), moved, list(now.values()))
