"""Barzilai-Borwein: the secant of two successive points as a rate."""

from __future__ import annotations

from .directions import SGD, Arrays, dot, look, move


class BarzilaiBorwein:
    """Form 1: s's / s'y, form 2: s'y / y'y, with s the last step and y the change of the gradient over it.

    The first step uses `initial`; s'y that is not positive keeps the previous rate.
    """

    def __init__(self, direction=None, initial: float = 0.01, form: int = 1) -> None:
        self.direction, self.rate, self.form, self.last = direction or SGD(), initial, form, None

    def step(self, parameters: Arrays, evaluate) -> tuple[float, float]:
        loss, gradients, directions = look(self.direction, parameters, evaluate)
        if self.last is not None:
            s = [p - old for p, old in zip(parameters, self.last[0], strict=True)]
            y = [g - old for g, old in zip(gradients, self.last[1], strict=True)]
            if dot(s, y) > 0:
                self.rate = dot(s, s) / dot(s, y) if self.form == 1 else dot(s, y) / dot(y, y)
        self.last = [p.copy() for p in parameters], [g.copy() for g in gradients]
        move(parameters, directions, self.rate)
        return loss, self.rate
