"""What has become of gradients between backward() and step(): clipped, scaled, or left alone.

A rate that compares losses needs the slope of the loss that was measured (docs/clipping.md). torch clips
gradients in place, so those of the loss are seen where backward() leaves them.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from ..errors import warn
from ._active import Active
from ._direction import Directions
from ._sums import Plan, Sums
from ._vectors import Memory

# steps whose gradients are compared by value: the first ones, and every so many
_FIRST, _EVERY = 3, 64
# how parallel gradients are that were only scaled
_PARALLEL = 1e-4


class Watch:
    """Sees gradients as backward() leaves them.

    By value at the first steps and every 64th; in between by torch's count of changes in place. Where they
    are found changed, a copy of every gradient is kept from then on.
    """

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self.changes = False
        self.steps = 0
        # the last scale and length of gradients that had changed
        self._last = math.nan, math.nan
        # by id of the parameter
        self._seen: dict[int, tuple[int, int]] = {}
        self._copies: dict[int, Tensor] = {}
        self._hooks: dict[int, Any] = {}
        self.add(parameters)

    def add(self, parameters: Sequence[Any]) -> None:
        """Looks at these, too; as torch takes them, with names or without."""
        own = weakref.ref(self)

        def look(p: Tensor) -> None:
            watch = own()
            if watch is not None and p.grad is not None:
                watch._look(p, p.grad)

        for given in parameters:
            p = given[1] if isinstance(given, tuple) else given
            if id(p) not in self._hooks and p.requires_grad and p.is_leaf:
                self._hooks[id(p)] = p.register_post_accumulate_grad_hook(look)

    def __getstate__(self) -> dict[str, Any]:
        """Without gradients and hooks, which belong to the parameters here: a copy looks at its own."""
        return {"changes": self.changes, "steps": self.steps, "_last": self._last}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _seen={}, _copies={}, _hooks={})

    def __del__(self) -> None:
        for hook in self._hooks.values():
            hook.remove()

    @property
    def _keeps(self) -> bool:
        return self.changes or self.steps < _FIRST or self.steps % _EVERY == 0

    @torch.no_grad()
    def _look(self, p: Tensor, gradient: Tensor) -> None:
        self._seen[id(p)] = gradient.data_ptr(), gradient._version
        if not self._keeps or gradient.layout is not torch.strided:
            return
        kept = self._copies.get(id(p))
        if kept is None or kept.shape != gradient.shape or kept.dtype != gradient.dtype:
            self._copies[id(p)] = gradient.clone(memory_format=torch.contiguous_format)
        else:
            kept.copy_(gradient)

    def unscaled(self, frame: FrameType) -> None:
        """Takes note of a GradScaler that divides the gradients: `frame` is the code that asked for them.

        The scaler tells nobody, and what is clipped after it cannot be told from what it has divided by.
        """
        if frame.f_code.co_name == "_unscale_grads_" and "inv_scale" in frame.f_locals:
            factor = float(frame.f_locals["inv_scale"])
            for copy in self._copies.values():
                copy.mul_(factor)

    def clipping(self, active: Active, directions: Directions, memory: Memory, group: Any) -> Clipping | None:
        """What a rate must see beside its step, where gradients are not as backward() has left them.

        Returns:
            None where they are, and where they are only scaled, or averaged over processes.

        Raises:
            LookupError: they have changed for the first time in a long run, and there is no copy of them.
        """
        originals = self._changed(active, group)
        if originals is None and not memory.vectors["clipped_part"]:
            return None
        return Clipping(originals or active.gradients, active, directions, memory)

    def _changed(self, active: Active, group: Any) -> list[Tensor] | None:
        try:
            originals = None if group is not None else self._originals(active)
        finally:
            self.steps += 1
            self._seen.clear()
        scaled = originals is not None and self._is_scaling(originals, active.gradients)
        return None if scaled else originals

    def _originals(self, active: Active) -> list[Tensor] | None:
        pairs = list(zip(active.tensors, active.gradients, strict=True))
        touched = any(self._seen.get(id(p), now) != now for p, g in pairs for now in [_now(g)])
        if not self._keeps:
            if touched:
                self.changes = True
                warn(
                    f"step: gradients were changed after backward() for the first time after {self.steps} "
                    "steps, by clipping perhaps; this step is not taken, later ones know both"
                )
                raise LookupError
            self._copies.clear()
            return None
        originals = [self._copies.get(id(p), g).view_as(g) for p, g in pairs]
        same = all(torch.equal(o, g) for o, (_, g) in zip(originals, pairs, strict=True))
        self.changes = self.changes or touched or not same
        return None if same else originals

    def _is_scaling(self, originals: list[Tensor], used: list[Tensor]) -> bool:
        """Whether gradients were only multiplied by a constant: divided by a number of parts, say.

        Also where what backward() has left was not finite, so that there is no slope in it, or where what is
        used is not, so that there is no step.
        """
        sums = Sums(Plan(originals, [0] * len(originals)))
        sums.add("whole2", originals, originals)
        sums.add("used2", used, used)
        sums.add("common", originals, used)
        numbers = sums.read(None, None)[1][0]
        whole2, used2, common = numbers["whole2"], numbers["used2"], numbers["common"]
        if not math.isfinite(whole2) or not math.isfinite(used2):
            return True
        if not (whole2 > 0 and used2 > 0 and common > 0):
            self._last = 1.0, math.nan
            return False
        (scale, length), (before, last) = (math.sqrt(whole2 / used2), math.sqrt(used2)), self._last
        self._last = scale, length
        parallel = common >= (1 - _PARALLEL) * math.sqrt(whole2 * used2)
        # clipping keeps the length and lets the scale follow the gradient
        constant = abs(scale - before) * last < 0.01 * abs(length - last) * before
        return parallel and (scale < 1 or constant)


def _now(gradient: Tensor) -> tuple[int, int]:
    return gradient.data_ptr(), gradient._version


class Clipping:
    """The slope of the loss beside a direction made of clipped gradients.

    linear: whether the direction is as long as its gradients.
    """

    def __init__(
        self, originals: list[Tensor], active: Active, directions: Directions, memory: Memory
    ) -> None:
        self.originals, self.active, self.directions = originals, active, directions
        self.linear = directions.is_linear
        # what clipping has taken off the direction's average of the gradient
        self._parts = memory.vectors["clipped_part"]
        self._next: list[Tensor] = []

    def add(self, sums: Sums, formed: Sequence[Tensor]) -> None:
        """Adds what `show` needs; formed: the direction of each tensor."""
        whole, used = self.originals, self.active.gradients
        sums.add("whole_slope", whole, formed)
        averages = self.directions.averaging(self.active)
        if averages is None:
            sums.add("whole_smoothed", whole, formed)
        else:
            used = [average for average, *_ in averages]
            self._next = [self._advanced(i, kept, added) for i, (_, kept, added, _) in enumerate(averages)]
            whole = list(torch._foreach_add(used, self._next))
            factors = [factor for *_, factor in averages]
            free = whole if len(set(factors)) == 1 else torch._foreach_mul(whole, factors)
            sums.add("whole_smoothed", free, formed, factors[0] if free is whole else 1.0)
        sums.add("whole2", whole, whole)
        sums.add("used2", used, used)
        sums.add("common", whole, used)

    def _advanced(self, i: int, kept: float, added: float) -> Tensor:
        off = (self.originals[i] - self.active.gradients[i]).mul_(added)
        part = self._parts.get(self.active.places[i])
        return off if part is None else off.add_(part, alpha=kept)

    def show(self, numbers: dict[str, float]) -> None:
        """Puts what a machine is to see in place of what it would have seen."""
        numbers["slope"] = numbers.pop("whole_slope")
        numbers["smoothed_slope"] = numbers.pop("whole_smoothed")
        whole2, used2, common = (numbers.pop(name) for name in ("whole2", "used2", "common"))
        lengths = math.sqrt(whole2 * used2)
        if common > 0 and math.isfinite(lengths / common):
            numbers["turn"] = max(1.0, lengths / common)
        if self.linear and used2 > 0 and math.isfinite(whole2 / used2):
            numbers["stretch"] = max(1.0, math.sqrt(whole2 / used2))

    def keep(self) -> None:
        """The step has been taken."""
        self._parts.update(zip(self.active.places, self._next, strict=False))
