"""L4: steps from a linearized loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Adapter


@dataclass(frozen=True)
class L4(Adapter):
    """Step to a fixed fraction of the linear model's way down to the best loss seen.

    rate = alpha (L - gamma L_min) / (<g, v> + eps), with L_min inflated by 1 + 1/tau every step and
    started at gamma0 times the first loss. Losses must not fall below `lower_bound`.
    alpha 0.15, gamma 0.9, tau 1000, gamma0 0.75, eps 1e-12.
    Source: Rolinek and Martius, "L4: Practical loss-based stepsize adaptation for deep learning"
    (arXiv 1802.05074), eq. 2-6.
    """

    rate: ClassVar[str] = "l4"
    alpha: float = 0.15
    gamma: float = 0.9
    tau: float = 1000.0
    gamma0: float = 0.75
    eps: float = 1e-12
    lower_bound: float = 0.0
