"""Rate and momentum from the range of curvatures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Adapter


@dataclass(frozen=True)
class YellowFin(Adapter):
    """Heavy ball whose rate and momentum follow the curvatures seen in the gradients' norms.

    Goes with SGD, whose momentum must be 0: the method sets it; another raises TypeError. initial: rate of
    the first step, 1e-4. beta: memory of the averages, 0.999. window: gradients in the range of
    curvatures, 20. slow_start: steps over which the rate grows to its own, 200. protect: limit gradients
    and moves as the authors' code does, False; `clip_norm` is the plain alternative.
    Source: Zhang and Mitliagkas, "YellowFin and the art of momentum tuning" (arXiv 1706.03471).
    """

    rate: ClassVar[str] = "yellowfin"
    initial: float = 1e-4
    beta: float = 0.999
    window: int = 20
    slow_start: int = 200
    protect: bool = False
