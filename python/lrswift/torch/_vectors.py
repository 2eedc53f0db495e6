"""What rates may know of past steps: inner products with vectors kept beside the parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .. import _core
from ._direction import Directions
from ._sums import Sums


class Memory:
    """Windows, previous gradients and starting points, for the machines that use them.

    As the native optimizer keeps them; a vector exists from the first step on that needs it.
    """

    names = ("start", "window_start", "window_gradient", "previous_gradient")

    def __init__(self, machine: _core.Machine, directions: Directions) -> None:
        self.uses = {
            key: bool(machine.get(f"uses_{key}"))
            for key in ("window", "previous", "previous_gradient", "start")
        }
        self.window = int(machine.get("window")) if self.uses["window"] else 0
        self.directions = directions
        self.vectors: dict[str, dict[Tensor, Tensor]] = {name: {} for name in self.names}

    def before(
        self,
        sums: Sums,
        active: Sequence[Tensor],
        groups: Sequence[dict[str, Any]],
        packed: list[Tensor],
        step: int,
        rates: dict[Tensor, float],
    ) -> None:
        """Adds the products that a step needs before its direction is formed. packed: the gradients."""
        if self.uses["previous"]:
            self._compare(sums, active, groups, packed)
        if self.uses["start"]:
            self._travel(sums, active, packed)
        if self.uses["window"]:
            self._close(sums, active, step, rates)

    def after(self, active: Sequence[Tensor], step: int) -> None:
        """Keeps what the next steps will compare with, once this one is sure to be taken."""
        if self.uses["previous_gradient"]:
            self._keep("previous_gradient", active, [p.grad for p in active])  # type: ignore[misc]

    def _keep(self, name: str, active: Sequence[Tensor], values: Sequence[Tensor]) -> None:
        kept = self.vectors[name]
        for p, value in zip(active, values, strict=True):
            if p in kept:
                kept[p].copy_(value)
            else:
                kept[p] = value.detach().clone()

    def _compare(
        self,
        sums: Sums,
        active: Sequence[Tensor],
        groups: Sequence[dict[str, Any]],
        packed: list[Tensor],
    ) -> None:
        updates = [self.directions.last(p) for p in active]
        if all(u is None for u in updates):
            return
        # a parameter that is new takes part with zeros, as it has not moved
        before = [torch.zeros_like(p) if u is None else u for p, u in zip(active, updates, strict=True)]
        was = sums.plan.pack(before)
        decays = [self.directions.decay(group) for group in groups]
        decayed = packed
        if any(decays):
            values = [
                torch.add(p.grad, p.data, alpha=d)  # type: ignore[arg-type]
                for p, d in zip(active, decays, strict=True)
            ]
            decayed = sums.plan.pack(values)
        sums.add("previous_dot", decayed, was, -1.0)
        sums.add("previous_gradient_norm2", decayed, decayed)
        sums.add("previous_direction_norm2", was, was)
        if self.uses["previous_gradient"]:
            kept = self.vectors["previous_gradient"]
            now: list[Tensor] = [p.grad for p in active]  # type: ignore[misc]
            change = sums.plan.pack([g - kept.get(p, g) for p, g in zip(active, now, strict=True)])
            sums.add("change_dot", change, was, -1.0)
            sums.add("change_norm2", change, change)

    def _travel(self, sums: Sums, active: Sequence[Tensor], packed: list[Tensor]) -> None:
        starts = self.vectors["start"]
        for p in active:
            if p not in starts:
                starts[p] = p.detach().clone()
        start = sums.plan.pack([starts[p] for p in active])
        way = sums.plan.pack([starts[p] - p.data for p in active])
        sums.add("travelled2", way, way)
        sums.add("start_dot", packed, way)
        sums.add("start2", start, start)

    def _close(self, sums: Sums, active: Sequence[Tensor], step: int, rates: dict[Tensor, float]) -> None:
        """A window of gradients is the displacement over it, divided by the rate it was made with."""
        starts, before = self.vectors["window_start"], self.vectors["window_gradient"]
        if self.window > 1 and step % self.window != 0:
            return
        if self.window == 1:
            ended, now = list(active), [p.grad for p in active]
        else:
            ended = [p for p in active if p in starts and rates.get(p, 0.0) != 0]
            now = [(starts[p] - p.data) * (1 / rates[p]) for p in ended]
            self._keep("window_start", active, [p.data for p in active])
        if not ended:
            return
        at = {p: i for i, p in enumerate(ended)}
        zero = [torch.zeros_like(p) for p in active] if len(ended) < len(active) else []
        full = [now[at[p]] if p in at else zero[i] for i, p in enumerate(active)]
        old = [before[p] if p in before else torch.zeros_like(p) for p in active]
        packed = sums.plan.pack(full)  # type: ignore[arg-type]
        sums.add("window_dot", sums.plan.pack(old), packed)
        sums.add("window_norm2", packed, packed)
        self._keep("window_gradient", ended, now)  # type: ignore[arg-type]
