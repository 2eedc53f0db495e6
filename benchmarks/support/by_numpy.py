"""Networks and optimizers by hand in NumPy."""

from __future__ import annotations

import numpy as np

from . import networks
from .turns import Turn
from .work import Training

Arrays = list[np.ndarray]


def training(work: Training) -> Turn:
    """Linear layers with ReLU between, softmax cross-entropy, SGD or Adam; all updates in place."""
    x, y = work.data()
    rng = np.random.default_rng(2)
    sizes = [numbers for kind, *numbers in networks.NETWORKS[work.network] if kind == "linear"]
    weights = [rng.uniform(-1, 1, (a, b)).astype(np.float32) / np.float32(a) ** 0.5 for a, b in sizes]
    biases = [np.zeros(b, np.float32) for _, b in sizes]
    parameters = [*weights, *biases]
    update = adam(parameters) if work.optimizer == "adam" else sgd(parameters)

    def step(rows: np.ndarray) -> None:
        inputs = [x[rows]]
        for w, b in zip(weights[:-1], biases[:-1], strict=True):
            hidden = inputs[-1] @ w
            hidden += b
            inputs.append(np.maximum(hidden, 0, out=hidden))
        g = inputs[-1] @ weights[-1] + biases[-1]
        g -= g.max(1, keepdims=True)
        np.exp(g, out=g)
        g /= g.sum(1, keepdims=True)
        g[np.arange(len(rows)), y[rows]] -= 1
        g /= len(rows)
        of_weights: Arrays = []
        of_biases: Arrays = []
        for i in range(len(weights) - 1, -1, -1):
            of_weights.insert(0, inputs[i].T @ g)
            of_biases.insert(0, g.sum(0))
            if i:
                g = g @ weights[i].T
                g *= inputs[i] > 0
        update([*of_weights, *of_biases])

    def run(rows: np.ndarray) -> None:
        for batch in rows:
            step(batch)

    return work.turn(run)


def sgd(parameters: Arrays):
    def update(gradients: Arrays) -> None:
        for p, g in zip(parameters, gradients, strict=True):
            g *= np.float32(0.01)
            p -= g

    return update


def adam(parameters: Arrays):
    first = [np.zeros_like(p) for p in parameters]
    second = [np.zeros_like(p) for p in parameters]
    room = [np.empty_like(p) for p in parameters]
    t = 0

    def update(gradients: Arrays) -> None:
        nonlocal t
        t += 1
        rate, root = np.float32(1e-3 / (1 - 0.9**t)), np.float32((1 - 0.999**t) ** 0.5)
        for p, g, m, v, r in zip(parameters, gradients, first, second, room, strict=True):
            m *= np.float32(0.9)
            m += np.multiply(g, np.float32(0.1), out=r)
            v *= np.float32(0.999)
            np.multiply(g, g, out=r)
            r *= np.float32(0.001)
            v += r
            np.sqrt(v, out=r)
            r /= root
            r += np.float32(1e-8)
            np.divide(m, r, out=r)
            r *= rate
            p -= r

    return update
