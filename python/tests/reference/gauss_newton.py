"""Hypergradients of SGD on a small network with J' H J written out instead of the Hessian."""

from __future__ import annotations

import numpy as np


class Network:
    """tanh(x W1' + b1) W2' + b2 under the mean softmax cross-entropy; theta: W1, b1, W2, b2, flat."""

    def __init__(self, inputs: int, hidden: int, classes: int) -> None:
        self.shapes = [(hidden, inputs), (hidden,), (classes, hidden), (classes,)]
        self.ends = np.cumsum([int(np.prod(s)) for s in self.shapes])

    def parts(self, theta: np.ndarray) -> list[np.ndarray]:
        pieces = np.split(theta, self.ends[:-1])
        return [p.reshape(s) for p, s in zip(pieces, self.shapes, strict=True)]

    def forward(self, theta: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Hidden values and probabilities."""
        w1, b1, w2, b2 = self.parts(theta)
        hidden = np.tanh(x @ w1.T + b1)
        z = np.exp(hidden @ w2.T + b2)
        return hidden, z / z.sum(1, keepdims=True)

    def jacobian(self, theta: np.ndarray, x: np.ndarray) -> np.ndarray:
        """[rows, classes, parameters], of the outputs before the softmax."""
        _, _, w2, _ = self.parts(theta)
        hidden, _ = self.forward(theta, x)
        rows, classes = len(x), len(w2)
        # d z_c / d a_h with a the input of tanh
        slope = (1 - hidden**2)[:, None, :] * w2[None]
        one = np.eye(classes)
        blocks = [
            np.einsum("ni,nch->nchi", x, slope), slope, np.einsum("nh,cd->ncdh", hidden, one),
            np.tile(one, (rows, 1, 1)),
        ]  # fmt: skip
        return np.concatenate([b.reshape(rows, classes, -1) for b in blocks], axis=2)

    def gradient(self, theta: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        _, p = self.forward(theta, x)
        return np.einsum("nc,ncp->p", p - np.eye(p.shape[1])[y], self.jacobian(theta, x)) / len(x)

    def gauss_newton(self, theta: np.ndarray, x: np.ndarray) -> np.ndarray:
        j = self.jacobian(theta, x)
        _, p = self.forward(theta, x)
        h = p[:, :, None] * np.eye(p.shape[1]) - p[:, :, None] * p[:, None, :]
        return np.einsum("ncp,ncd,ndq->pq", j, h, j) / len(x)


def hypergradients(
    network: Network,
    start: np.ndarray,
    train: list[tuple[np.ndarray, np.ndarray]],
    valid: tuple[np.ndarray, np.ndarray],
    alphas: np.ndarray,
    beta: float,
    decay: float,
) -> tuple[np.ndarray, np.ndarray]:
    """([rates..., momentum, decay], end of the run): equation 4 of FDS with J' H J for H.

    C = beta C + (J' H J + decay) Z (+ v, + theta in the columns of momentum and decay), Z = Z - alpha C
    (- v in the column of the rate in force).
    """
    theta, v = start.copy(), np.zeros_like(start)
    count = len(alphas)
    z, c = np.zeros((len(theta), count + 2)), np.zeros((len(theta), count + 2))
    for t, (x, y) in enumerate(train):
        a = count * t // len(train)
        product = network.gauss_newton(theta, x) @ z + decay * z
        c = beta * c + product
        c[:, count] += v
        c[:, count + 1] += theta
        v = beta * v + network.gradient(theta, x, y) + decay * theta
        z = z - alphas[a] * c
        z[:, a] -= v
        theta = theta - alphas[a] * v
    return network.gradient(theta, *valid) @ z, theta
