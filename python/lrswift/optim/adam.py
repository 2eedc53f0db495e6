"""Adam and AdamW."""

from __future__ import annotations

import math

from .optimizer import Optimizer, Params, Rate


class Adam(Optimizer):
    """w -= lr m / (sqrt(s) + eps), with m and s bias-corrected averages of g and g^2.

    lr: number (>= 0) or adapter, 1e-3. weight_decay is added to g.
    Source: Kingma and Ba, "Adam: A method for stochastic optimization" (arXiv 1412.6980).
    """

    def __init__(
        self,
        params: Params,
        lr: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        clip_value: float = math.inf,
        clip_norm: float = math.inf,
    ) -> None:
        super().__init__(
            params,
            "adam",
            lr,
            {"betas": betas, "eps": eps, "weight_decay": weight_decay},
            clip_value,
            clip_norm,
        )


class AdamW(Optimizer):
    """Adam whose weight decay is decoupled: w -= lr (m / (sqrt(s) + eps) + weight_decay w).

    lr: number (>= 0) or adapter, 1e-3. weight_decay: 0.01.
    Source: Loshchilov and Hutter, "Decoupled weight decay regularization" (arXiv 1711.05101).
    """

    def __init__(
        self,
        params: Params,
        lr: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        clip_value: float = math.inf,
        clip_norm: float = math.inf,
    ) -> None:
        options = {"betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, "adamw", lr, options, clip_value, clip_norm)
