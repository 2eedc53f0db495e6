"""Rates that descend along their own gradient."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from .base import Adapter


@dataclass(frozen=True)
class HD(Adapter):
    """Hypergradient descent: rate += meta_lr <g, d'>, with d' the direction of the step before.

    multiplicative: rate *= 1 + meta_lr <g, d'> / (|g| |d'|) instead. Rates may become negative, as in the
    paper's experiments: min_lr is -inf here. initial: 0.01. meta_lr: 1e-4. The coupled weight decay is
    part of g. One more vector.
    Source: Baydin et al., "Online learning rate adaptation with hypergradient descent" (arXiv
    1703.04782), eq. 5-8.
    """

    rate: ClassVar[str] = "hd"
    initial: float = 0.01
    meta_lr: float = 1e-4
    multiplicative: bool = False
    _: KW_ONLY
    min_lr: float = -math.inf
