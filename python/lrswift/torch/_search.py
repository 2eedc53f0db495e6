"""A search for the rate in the first steps of a run, and the way back from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from .._core import Machine as CoreMachine
from ._active import Active
from ._direction import Directions
from ._traces import put_all


class SearchStart:
    """What the steps of a search change: parameters, and the state of the base."""

    def __init__(self, directions: Directions) -> None:
        self._directions = directions
        # by place: the parameter, and its value before the first step
        self._tensors: dict[int, Tensor] = {}
        self.values: dict[int, Tensor] = {}
        # by place: what the base remembered, where it has stepped before
        self._state: dict[int, Any] = {}

    def keep(self, active: Active, machine: CoreMachine) -> None:
        """Takes note of both before the first step of a search; does nothing at others."""
        if not machine.get("searching"):
            return
        places = list(active.places)
        self._tensors.update(zip(places, active.tensors, strict=True))
        if all(place in self.values for place in places):
            return
        for held, p in zip(self._directions.keep(active), active.tensors, strict=True):
            if held[0] not in self.values:
                self.values[held[0]] = p.detach().clone()
                self._state[held[0]] = held

    def restore(self, values: dict[int, Tensor], held: Sequence[Tensor]) -> None:
        """In the middle of a search that was saved, over a base that was new when it began."""
        self.values = values
        self._tensors = {place: held[place] for place in values}
        self._state = {place: (place, held[place], None, 0) for place in values}

    def put_back(self) -> None:
        """Parameters and state as they were, to the bit."""
        put_all([self._tensors[place] for place in self.values], list(self.values.values()))
        self._directions.put_back(list(self._state.values()))
        self._tensors, self.values, self._state = {}, {}, {}
