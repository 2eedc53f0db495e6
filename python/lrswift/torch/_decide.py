"""A step as the machine asks for it: numbers in, evaluations at trial points on demand, a decision out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .._core import Machine as CoreMachine
from ._active import Active
from ._probing import Evaluation
from ._sums import Plan, Sums

_TAKE, _STAY, _PROBE, _PROBE_GRADIENT, _CURVATURE = range(5)


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

    def decide(self, machine: CoreMachine, loss: float, numbers: dict[str, float]) -> float | None:
        """The rate that the machine takes; None where it stays."""
        kind, value = machine.begin({"loss": loss, "precision": self.active.precision, **numbers})
        while kind not in (_TAKE, _STAY):
            kind, value = machine.answer(self._evaluated(kind, value))
        return value if kind == _TAKE else None

    def end(self) -> None:
        """The parameters where they were, to the bit."""
        if self.backup is not None:
            torch._foreach_copy_(self.active.tensors, list(self.backup))

    def _evaluated(self, kind: int, length: float) -> dict[str, float]:
        self.end()
        tensors = self.active.tensors
        if kind == _CURVATURE:
            return {"curvature": self._read(self.evaluation.curvature(tensors, self.directions))}
        torch._foreach_add_(tensors, self.directions, alpha=-length)
        if kind == _PROBE:
            return {"loss": self._read(self.evaluation.loss())}
        loss, gradients = self.evaluation.gradients(tensors)
        sums = Sums(Plan(tensors, [0] * len(tensors)))
        sums.add("slope", gradients, self.directions)
        number, found = sums.read(loss, self.group)
        return {"loss": number, "slope": found[0]["slope"]}

    def _read(self, number: Tensor | float) -> float:
        return Sums(Plan([], [])).read(number, self.group)[0]
