"""The L4 paper's pairs."""

from __future__ import annotations

import math

from ..rates.adapters import L4
from ..rates.cards import read_cards
from .docstrings import documented
from .optimizer import Optimizer, Params

# of L4Mom's average of the gradient
_MEMORY = read_cards("directions")["ema"]["beta"]
BETA: float = _MEMORY.default
_ADAM = read_cards("directions")["adam"]


@documented("ema", "l4", beta=f"{_MEMORY.meaning} ({_MEMORY.allowed})")
class L4Mom(Optimizer):
    """L4 along the bias-corrected average of the gradient; there is no rate to set.

    Source:
        Rolinek and Martius, "L4: practical loss-based stepsize adaptation" (arXiv 1802.05074): L4Mom.
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


@documented("adam", "l4", adam_eps="added to the root in Adam's direction, far above Adam's own (at least 0)")
class L4Adam(Optimizer):
    """L4 along Adam's direction; there is no rate to set.

    Source:
        Rolinek and Martius, "L4: practical loss-based stepsize adaptation" (arXiv 1802.05074): L4Adam.
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
