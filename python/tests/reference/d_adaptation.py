"""D-Adaptation: a lower bound d of the distance to the solution, grown from sums of <g, s>."""

from __future__ import annotations

import math

import numpy as np

from .directions import Arrays, dot


def l1(arrays: Arrays) -> float:
    return float(sum(np.abs(x).sum() for x in arrays))


class SGD:
    """Dual averaging: z = x0 - s with s the sum of lambda g; theta <- mu theta + (1 - mu) z.

    lambda = d lr / |g0| with g0 the first gradient, without decay, that is not zero.
    """

    def __init__(
        self, d0=1e-6, lr=1.0, growth=math.inf, momentum=0.0, weight_decay=0.0, schedule=None
    ) -> None:
        self.d, self.lr, self.growth, self.momentum, self.decay = d0, lr, growth, momentum, weight_decay
        self.schedule, self.t = schedule or (lambda t: 1.0), 0
        self.scale, self.numerator, self.s, self.start = 0.0, 0.0, None, None

    def step(self, parameters: Arrays, evaluate) -> tuple[float, float]:
        loss, raw = evaluate(parameters)
        rate, self.t = self.d * self.lr * self.schedule(self.t), self.t + 1
        if self.scale == 0.0:
            self.scale = math.sqrt(dot(raw, raw))
        if self.scale == 0.0:
            return loss, 0.0
        gradients = [g + self.decay * p for g, p in zip(raw, parameters, strict=True)]
        if self.s is None:
            self.s, self.start = [np.zeros_like(p) for p in parameters], [p.copy() for p in parameters]
        step = rate / self.scale
        self.numerator += step * dot(gradients, self.s)
        self.s = [s + step * g for s, g in zip(self.s, gradients, strict=True)]
        norm = math.sqrt(dot(self.s, self.s))
        self.d = max(self.d, min(2 * self.numerator / norm, self.growth * self.d))
        for p, x0, s in zip(parameters, self.start, self.s, strict=True):
            p[...] = self.momentum * p + (1 - self.momentum) * (x0 - s)
        return loss, rate


class Adam:
    """Over Adam, without bias correction; `decoupled` decay takes off lambda times itself."""

    def __init__(
        self,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0.0,
        decoupled=False,
        d0=1e-6,
        lr=1.0,
        growth=math.inf,
    ) -> None:
        self.betas, self.eps, self.decay, self.decoupled = betas, eps, weight_decay, decoupled
        self.d, self.lr, self.growth, self.numerator = d0, lr, growth, 0.0
        self.m = self.v = self.s = None

    def step(self, parameters: Arrays, evaluate) -> tuple[float, float]:
        loss, gradients = evaluate(parameters)
        if self.decay and not self.decoupled:
            gradients = [g + self.decay * p for g, p in zip(gradients, parameters, strict=True)]
        if self.m is None:
            self.m, self.v, self.s = ([np.zeros_like(p) for p in parameters] for _ in range(3))
        (b1, b2), rate = self.betas, self.d * self.lr
        root = math.sqrt(b2)
        before = [s / (np.sqrt(v) + self.eps) for s, v in zip(self.s, self.v, strict=True)]
        self.numerator = root * self.numerator + (1 - root) * rate * dot(gradients, before)
        self.m = [b1 * m + (1 - b1) * rate * g for m, g in zip(self.m, gradients, strict=True)]
        self.v = [b2 * v + (1 - b2) * g * g for v, g in zip(self.v, gradients, strict=True)]
        self.s = [root * s + (1 - root) * rate * g for s, g in zip(self.s, gradients, strict=True)]
        if l1(self.s) == 0.0:
            return loss, 0.0
        self.d = max(self.d, min(self.numerator / ((1 - root) * l1(self.s)), self.growth * self.d))
        for p, m, v in zip(parameters, self.m, self.v, strict=True):
            if self.decoupled:
                p *= 1 - rate * self.decay
            p -= m / (np.sqrt(v) + self.eps)
        return loss, rate
