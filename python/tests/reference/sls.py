"""SLS, stochastic line search: backtracking on the mini-batch of the step until the loss falls enough."""

from __future__ import annotations

import math

from .directions import SGD, Arrays, dot, look, move

FALLBACK = 1e-6
LONGEST, SHORTEST = 10.0, 1e-8


class SLS:
    """The first of eta, beta eta, beta^2 eta ... with L(theta - eta d) <= L - c eta <g, d>.

    eta starts from the last one times gamma^(1 / steps per epoch) ("grow"), from the last one ("keep") or
    from `initial`. After `max_trials` failures the step is 1e-6, while the shrunken eta is remembered. A
    gradient below 1e-8 makes no step. A nan is a failure. g is of the loss itself, without decay.
    """

    def __init__(
        self,
        direction=None,
        initial: float = 1.0,
        c: float = 0.1,
        beta: float = 0.9,
        gamma: float = 2.0,
        reset: str = "grow",
        max_trials: int = 100,
        steps_per_epoch: int = 500,
    ) -> None:
        self.direction, self.initial, self.size = direction or SGD(), initial, initial
        self.c, self.beta, self.growth = c, beta, gamma ** (1 / steps_per_epoch)
        self.reset, self.max_trials, self.trials = reset, max_trials, 0

    def next(self, eta: float, ahead: float, loss: float, slope: float) -> float:
        """The eta to try after this one; the same one to accept it."""
        return eta if ahead <= loss - self.c * eta * slope else self.beta * eta

    def step(self, parameters: Arrays, evaluate) -> tuple[float, float]:
        loss, gradients, directions = look(self.direction, parameters, evaluate)
        decay, rate = self.direction.weight_decay, FALLBACK
        slope = dot(gradients, directions) - decay * dot(parameters, directions)
        self.size = {"grow": self.growth * self.size, "keep": self.size, "initial": self.initial}[self.reset]
        if math.sqrt(dot(gradients, gradients)) < 1e-8:
            return loss, 0.0
        for trial in range(self.max_trials):
            moved = [p - self.size * d for p, d in zip(parameters, directions, strict=True)]
            self.trials, tried = trial + 1, self.size
            self.size = self.next(tried, evaluate(moved)[0], loss, slope)
            if self.size == tried:
                rate = tried
                break
        move(parameters, directions, rate)
        return loss, rate


class Goldstein(SLS):
    """Also longer steps, where the loss falls by more than (1 - c) eta <g, d>: doubled, up to 10."""

    def next(self, eta: float, ahead: float, loss: float, slope: float) -> float:
        if not ahead <= loss - self.c * eta * slope:
            return max(self.beta * eta, SHORTEST)
        return eta if ahead >= loss - (1 - self.c) * eta * slope else min(2 * eta, LONGEST)
