"""DoG and DoWG: the distance travelled so far over the gradients met."""

from __future__ import annotations

import math

from .directions import Arrays, dot, move


class DoG:
    """rate = r / sqrt(sum |g|^2 + 1e-8), with r the largest distance from the start so far.

    r starts at initial (1 + |start|). `weighted` (DoWG): r^2 / (sqrt(sum r^2 |g|^2) + 1e-4), with r from
    `initial` itself.
    """

    def __init__(self, initial: float = 1e-6, weighted: bool = False) -> None:
        self.radius, self.weighted, self.start, self.total = initial, weighted, None, 0.0

    def step(self, parameters: Arrays, evaluate) -> tuple[float, float]:
        loss, gradients = evaluate(parameters)
        if self.start is None:
            self.start = [p.copy() for p in parameters]
            self.radius *= 1 if self.weighted else 1 + math.sqrt(dot(self.start, self.start))
        moved = [p - s for p, s in zip(parameters, self.start, strict=True)]
        self.radius = max(self.radius, math.sqrt(dot(moved, moved)))
        self.total += dot(gradients, gradients) * (self.radius**2 if self.weighted else 1)
        if self.weighted:
            rate = self.radius**2 / (math.sqrt(self.total) + 1e-4)
        else:
            rate = self.radius / math.sqrt(self.total + 1e-8)
        move(parameters, gradients, rate)
        return loss, rate
