"""Steps to the minimum of a parabola along the direction."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from .base import Adapter


@dataclass(frozen=True)
class QLABGrad(Adapter):
    """The minimum of a parabola through the loss, its slope, and the loss after a trial step.

    rate = <g, d> trial^2 / (2 (L(trial) - L + trial <g, d>)); where that is not positive, the trial rate.
    One more evaluation of the loss per step, so the optimizer must be driven by `minimize` or `fit`.
    trial: trial rate, 0.1. find_trial: adapt it first by FindPLR, and again every `refind_every` (100)
    steps. max_ratio: largest rate in units of the trial rate, inf.
    Source: the QLABGrad paper, eq. 10 and FindPLR.
    """

    rate: ClassVar[str] = "qlabgrad"
    trial: float = 0.1
    find_trial: bool = True
    refind_every: int = 100
    max_ratio: float = math.inf


@dataclass(frozen=True)
class LQA(Adapter):
    """The minimum of the parabola through the losses at -trial, 0 and +trial along the direction.

    rate = trial/2 (L(-trial) - L(trial)) / (L(-trial) + L(trial) - 2 L(0)); where the denominator is not
    positive, the rate before. Two more evaluations of the loss per step: use `minimize` or `fit`.
    trial: 0.1.
    Source: Zhu et al., "Automatic, dynamic, and nearly optimal learning rate specification via local
    quadratic approximation" (2021), with the product that the QLABGrad paper's Table 1 misprints.
    """

    rate: ClassVar[str] = "lqa"
    trial: float = 0.1


@dataclass(frozen=True)
class Newton(Adapter):
    """Exact line curvature: rate = <g, d> / d'Hd, with d'Hd from one Hessian-vector product.

    What QLABGrad's probe estimates, exactly. Where the curvature is not positive the rate before is kept.
    Needs the loss's graph: use `minimize` or `fit`. initial: 0.01, until a curvature is positive.
    """

    rate: ClassVar[str] = "newton"
    initial: float = 0.01
