"""Directions scaled by the running size of the gradient."""

from __future__ import annotations

import math

from .docstrings import documented
from .optimizer import Optimizer, Params, Rate


@documented("rmsprop")
class RMSprop(Optimizer):
    """Divides the gradient by the root of an average of its square; conventions are PyTorch's.

        w -= lr g / (sqrt(s) + eps),  s the average of g^2

    With momentum it is heavy ball along that direction.

    Source:
        Tieleman and Hinton, "Lecture 6.5: RMSprop" (2012).
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


@documented("adagrad")
class Adagrad(Optimizer):
    """Divides the gradient by the root of the sum of its squares; conventions are PyTorch's.

        w -= lr g / (sqrt(s) + eps) / (1 + (t - 1) lr_decay),  s the sum of g^2, t the step from 1

    Source:
        Duchi, Hazan and Singer, "Adaptive subgradient methods" (2011).
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


@documented("adadelta")
class Adadelta(Optimizer):
    """Scales the gradient by the ratio of the sizes of past steps and gradients.

        w -= lr d,  d = sqrt(u + eps) / sqrt(s + eps) g,  s and u averages of g^2 and d^2

    Source:
        Zeiler, "ADADELTA: an adaptive learning rate method" (arXiv 1212.5701).
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
