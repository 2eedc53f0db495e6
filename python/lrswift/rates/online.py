"""Rates that descend on a validation loss while training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Adapter


@dataclass(frozen=True)
class MARTHE(Adapter):
    """rate <- max(rate - meta_lr Delta, 0), Delta the derivative of a validation loss by the rate.

    Delta = <validation gradient after the step, z>; z, the derivative of the parameters by the rate of all
    steps so far, is discounted by mu per step: 1 is RTHO, 0 hypergradient descent on validation data.
    Drive it by `minimize(closure, valid=...)` or `fit(valid=...)`. Goes with SGD (momentum, Nesterov,
    coupled decay; dampening 0, no clipping); another raises TypeError. One rate for all parameters.
    initial: first rate, 0.01. meta_lr: 1e-8, the authors' and cautious. mu: 0.99999. meta_meta_lr: of
    meta_lr += meta_meta_lr Delta Delta', with Delta' the one before, 0 (off).
    A Delta that is not finite leaves the rate and is counted ("rate.0.failures" of the state).
    One Hessian-vector product and one validation forward and backward pass a step; two vectors.
    Source: Donini et al., "MARTHE: Scheduling the learning rate via online hypergradients" (arXiv
    1910.08525); Franceschi et al., "Forward and reverse gradient-based hyperparameter optimization" (2017).
    """

    rate: ClassVar[str] = "marthe"
    initial: float = 0.01
    meta_lr: float = 1e-8
    mu: float = 0.99999
    meta_meta_lr: float = 0.0
