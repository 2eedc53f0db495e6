"""LQA: the minimum of the parabola through three losses, at the point and one trial step to either side."""

from __future__ import annotations

import math

from .directions import SGD, Arrays, look, move


class LQA:
    """rate = a / 2 (L(theta + a d) - L(theta - a d)) / (L(theta + a d) + L(theta - a d) - 2 L).

    A denominator that is not positive, or not finite, keeps the previous rate (the trial rate at first). A
    minimum behind the point is no step at all: rates are at least 0.
    """

    def __init__(self, direction=None, trial: float = 0.1) -> None:
        self.direction, self.trial, self.rate = direction or SGD(), trial, trial

    def step(self, parameters: Arrays, evaluate) -> tuple[float, float]:
        loss, _, directions = look(self.direction, parameters, evaluate)

        def probe(rate: float) -> float:
            return evaluate([p - rate * d for p, d in zip(parameters, directions, strict=True)])[0]

        plus, minus = probe(-self.trial), probe(self.trial)
        curvature = plus + minus - 2 * loss
        if math.isfinite(curvature) and curvature > 0:
            self.rate = max(0.0, self.trial / 2 * (plus - minus) / curvature)
        move(parameters, directions, self.rate)
        return loss, self.rate
