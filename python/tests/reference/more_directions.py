"""More update directions, as PyTorch defines them, and the clipping of gradients before anything else."""

from __future__ import annotations

import math

import numpy as np

from .directions import Adam, Arrays, dot, look, move


class RMSprop:
    """v <- alpha v + (1 - alpha) g^2; b <- momentum b + g / (sqrt(v) + eps); direction b."""

    def __init__(
        self, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0.0, momentum: float = 0.0
    ) -> None:
        self.alpha, self.eps, self.weight_decay, self.momentum = alpha, eps, weight_decay, momentum
        self.v, self.buffer, self.averages = None, None, momentum > 0

    def __call__(self, gradients: Arrays) -> Arrays:
        if self.v is None:
            self.v = self.buffer = [np.zeros_like(g) for g in gradients]
        self.v = [self.alpha * v + (1 - self.alpha) * g * g for v, g in zip(self.v, gradients, strict=True)]
        scaled = [g / (np.sqrt(v) + self.eps) for v, g in zip(self.v, gradients, strict=True)]
        self.buffer = [self.momentum * b + s for b, s in zip(self.buffer, scaled, strict=True)]
        return self.buffer


class Adagrad:
    """a <- a + g^2 from `initial_accumulator_value`; g / (sqrt(a) + eps) / (1 + lr_decay (t - 1))."""

    averages = False

    def __init__(
        self,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        self.lr_decay, self.weight_decay, self.eps = lr_decay, weight_decay, eps
        self.initial, self.a, self.t = initial_accumulator_value, None, 0

    def __call__(self, gradients: Arrays) -> Arrays:
        if self.a is None:
            self.a = [np.full_like(g, self.initial) for g in gradients]
        self.a = [a + g * g for a, g in zip(self.a, gradients, strict=True)]
        slower, self.t = 1 + self.t * self.lr_decay, self.t + 1
        return [g / (np.sqrt(a) + self.eps) / slower for a, g in zip(self.a, gradients, strict=True)]


class Adadelta:
    """v <- rho v + (1 - rho) g^2; d = g sqrt(u + eps) / sqrt(v + eps); u <- rho u + (1 - rho) d^2."""

    averages = False

    def __init__(self, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0.0) -> None:
        self.rho, self.eps, self.weight_decay, self.v, self.u = rho, eps, weight_decay, None, None

    def __call__(self, gradients: Arrays) -> Arrays:
        if self.v is None:
            self.v = self.u = [np.zeros_like(g) for g in gradients]
        rho, eps = self.rho, self.eps
        self.v = [rho * v + (1 - rho) * g * g for v, g in zip(self.v, gradients, strict=True)]
        d = [
            g * np.sqrt(u + eps) / np.sqrt(v + eps) for g, u, v in zip(gradients, self.u, self.v, strict=True)
        ]
        self.u = [rho * u + (1 - rho) * x * x for u, x in zip(self.u, d, strict=True)]
        return d


class AdamW:
    """Adam whose decay shrinks the parameters by 1 - rate * weight_decay beside the step, not through g."""

    def __init__(
        self,
        rate: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        self.adam, self.rate, self.decay = Adam(betas, eps), rate, weight_decay

    def step(self, parameters: Arrays, evaluate) -> tuple[float, float]:
        loss, _, directions = look(self.adam, parameters, evaluate)
        for p in parameters:
            p *= 1 - self.rate * self.decay
        move(parameters, directions, self.rate)
        return loss, self.rate


def clip_value(gradients: Arrays, limit: float) -> Arrays:
    return [np.clip(g, -limit, limit) for g in gradients]


def clip_norm(gradients: Arrays, limit: float) -> Arrays:
    """All gradients by one factor, so that their common norm is at most the limit (but for 1e-6)."""
    scale = min(1.0, limit / (math.sqrt(dot(gradients, gradients)) + 1e-6))
    return [scale * g for g in gradients]


class Clipped:
    """Any optimizer on clipped gradients: clipped before decay is added, as the losses' own gradients."""

    def __init__(self, optimizer, clip, limit: float) -> None:
        self.optimizer, self.clip, self.limit = optimizer, clip, limit

    def step(self, parameters: Arrays, evaluate) -> tuple[float, float]:
        def clipped(at: Arrays) -> tuple[float, Arrays]:
            loss, gradients = evaluate(at)
            return loss, self.clip(gradients, self.limit)

        return self.optimizer.step(parameters, clipped)
