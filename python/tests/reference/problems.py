"""Problems the references and the native library are both run on, with gradients written out by hand."""

from __future__ import annotations

import numpy as np

from .directions import Arrays

CURVATURE = np.array([1.0, 4.0, 10.0])
START = np.array([1.0, -2.0, 0.5])


def quadratic(parameters: Arrays) -> tuple[float, Arrays]:
    """f = theta' H theta / 2 with H = diag(1, 4, 10); start at START, f = 9.75, |g|^2 = 90."""
    (theta,) = parameters
    return float(0.5 * np.sum(CURVATURE * theta * theta)), [CURVATURE * theta]


def bowl(parameters: Arrays) -> tuple[float, Arrays]:
    """f = sum x^2, whose checks start at (1, 2, 3)."""
    return float(np.sum(parameters[0] ** 2)), [2 * parameters[0]]


def concave(parameters: Arrays) -> tuple[float, Arrays]:
    """f = -|theta|^2 / 2."""
    return float(-0.5 * np.sum(parameters[0] ** 2)), [-parameters[0]]


def run(optimizer, steps: int, evaluate=quadratic, start: Arrays | None = None) -> tuple[list, list]:
    """Rates of the steps of a reference, and losses after them."""
    parameters = [START.copy()] if start is None else start
    rates, losses = [], []
    for _ in range(steps):
        rates.append(optimizer.step(parameters, evaluate)[1])
        losses.append(evaluate(parameters)[0])
    return rates, losses


def regression_data(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """W1, W2, x, y: weights to start from, and targets whose rows differ in scale by 1e5."""
    random = np.random.RandomState(seed)
    w1, w2 = random.randn(10, 6), random.randn(6, 6)
    target = np.linspace(1, 1e-5, 10)[:, None] * random.rand(10, 6)
    x = random.randn(6, 1000)
    return w1, w2, x, target @ x


def regression(seed: int = 0, scale: float = 1.0):
    """The badly conditioned two-layer linear regression: start weights and evaluate; the loss is a sum."""
    w1, w2, x, y = regression_data(seed)

    def evaluate(parameters: Arrays) -> tuple[float, Arrays]:
        a, b = parameters
        hidden = b @ x
        residual = a @ hidden - y
        g = 2 * scale * residual
        return float(scale * np.sum(residual * residual)), [g @ hidden.T, (a.T @ g) @ x.T]

    return [w1, w2], evaluate


class TanhNetwork:
    """y = tanh(x w1 + b1) w2 + b2 and half its mean squared error to a noisy target, on fixed mini-batches.

    Shapes: w1 (5, 8), b1 (8), w2 (8, 2), b2 (2); a batch is x (16, 5), y (16, 2).
    """

    names = ("w1", "b1", "w2", "b2")

    def __init__(self, batches: int = 200, seed: int = 7) -> None:
        random = np.random.default_rng(seed)
        self.x = random.standard_normal((batches, 16, 5))
        teacher = random.standard_normal((5, 2))
        self.y = np.sin(self.x @ teacher) + 1.0 + 0.3 * random.standard_normal((batches, 16, 2))
        self.start = [
            random.standard_normal((5, 8)) / np.sqrt(5),
            0.1 * random.standard_normal(8),
            random.standard_normal((8, 2)) / np.sqrt(8),
            np.zeros(2),
        ]

    def initial(self) -> Arrays:
        return [p.copy() for p in self.start]

    def at(self, batch: int):
        x, y = self.x[batch % len(self.x)], self.y[batch % len(self.y)]

        def evaluate(parameters: Arrays) -> tuple[float, Arrays]:
            w1, b1, w2, b2 = parameters
            hidden = np.tanh(x @ w1 + b1)
            residual = hidden @ w2 + b2 - y
            g = residual / residual.size
            back = (g @ w2.T) * (1 - hidden * hidden)
            return float(0.5 * np.mean(residual**2)), [x.T @ back, back.sum(0), hidden.T @ g, g.sum(0)]

        return evaluate
