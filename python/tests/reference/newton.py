"""Exact line curvature: the minimum of the true second-order model of the loss along the direction."""

from __future__ import annotations

import warnings

import numpy as np

from .directions import SGD, Arrays, dot, look, move


def curvature(parameters: Arrays, directions: Arrays, evaluate) -> float:
    """d'Hd to rounding: the gradient is analytic, so its value at theta + i h d is g + i h H d."""
    h = 1e-30
    with warnings.catch_warnings():  # the loss drops its imaginary part, which is not looked at
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
        _, gradients = evaluate([p + 1j * h * d for p, d in zip(parameters, directions, strict=True)])
    return dot([g.imag / h for g in gradients], directions)


class Newton:
    """rate = <g, d> / d'Hd, at least 0; the previous rate (at first `initial`) where d'Hd is not positive."""

    def __init__(self, direction=None, initial: float = 0.01) -> None:
        self.direction, self.rate = direction or SGD(), initial

    def step(self, parameters: Arrays, evaluate) -> tuple[float, float]:
        loss, gradients, directions = look(self.direction, parameters, evaluate)
        bend = curvature(parameters, directions, evaluate)
        if bend > 0:
            self.rate = max(0.0, dot(gradients, directions) / bend)
        move(parameters, directions, self.rate)
        return loss, self.rate
