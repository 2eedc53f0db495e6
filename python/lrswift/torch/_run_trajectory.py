"""Reverse mode of a run in torch: snapshots, and the adjoints on the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from .._core import replay_distance
from ._run_batches import Source
from ._run_rules import State


@dataclass
class Back:
    """The way back, before `step`, to the step `first`: the adjoints of parameters and state there."""

    step: int
    first: int
    adjoint: Tensor
    state: State


class Trajectory:
    """Reverse mode: parameters and state at the best places for so many snapshots, to replay from there."""

    def __init__(self, run: Any, snapshots: int, horizon: int) -> None:
        self.run, self.snapshots, self.horizon = run, snapshots, horizon
        # by step, the first one first
        self.kept: dict[int, tuple[Tensor, State]] = {}
        self.next = self.end = 0

    def keep(self, t: int) -> None:
        """The run is before step t, for the first time."""
        if not self.kept:
            self.next, self.end = t, min(t + self.horizon, self.run.steps) + 1
        self._keep(t, self.run.theta, self.run.state)

    def begin(self, t: int, theta: Tensor, state: State, goes_on: bool) -> None:
        """The horizon began before step t; where the run stands now is worth a snapshot if it goes on."""
        self.kept, self.end = {t: (theta, state)}, min(t + self.horizon, self.run.steps) + 1
        self.next = self.run.step if goes_on and self.run.step < self.end - 1 else -1
        self._keep(self.run.step, self.run.theta, self.run.state)

    def _keep(self, t: int, theta: Tensor, state: State) -> None:
        if t == self.next and len(self.kept) < self.snapshots:
            self.kept[t] = theta, state
            self._aim(t)

    def _aim(self, t: int) -> None:
        """Where the snapshot after the one before step t will be."""
        left, points = self.snapshots - len(self.kept) + 1, self.end - t
        self.next = t + replay_distance(left, points) if left > 1 and points > 1 else -1

    def at(self, t: int, batches: Source) -> tuple[Tensor, State]:
        """What there was before step t, which is forgotten."""
        run = self.run
        last = max(self.kept)
        theta, state = self.kept[last]
        if last == t:
            del self.kept[t]
            return theta, state
        self.end = t + 1
        self._aim(last)
        for s in range(last, t):
            self._keep(s, theta, state)
            g, loss = run.gradient(theta, batches.at(s), run.scalars(s))
            run.taken_again(s, loss)
            theta, state = run.take(theta, state, run.clipped(g), s)
        run.check_again()
        return theta, state
