"""Barzilai-Borwein: the secant of two successive points as a rate."""

from __future__ import annotations

import numpy as np

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


class StochasticBarzilaiBorwein:
    """SGD-BB: |s|^2 / |s'y| / m per epoch of m steps, from the third on; `smoothing`: C_k / (k + 1)."""

    def __init__(self, direction=None, initial=0.01, smoothing=False, steps_per_epoch=500) -> None:
        self.direction, self.rate, self.smoothing, self.m = (
            direction or SGD(),
            initial,
            smoothing,
            steps_per_epoch,
        )
        self.t, self.starts, self.averages, self.found = 0, [], [], []

    def step(self, parameters: Arrays, evaluate) -> tuple[float, float]:
        loss, gradients, directions = look(self.direction, parameters, evaluate)
        decay = self.direction.weight_decay
        raw = [g - decay * p for g, p in zip(gradients, parameters, strict=True)]
        if self.t % self.m == 0:
            self.starts.append([p.copy() for p in parameters])
            k = len(self.starts) - 1
            if k >= 2:
                s = [a - b for a, b in zip(self.starts[k], self.starts[k - 1], strict=True)]
                y = [a - b for a, b in zip(self.averages[k - 1], self.averages[k - 2], strict=True)]
                self.found.append(dot(s, s) / abs(dot(s, y)) / self.m)
                self.rate = self.found[-1]
                if self.smoothing:
                    product = np.prod([(j + 3) * rate for j, rate in enumerate(self.found)])
                    self.rate = product ** (1 / (k - 1)) / (k + 1)
            self.averages.append([np.zeros_like(p) for p in parameters])
        beta = min(1.0, 10 / self.m)
        self.averages[-1] = [(1 - beta) * a + beta * g for a, g in zip(self.averages[-1], raw, strict=True)]
        self.t += 1
        move(parameters, directions, self.rate)
        return loss, self.rate
