"""Prodigy: D-Adaptation over Adam in which gradients enter the moments times d."""

from __future__ import annotations

import math

import numpy as np

from .d_adaptation import l1
from .directions import Arrays, dot


class Prodigy:
    def __init__(
        self,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0.0,
        decoupled=False,
        d0=1e-6,
        d_coef=1.0,
        lr=1.0,
        growth=math.inf,
        safeguard_warmup=False,
    ) -> None:
        self.betas, self.eps, self.decay, self.decoupled = betas, eps, weight_decay, decoupled
        self.d = self.d_max = self.d0 = d0
        self.d_coef, self.lr, self.growth, self.safeguard = d_coef, lr, growth, safeguard_warmup
        self.r, self.m = 0.0, None

    def step(self, parameters: Arrays, evaluate) -> tuple[float, float]:
        loss, gradients = evaluate(parameters)
        if self.decay and not self.decoupled:
            gradients = [g + self.decay * p for g, p in zip(gradients, parameters, strict=True)]
        if self.m is None:
            self.m, self.v, self.s = ([np.zeros_like(p) for p in parameters] for _ in range(3))
            self.start = [p.copy() for p in parameters]
        (b1, b2), d = self.betas, self.d
        b3, rate = math.sqrt(b2), d * self.lr
        way = [x0 - p for x0, p in zip(self.start, parameters, strict=True)]
        self.r = b3 * self.r + d / self.d0 * rate * dot(gradients, way)
        self.m = [b1 * m + (1 - b1) * d * g for m, g in zip(self.m, gradients, strict=True)]
        self.v = [b2 * v + (1 - b2) * d * d * g * g for v, g in zip(self.v, gradients, strict=True)]
        weight = d / self.d0 * (d if self.safeguard else rate)
        self.s = [b3 * s + weight * g for s, g in zip(self.s, gradients, strict=True)]
        if l1(self.s) == 0.0:
            return loss, 0.0
        estimate = self.d_coef * self.r / l1(self.s)
        if d == self.d0:
            d = max(d, estimate)
        self.d_max = max(self.d_max, estimate)
        self.d = min(self.d_max, self.growth * d)
        for p, m, v in zip(parameters, self.m, self.v, strict=True):
            if self.decoupled:
                p *= 1 - rate * self.decay
            p -= rate * m / (np.sqrt(v) + self.d * self.eps)
        return loss, rate
