"""Adam and AdamW."""

from __future__ import annotations

import math

from .docstrings import documented
from .optimizer import Optimizer, Params, Rate


@documented("adam")
class Adam(Optimizer):
    """Adam: steps along averages of the gradient, scaled by averages of its square.

        w -= lr m / (sqrt(s) + eps),  m and s bias-corrected averages of g and g^2

    Source:
        Kingma and Ba, "Adam: A method for stochastic optimization" (arXiv 1412.6980).
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


@documented("adamw")
class AdamW(Optimizer):
    """Adam whose weight decay is decoupled from the gradient.

        w -= lr (m / (sqrt(s) + eps) + weight_decay w)

    Source:
        Loshchilov and Hutter, "Decoupled weight decay regularization" (arXiv 1711.05101).
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
