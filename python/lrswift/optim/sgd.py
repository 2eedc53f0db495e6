"""Stochastic gradient descent."""

from __future__ import annotations

import math

from ..errors import ArgumentError
from ..schedule import Piecewise
from .docstrings import documented
from .optimizer import Optimizer, Params, Rate


@documented(
    "sgd",
    momentum="memory of v (at least 0), or a `schedule.Piecewise` of any finite values",
    nesterov="whether the form is Nesterov's; takes a momentum above 0 and no dampening",
    weight_decay="w times it is added to the gradient (at least 0), or a `schedule.Piecewise` of any finite "
    "values",
)
class SGD(Optimizer):
    """Stochastic gradient descent, with momentum; conventions are PyTorch's.

        v = momentum v + (1 - dampening) (g + weight_decay w),  w -= lr v

    The first v is g itself. Nesterov's form is w -= lr (g + momentum v).

    Source:
        Polyak, "Some methods of speeding up the convergence of iteration methods" (1964); Nesterov (1983).
    """

    def __init__(
        self,
        params: Params,
        lr: Rate = 0.01,
        momentum: float | Piecewise = 0.0,
        nesterov: bool = False,
        dampening: float = 0.0,
        weight_decay: float | Piecewise = 0.0,
        clip_value: float = math.inf,
        clip_norm: float = math.inf,
    ) -> None:
        if nesterov and (momentum == 0 or dampening != 0):
            raise ArgumentError(
                f"nesterov: True given with momentum {momentum!r} and dampening {dampening!r}; "
                "allowed: a momentum above 0 without dampening"
            )
        options = {
            "momentum": momentum,
            "nesterov": nesterov,
            "dampening": dampening,
            "weight_decay": weight_decay,
        }
        super().__init__(params, "sgd", lr, options, clip_value, clip_norm)
