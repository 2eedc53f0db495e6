"""Rates from the distance travelled."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from .base import Adapter


@dataclass(frozen=True)
class DoG(Adapter):
    """Distance over gradients: rate = r / sqrt(sum |g|^2 + 1e-8), r the largest distance from the start.

    initial: first r, as a fraction of 1 + |w_0|: 1e-6, or 1e-4 with batch-norm. One more vector.
    Source: Ivgi, Hinder and Carmon, "DoG is SGD's best friend" (arXiv 2302.12022).
    """

    rate: ClassVar[str] = "dog"
    initial: float = 1e-6


@dataclass(frozen=True)
class DoWG(Adapter):
    """Distance over weighted gradients: rate = r^2 / (sqrt(sum r^2 |g|^2) + 1e-4).

    initial: first r, 1e-4. One more vector.
    Source: Khaled, Mishchenko and Jin, "DoWG unleashed" (arXiv 2305.16284).
    """

    rate: ClassVar[str] = "dowg"
    initial: float = 1e-4

    @property
    def core_name(self) -> str:
        return "dog"

    def attributes(self) -> dict[str, Any]:
        return super().attributes() | {"weighted": True}


@dataclass(frozen=True)
class DAdaptation(Adapter):
    """rate = d lr, with d a growing lower bound of the distance to the solution, from sums of <g, s>.

    Goes with SGD (dual averaging: w <- momentum w + (1 - momentum)(w_0 - s), s the sum of d lr g / |g_0|),
    Adam and AdamW (a recursion of its own, without bias correction); another raises TypeError. eps > 0.
    d0: first d, 1e-6. lr: factor for a schedule, 1. growth: of d in a step at most, inf.
    Source: Defazio and Mishchenko, "Learning-rate-free learning by D-adaptation" (arXiv 2301.07733).
    """

    rate: ClassVar[str] = "d_adaptation"
    d0: float = 1e-6
    lr: float = 1.0
    growth: float = math.inf


@dataclass(frozen=True)
class Prodigy(Adapter):
    """D-Adaptation over Adam that finds the distance d sooner, by weighing gradients with d itself.

    Goes with Adam and AdamW, without bias correction; another raises TypeError. eps > 0. rate = d lr.
    d0: first d, 1e-6. d_coef: factor of its estimate, 1. lr: factor for a schedule, 1. growth: of d in a
    step at most, inf. safeguard_warmup: keep a warm-up's rates out of the estimate's denominator, False.
    Source: Mishchenko and Defazio, "Prodigy: an expeditiously adaptive parameter-free learner"
    (arXiv 2306.06101).
    """

    rate: ClassVar[str] = "prodigy"
    d0: float = 1e-6
    d_coef: float = 1.0
    lr: float = 1.0
    growth: float = math.inf
    safeguard_warmup: bool = False
