"""The guard of an adapted optimizer: copies of what steps change. What they are for is judged by the core."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from .._core import Machine as CoreMachine
from ..errors import Diverged
from ..rates.codes import Guard, Judgement
from ._active import parameters
from ._direction import Kept
from ._traces import put_all


@dataclass(frozen=True)
class _Copy:
    """Taken before a step, when its loss was good."""

    step: int
    parameters: list[Tensor]
    buffers: list[Tensor]
    kept: list[Kept]
    last: dict[int, Tensor]
    vectors: dict[str, dict[int, Tensor]]
    rates: dict[int, float]
    machines: list[dict[str, float]]


class StepGuard:
    """Beside an `Adapted`, whose first machine has the numbers of the guard.

    mode, explode, every: as the core was told. buffers: what the model updates beside its parameters.
    """

    def __init__(self, mode: Guard, explode: float, every: int, buffers: Iterable[Tensor]) -> None:
        self.mode, self.explode, self.every = mode, explode, every
        self.buffers = list(buffers)
        self._copy: _Copy | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_copy": None}

    def tell(self, machine: CoreMachine) -> None:
        """A machine without numbers yet."""
        machine.guard(self.mode, self.explode, float(self.every))

    def forget(self) -> None:
        """What could be undone is no longer what there is."""
        self._copy = None

    def judge(self, adapted: Any, loss: float, finite: bool) -> Judgement:
        """What is made of the step of this loss, and done: kept what would undo it, or gone back to that.

        Raises:
            Diverged: one that only detects has something to tell, or too many steps were undone in a row.
        """
        machine = adapted._machines[0]
        numbers = {
            "loss": loss, "finite": finite, "step": adapted.step_count, "skipped": adapted._skipped_in_row,
        }  # fmt: skip
        if self._copy is not None:
            numbers["copied"] = self._copy.step
        asked = Judgement(machine.judge(numbers))
        if asked == Judgement.KEEP:
            # the old one first, so that its memory serves the new one
            self._copy = None
            self._copy = self._taken(adapted)
        elif asked == Judgement.UNDO:
            self._undo(adapted, machine, loss, finite)
        elif asked == Judgement.SKIP and self._copy is not None and self.buffers:
            put_all(self.buffers, self._copy.buffers)
        return asked

    def _taken(self, adapted: Any) -> _Copy:
        held = parameters(adapted._inner)
        return _Copy(
            adapted.step_count,
            _clones(held),
            _clones(self.buffers),
            adapted._directions.keep_of(range(len(held)), held),
            {place: d.clone() for place, d in adapted._directions.last.items()},
            _cloned(adapted._memory.vectors),
            dict(adapted._rates),
            [_without_guard(machine.state()) for machine in adapted._machines],
        )

    def _undo(self, adapted: Any, machine: CoreMachine, loss: float, finite: bool) -> None:
        reason = "the loss or its gradient was not finite twice in a row"
        if finite:
            limit = machine.get("guard_limit")
            reason = f"the loss, {loss:.6g}, has exploded: the guard's limit is {limit:.6g}"
        if self.mode == Guard.DETECT:
            told = f"step: {reason}. Nothing was changed; lower the rate, or use guard(rollback=True)"
            raise _diverged(told, adapted.step_count)
        self._put_back(adapted)
        machine.set("undone", 1.0)
        if not finite:
            adapted.skipped_steps += 1
        undone = int(machine.get("guard_in_a_row"))
        if undone >= adapted.max_skipped:
            told = (
                f"step: {reason}, and {undone} steps in a row were undone; the parameters are those of the "
                "last good step. Check the data, or lower the rate"
            )
            raise _diverged(told, adapted.step_count)

    def _put_back(self, adapted: Any) -> None:
        kept = self._copy
        assert kept is not None
        put_all(parameters(adapted._inner), kept.parameters)
        if self.buffers:
            put_all(self.buffers, kept.buffers)
        directions = adapted._directions
        # the copy may be asked for again
        directions.put_back([
            (place, p, None if state is None else _entries(state), steps)
            for place, p, state, steps in kept.kept
        ])  # fmt: skip
        directions.last = {place: d.clone() for place, d in kept.last.items()}
        adapted._memory.vectors = _cloned(kept.vectors)
        adapted._rates = dict(kept.rates)
        for machine, state in zip(adapted._machines, kept.machines, strict=True):
            machine.load(state)
        adapted.step_count, adapted._skipped_in_row = kept.step, 0


def _without_guard(state: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in state.items() if not name.startswith("guard.")}


def _diverged(told: str, step: int) -> Diverged:
    error = Diverged(told)
    error.step = step
    return error


def _clones(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [t.detach().clone() for t in tensors]


def _cloned(vectors: dict[str, dict[int, Tensor]]) -> dict[str, dict[int, Tensor]]:
    return {name: {place: v.clone() for place, v in placed.items()} for name, placed in vectors.items()}


def _entries(state: dict[str, Any]) -> dict[str, Any]:
    return {key: v.clone() if isinstance(v, Tensor) else v for key, v in state.items()}
