"""A step as the machine asks for it: numbers in, evaluations at trial points on demand, a decision out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .. import _core
from ._probing import Evaluation
from ._sums import Plan, Sums

_TAKE, _STAY, _PROBE, _PROBE_GRADIENT, _CURVATURE = range(5)


class Conversation:
    """active, updates: the parameters and -d. backup: their values, for machines that probe.

    group: the processes over which losses are averaged.
    """

    def __init__(
        self,
        active: Sequence[Tensor],
        updates: Sequence[Tensor],
        backup: Sequence[Tensor] | None,
        evaluation: Evaluation,
        group: Any,
    ) -> None:
        self.active, self.updates, self.backup = list(active), list(updates), backup
        self.evaluation, self.group = evaluation, group
        self.precision = max(torch.finfo(p.dtype).eps for p in active)

    def decide(self, machine: _core.Machine, loss: float, numbers: dict[str, float]) -> float | None:
        """The rate that the machine takes; None where it stays."""
        kind, value = machine.begin({"loss": loss, "precision": self.precision, **numbers})
        while kind not in (_TAKE, _STAY):
            kind, value = machine.answer(self._evaluated(kind, value))
        return value if kind == _TAKE else None

    def end(self) -> None:
        """The parameters where they were, to the bit."""
        if self.backup is not None:
            torch._foreach_copy_(self.active, list(self.backup))

    def _evaluated(self, kind: int, length: float) -> dict[str, float]:
        self.end()
        if kind == _CURVATURE:
            return {"curvature": self._read(self.evaluation.curvature(self.active, self.updates))}
        torch._foreach_add_(self.active, self.updates, alpha=length)
        if kind == _PROBE:
            return {"loss": self._read(self.evaluation.loss())}
        loss, gradients = self.evaluation.gradients(self.active)
        plan = Plan(self.active, [0] * len(self.active))
        sums = Sums(plan)
        sums.add("slope", plan.pack(gradients), plan.pack(self.updates), -1.0)
        number, found = sums.read(loss, self.group)
        return {"loss": number, "slope": found[0]["slope"]}

    def _read(self, number: Tensor | float) -> float:
        return Sums(Plan([], [])).read(number, self.group)[0]
