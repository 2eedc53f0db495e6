"""The L4 paper's pairs."""

from __future__ import annotations

import math

from ..rates.adapters import L4
from ..rates.cards import read_cards
from .optimizer import Optimizer, Params

# of L4Mom's average of the gradient
BETA: float = read_cards("directions")["ema"]["beta"].default
_ADAM = read_cards("directions")["adam"]


class L4Mom(Optimizer):
    """L4 along the bias-corrected average of the gradient; no rate to set.

    alpha ... lower_bound: see `adapt.L4`. beta: of the average, 0.9. weight_decay is added to g.
    Source: Rolinek and Martius (arXiv 1802.05074), L4Mom with its constants.
    """

    def __init__(
        self,
        params: Params,
        alpha: float = L4.alpha,
        gamma: float = L4.gamma,
        tau: float = L4.tau,
        gamma0: float = L4.gamma0,
        eps: float = L4.eps,
        lower_bound: float = L4.lower_bound,
        beta: float = BETA,
        weight_decay: float = 0.0,
        min_lr: float = L4.min_lr,
        max_lr: float = L4.max_lr,
        clip_value: float = math.inf,
        clip_norm: float = math.inf,
    ) -> None:
        rate = L4(alpha, gamma, tau, gamma0, eps, lower_bound, min_lr=min_lr, max_lr=max_lr)
        super().__init__(
            params, "ema", rate, {"beta": beta, "weight_decay": weight_decay}, clip_value, clip_norm
        )


class L4Adam(Optimizer):
    """L4 along Adam's direction; no rate to set.

    alpha ... lower_bound: see `adapt.L4`. betas (0.9, 0.999). adam_eps: 1e-4, outside the root, far
    above Adam's own. weight_decay is added to g.
    Source: Rolinek and Martius (arXiv 1802.05074), L4Adam with its constants.
    """

    def __init__(
        self,
        params: Params,
        alpha: float = L4.alpha,
        gamma: float = L4.gamma,
        tau: float = L4.tau,
        gamma0: float = L4.gamma0,
        eps: float = L4.eps,
        lower_bound: float = L4.lower_bound,
        betas: tuple[float, float] = (_ADAM["beta1"].default, _ADAM["beta2"].default),
        adam_eps: float = 1e-4,
        weight_decay: float = 0.0,
        min_lr: float = L4.min_lr,
        max_lr: float = L4.max_lr,
        clip_value: float = math.inf,
        clip_norm: float = math.inf,
    ) -> None:
        rate = L4(alpha, gamma, tau, gamma0, eps, lower_bound, min_lr=min_lr, max_lr=max_lr)
        super().__init__(
            params,
            "adam",
            rate,
            {"betas": betas, "eps": adam_eps, "weight_decay": weight_decay},
            clip_value,
            clip_norm,
        )
