"""A step as the machine asks for it: numbers in, evaluations at trial points on demand, a decision out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .._core import Machine as CoreMachine
from ..optim.drive import drive
from ..rates.codes import Decision
from ._active import Active
from ._probing import Evaluation
from ._sums import Plan, Sums
from ._traces import put_all

_DECIDED = (Decision.TAKE, Decision.STAY, Decision.PUT_BACK)


class Conversation:
    """directions: d of each tensor. backup: the tensors' values, for machines that probe.

    group: the processes over which losses are averaged.
    """

    def __init__(
        self,
        active: Active,
        directions: Sequence[Tensor],
        backup: Sequence[Tensor] | None,
        evaluation: Evaluation,
        group: Any,
    ) -> None:
        self.active, self.directions, self.backup = active, list(directions), backup
        self.evaluation, self.group = evaluation, group
        # of the last machine that evaluated the loss, by the record's names
        self.probed: dict[str, float] = {}
        # whether a search has ended, and nothing is to stay of it
        self.puts_back = False

    def decide(self, machine: CoreMachine, loss: float, numbers: dict[str, float]) -> float | None:
        """The rate that the machine takes; None where it stays, or puts back what a search has moved."""
        self.probed = {}
        asked = machine.begin({"loss": loss, "precision": self.active.precision, **numbers})
        # not an attribute: that would be a circle, and keep the model until Python looks for circles
        evaluate = {
            Decision.PROBE: self._loss,
            Decision.PROBE_GRADIENT: self._slope,
            Decision.MEASURE_CURVATURE: self._curvature,
        }
        kind, value = drive(asked, evaluate, machine.answer, _DECIDED, machine.abort)
        self.puts_back = self.puts_back or kind == Decision.PUT_BACK
        return value if kind == Decision.TAKE else None

    def end(self) -> None:
        """The parameters where they were, to the bit."""
        if self.backup is not None:
            put_all(self.active.tensors, self.backup)

    def _displace(self, length: float) -> None:
        self.end()
        torch._foreach_add_(self.active.tensors, self.directions, alpha=-length)

    def _loss(self, asked: tuple[int, float]) -> dict[str, float]:
        self._displace(asked[1])
        return self._seen(asked[1], {"loss": self._read(self.evaluation.loss())})

    def _seen(self, length: float, found: dict[str, float]) -> dict[str, float]:
        count = self.probed.get("probes", 0.0) + 1
        self.probed = {"probes": count, "probe_length": length, "probe_loss": found["loss"]}
        return found

    def _curvature(self, asked: tuple[int, float]) -> dict[str, float]:
        self.end()
        found = {"curvature": self._read(self.evaluation.curvature(self.active.tensors, self.directions))}
        self.probed = dict(found)
        return found

    def _slope(self, asked: tuple[int, float]) -> dict[str, float]:
        self._displace(asked[1])
        tensors = self.active.tensors
        loss, gradients = self.evaluation.gradients(tensors)
        sums = Sums(Plan(tensors, [0] * len(tensors)))
        sums.add("slope", gradients, self.directions)
        number, found = sums.read(loss, self.group)
        return self._seen(asked[1], {"loss": number, "slope": found[0]["slope"]})

    def _read(self, number: Tensor | float) -> float:
        return Sums(Plan([], [])).read(number, self.group)[0]
