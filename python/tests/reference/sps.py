"""SPS, the stochastic Polyak step: the loss above its least value over the squared gradient."""

from __future__ import annotations

import math

from .directions import SGD, Arrays, dot, look, move

EPSILON = 1e-8


class SPS:
    """rate = (L - f*) / (c <g, d> + 1e-8), bounded; g is the gradient of the loss itself, without decay.

    "max": by `max_lr`, and 0 below f*. "smooth": by gamma^(1 / steps per epoch) times the previous rate
    (1 before the first step), where f* counts as 0 and `max_lr` is ignored. A gradient below 1e-8 makes no
    step and leaves the previous rate as it is.
    """

    def __init__(
        self,
        direction=None,
        c: float = 0.5,
        f_star: float = 0.0,
        mode: str = "smooth",
        gamma: float = 2.0,
        max_lr: float = 10.0,
        steps_per_epoch: int = 500,
    ) -> None:
        self.direction, self.c, self.f_star, self.smooth = direction or SGD(), c, f_star, mode == "smooth"
        self.growth, self.max_lr, self.rate = gamma ** (1 / steps_per_epoch), max_lr, 1.0

    def step(self, parameters: Arrays, evaluate) -> tuple[float, float]:
        loss, gradients, directions = look(self.direction, parameters, evaluate)
        if math.sqrt(dot(gradients, gradients)) < 1e-8:
            return loss, 0.0
        slope = dot(gradients, directions) - self.direction.weight_decay * dot(parameters, directions)
        gap = loss if self.smooth else loss - self.f_star
        bound = self.growth * self.rate if self.smooth else self.max_lr
        self.rate = max(0.0, min(gap / (self.c * slope + EPSILON), bound))
        move(parameters, directions, self.rate)
        return loss, self.rate
