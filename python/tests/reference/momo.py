"""MoMo: Polyak's step for the average of the linear models of past batches."""

from __future__ import annotations

import numpy as np

from .directions import Arrays, dot


class MoMo:
    """Over SGD, or over Adam where `adam` is (beta1, beta2, eps). weight_decay is proximal."""

    def __init__(self, lr=1.0, beta=0.9, lower_bound=0.0, weight_decay=0.0, adam=None) -> None:
        self.lr, self.beta, self.bound, self.decay, self.adam = lr, beta, lower_bound, weight_decay, adam
        self.t, self.loss, self.product, self.d = 0, 0.0, 0.0, None

    def step(self, parameters: Arrays, evaluate) -> tuple[float, float]:
        loss, gradients = evaluate(parameters)
        if self.d is None:
            self.d, self.v = [np.zeros_like(p) for p in parameters], [np.zeros_like(p) for p in parameters]
        self.t += 1
        metric, correct = [np.ones_like(p) for p in parameters], 1.0
        beta = 0.0 if self.t == 1 else self.beta
        if self.adam:
            beta, beta2, eps = self.adam
            self.v = [beta2 * v + (1 - beta2) * g * g for v, g in zip(self.v, gradients, strict=True)]
            metric = [np.sqrt(v / (1 - beta2**self.t)) + eps for v in self.v]
            correct = 1 - beta**self.t
        self.loss = beta * self.loss + (1 - beta) * loss
        self.d = [beta * d + (1 - beta) * g for d, g in zip(self.d, gradients, strict=True)]
        self.product = beta * self.product + (1 - beta) * dot(gradients, parameters)
        direction = [d / m for d, m in zip(self.d, metric, strict=True)]
        shrink, norm2 = 1 + self.lr * self.decay, dot(self.d, direction)
        gap = shrink * (self.loss - correct * self.bound - self.product) + dot(self.d, parameters)
        rate = 0.0 if norm2 <= np.finfo(float).eps else min(self.lr / correct, max(gap, 0.0) / norm2)
        for p, d in zip(parameters, direction, strict=True):
            p[...] = p / shrink - rate * d
        return loss, rate
