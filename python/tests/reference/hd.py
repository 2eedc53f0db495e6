"""Hypergradient descent (HD): the rate itself descends along <g, previous direction>."""

from __future__ import annotations

import math

from .directions import SGD, Arrays, dot, look, move


class HD:
    """rate += meta_lr <g, u previous>, or rate *= 1 + meta_lr cos(g, u previous); then theta -= rate u.

    The rate moves before the step and is not kept positive. There is no previous direction at the first step.
    """

    def __init__(
        self, direction=None, initial: float = 0.01, meta_lr: float = 1e-4, multiplicative: bool = False
    ) -> None:
        self.direction, self.rate = direction or SGD(), initial
        self.meta, self.multiplicative, self.previous = meta_lr, multiplicative, None

    def step(self, parameters: Arrays, evaluate) -> tuple[float, float]:
        loss, gradients, directions = look(self.direction, parameters, evaluate)
        if self.previous is not None:
            inner = dot(gradients, self.previous)
            size = math.sqrt(dot(gradients, gradients) * dot(self.previous, self.previous))
            if not self.multiplicative:
                self.rate += self.meta * inner
            elif size > 0:
                self.rate *= 1 + self.meta * inner / size
        self.previous = [d.copy() for d in directions]
        move(parameters, directions, self.rate)
        return loss, self.rate
