"""Update directions d of theta <- theta - rate * d, defined as PyTorch defines them, with coupled decay."""

from __future__ import annotations

import numpy as np

Arrays = list[np.ndarray]


def dot(a: Arrays, b: Arrays) -> float:
    return float(sum(np.vdot(x, y) for x, y in zip(a, b, strict=True)))


class Average:
    """Bias-corrected exponential average of arrays: m <- beta m + (1 - beta) x, m / (1 - beta^t)."""

    def __init__(self, beta: float = 0.9) -> None:
        self.beta, self.t, self.m = beta, 0, None

    def __call__(self, arrays: Arrays) -> Arrays:
        self.t += 1
        self.m = [np.zeros_like(x) for x in arrays] if self.m is None else self.m
        self.m = [self.beta * m + (1 - self.beta) * x for m, x in zip(self.m, arrays, strict=True)]
        return [m / (1 - self.beta**self.t) for m in self.m]


class SGD:
    def __init__(
        self, momentum: float = 0.0, dampening: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0
    ) -> None:
        self.momentum, self.dampening, self.nesterov = momentum, dampening, nesterov
        self.weight_decay, self.buffer, self.averages = weight_decay, None, momentum > 0

    def __call__(self, gradients: Arrays) -> Arrays:
        if self.momentum == 0:
            return gradients
        if self.buffer is None:  # dampening does not touch the first gradient
            self.buffer = [g.copy() for g in gradients]
        else:
            keep, add = self.momentum, 1 - self.dampening
            self.buffer = [keep * b + add * g for b, g in zip(self.buffer, gradients, strict=True)]
        if not self.nesterov:
            return self.buffer
        return [g + self.momentum * b for g, b in zip(gradients, self.buffer, strict=True)]


class Ema:
    """The direction of L4Mom: the bias-corrected average of the gradient."""

    averages = True

    def __init__(self, beta: float = 0.9, weight_decay: float = 0.0) -> None:
        self.weight_decay, self.average = weight_decay, Average(beta)

    def __call__(self, gradients: Arrays) -> Arrays:
        return self.average(gradients)


class Adam:
    averages = True

    def __init__(
        self, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.0
    ) -> None:
        self.first, self.second = Average(betas[0]), Average(betas[1])
        self.eps, self.weight_decay = eps, weight_decay

    def __call__(self, gradients: Arrays) -> Arrays:
        m, v = self.first(gradients), self.second([g * g for g in gradients])
        return [a / (np.sqrt(b) + self.eps) for a, b in zip(m, v, strict=True)]


def look(direction, parameters: Arrays, evaluate) -> tuple[float, Arrays, Arrays]:
    """Loss, gradients with the coupled decay added, and directions at the parameters."""
    loss, gradients = evaluate(parameters)
    gradients = [g + direction.weight_decay * p for g, p in zip(gradients, parameters, strict=True)]
    return loss, gradients, direction(gradients)


def move(parameters: Arrays, directions: Arrays, rate: float) -> None:
    for p, d in zip(parameters, directions, strict=True):
        p -= rate * d


class Constant:
    """A direction with a fixed rate."""

    def __init__(self, direction, rate: float) -> None:
        self.direction, self.rate = direction, rate

    def step(self, parameters: Arrays, evaluate) -> tuple[float, float]:
        loss, _, directions = look(self.direction, parameters, evaluate)
        move(parameters, directions, self.rate)
        return loss, self.rate
