"""Stochastic line search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from .base import Adapter, check_epoch


@dataclass(frozen=True)
class SLS(Adapter):
    """Shrinks a length by beta until L(w - a d) <= L - c a <g, d> on the same batch (Armijo).

    reset: a search starts from the length before times gamma^(1/N) ("grow", N steps per epoch), from the
    length before ("keep"), or from `initial`. After max_trials failures the step is 1e-6.
    condition: "armijo", or "goldstein", which also doubles a length, up to 10, where the loss falls by more
    than (1 - c) a <g, d>.
    initial: 1. c: 0.1. beta: 0.9. gamma: 2. max_trials: 100. steps_per_epoch: None means what `fit` knows,
    else 500. One more evaluation of the loss per trial: use `minimize` or `fit`.
    Source: Vaswani et al., "Painless stochastic gradient" (arXiv 1905.09997).
    """

    rate: ClassVar[str] = "sls"
    texts: ClassVar[dict[str, tuple[str, ...]]] = {
        "reset": ("grow", "keep", "initial"),
        "condition": ("armijo", "goldstein"),
    }
    initial: float = 1.0
    c: float = 0.1
    beta: float = 0.9
    gamma: float = 2.0
    reset: Literal["grow", "keep", "initial"] = "grow"
    max_trials: int = 100
    steps_per_epoch: int | None = None
    condition: Literal["armijo", "goldstein"] = "armijo"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_epoch(self, self.steps_per_epoch)

    def attributes(self) -> dict[str, Any]:
        values = super().attributes()
        values["reset"] = self.texts["reset"].index(values["reset"])
        values["goldstein"] = values.pop("condition") == "goldstein"
        return values
