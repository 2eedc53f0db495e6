"""YellowFin: momentum and rate of heavy ball from the range of curvatures, the variance and the distance."""

from __future__ import annotations

import math

import numpy as np

from .directions import Arrays, dot

EPS = 1e-6


def cubic_root(p: float) -> float:
    """x = sqrt(momentum): y^3 + p y + p = 0, x = y + 1, by Vieta's substitution."""
    w3 = (-math.sqrt(p**2 + 4 / 27 * p**3) - p) / 2
    w = math.copysign(abs(w3) ** (1 / 3), w3)
    return w - p / (3 * (w + EPS)) + 1


class YellowFin:
    def __init__(
        self, initial=1e-4, beta=0.999, window=20, slow_start=200, weight_decay=0.0, protect=False
    ) -> None:
        self.lr, self.beta, self.width, self.slow, self.decay = (
            initial,
            beta,
            window,
            slow_start,
            weight_decay,
        )
        self.t, self.mu, self.window, self.protect = 0, 0.0, [], protect
        self.low = self.high = self.n2 = self.n = self.distance = self.h_max = 0.0
        self.average = self.momentum = None

    def smooth(self, old, new):
        return self.beta * old + (1 - self.beta) * new

    def step(self, parameters: Arrays, evaluate) -> tuple[float, float]:
        loss, gradients = evaluate(parameters)
        if self.average is None:
            self.average, self.momentum = ([np.zeros_like(p) for p in parameters] for _ in range(2))
        if self.protect and self.t > 1:
            gradients = limited(gradients, math.sqrt(100 * self.h_max) + EPS)
        n2 = dot(gradients, gradients)
        exploding, limit = self.t > 0 and n2 >= self.h_max, math.sqrt(self.h_max) + EPS
        self.window = [*self.window, n2][-self.width :]
        b = 1 - self.beta ** (self.t + 1)
        self.low = self.smooth(self.low, math.log(min(self.window) + EPS))
        self.high = self.smooth(self.high, math.log(max(self.window) + EPS))
        h_min, self.h_max = math.exp(self.low / b), math.exp(self.high / b)
        self.n2, self.n = self.smooth(self.n2, n2), self.smooth(self.n, math.sqrt(n2))
        self.average = [self.smooth(a, g) for a, g in zip(self.average, gradients, strict=True)]
        c = max(EPS, self.n2 / b - dot(self.average, self.average) / b**2)
        self.distance = self.smooth(self.distance, self.n / (self.n2 + EPS))
        if self.t >= 1:
            p = (self.distance / b + EPS) ** 2 * (h_min + EPS) ** 2 / (2 * (c + EPS))
            q = math.sqrt(max((self.h_max + EPS) / (h_min + EPS), 1 + EPS))
            self.mu = max(cubic_root(p) ** 2, ((q - 1) / (q + 1)) ** 2)
            self.lr = (1 - math.sqrt(self.mu)) ** 2 / (h_min + EPS) * min(1, (self.t + 1) / self.slow)
        rate = self.lr
        if self.protect and rate * math.sqrt(n2) >= 100:
            rate = 100 / math.sqrt(n2 + EPS)
        if self.protect and exploding:
            gradients = limited(gradients, limit)
        self.t += 1
        gradients = [g + self.decay * p for g, p in zip(gradients, parameters, strict=True)]
        self.momentum = [self.mu * v + g for v, g in zip(self.momentum, gradients, strict=True)]
        for p, v in zip(parameters, self.momentum, strict=True):
            p -= rate * v
        return loss, rate


def limited(gradients: Arrays, limit: float) -> Arrays:
    """As PyTorch's clip_grad_norm_."""
    factor = min(1.0, limit / (math.sqrt(dot(gradients, gradients)) + 1e-6))
    return [factor * g for g in gradients]
