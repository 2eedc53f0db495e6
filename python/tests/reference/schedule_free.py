"""Schedule-Free with its three points kept apart: z steps, x averages z, gradients are taken at y between."""

from __future__ import annotations

import numpy as np

from .directions import Arrays


class ScheduleFree:
    """theta is y. adam: (beta2, eps) scales gradients by the root of the corrected second moment."""

    def __init__(
        self, lr=1.0, beta=0.9, weight_decay=0.0, warmup=0, r=0.0, power=2.0, adam=None, schedule=None
    ) -> None:
        self.lr, self.beta, self.decay, self.warmup, self.r, self.power = (
            lr,
            beta,
            weight_decay,
            warmup,
            r,
            power,
        )
        self.adam, self.schedule = adam, schedule or (lambda t: 1.0)
        self.t, self.largest, self.weights, self.x = 0, 0.0, 0.0, None

    def step(self, parameters: Arrays, evaluate) -> tuple[float, float]:
        loss, gradients = evaluate(parameters)
        if self.x is None:
            self.x, self.z = [p.copy() for p in parameters], [p.copy() for p in parameters]
            self.v = [np.zeros_like(p) for p in parameters]
        rate = self.lr * self.schedule(self.t)
        self.t += 1
        if self.t <= self.warmup:
            rate *= self.t / self.warmup
        self.largest = max(self.largest, rate)
        weight = self.t**self.r * self.largest**self.power
        self.weights += weight
        c = weight / self.weights if self.weights else 0.0
        if self.adam:
            beta2, eps = self.adam
            self.v = [beta2 * v + (1 - beta2) * g * g for v, g in zip(self.v, gradients, strict=True)]
            correct = 1 - beta2**self.t
            gradients = [g / (np.sqrt(v / correct) + eps) for g, v in zip(gradients, self.v, strict=True)]
        gradients = [g + self.decay * y for g, y in zip(gradients, parameters, strict=True)]
        self.z = [z - rate * g for z, g in zip(self.z, gradients, strict=True)]
        self.x = [(1 - c) * x + c * z for x, z in zip(self.x, self.z, strict=True)]
        for y, x, z in zip(parameters, self.x, self.z, strict=True):
            y[...] = (1 - self.beta) * z + self.beta * x
        return loss, rate
