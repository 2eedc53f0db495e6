"""Directions scaled by the running size of the gradient."""

from __future__ import annotations

import math

from .optimizer import Optimizer, Params, Rate


class RMSprop(Optimizer):
    """w -= lr g / (sqrt(s) + eps), s the average of g^2; with momentum, heavy ball on that direction.

    lr: number (>= 0) or adapter, 0.01. alpha: memory of s, 0.99. eps 1e-8. momentum 0. weight_decay is
    added to g. Conventions are PyTorch's.
    Source: Tieleman and Hinton (2012).
    """

    def __init__(
        self,
        params: Params,
        lr: Rate = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        clip_value: float = math.inf,
        clip_norm: float = math.inf,
    ) -> None:
        options = {"alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum}
        super().__init__(params, "rmsprop", lr, options, clip_value, clip_norm)


class Adagrad(Optimizer):
    """w -= lr g / (sqrt(s) + eps) / (1 + (t - 1) lr_decay), s the sum of g^2.

    lr: number (>= 0) or adapter, 0.01. initial_accumulator_value: what s starts from, 0. eps 1e-10.
    weight_decay is added to g. Conventions are PyTorch's.
    Source: Duchi, Hazan and Singer, "Adaptive subgradient methods" (2011).
    """

    def __init__(
        self,
        params: Params,
        lr: Rate = 0.01,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        clip_value: float = math.inf,
        clip_norm: float = math.inf,
    ) -> None:
        options = {
            "lr_decay": lr_decay,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "eps": eps,
        }
        super().__init__(params, "adagrad", lr, options, clip_value, clip_norm)


class Adadelta(Optimizer):
    """w -= lr d, d = sqrt(u + eps) / sqrt(s + eps) g, with s and u averages of g^2 and d^2.

    lr: number (>= 0) or adapter, 1. rho: memory of both averages, 0.9. eps 1e-6. weight_decay is added to g.
    Source: Zeiler, "ADADELTA" (arXiv 1212.5701).
    """

    def __init__(
        self,
        params: Params,
        lr: Rate = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        clip_value: float = math.inf,
        clip_norm: float = math.inf,
    ) -> None:
        options = {"rho": rho, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, "adadelta", lr, options, clip_value, clip_norm)
