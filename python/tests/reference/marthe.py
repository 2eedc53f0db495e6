"""MARTHE on quadratics: training loss (x - a)'A(x - a) / 2 and validation loss (x - b)'B(x - b) / 2.

The recursions are the paper's for the heavy ball v <- m v + g + w x, x <- x - eta v, written with matrices.
"""

from __future__ import annotations

import numpy as np


def run(train, valid, start, steps, eta, kappa, mu, momentum=0.0, decay=0.0, kappa_rate=0.0):
    """Points, rates taken and Deltas, after each step."""
    (a_matrix, a), (b_matrix, b) = train, valid
    hessian = a_matrix + decay * np.eye(len(start))
    x, v, z, c, last = start.copy(), np.zeros_like(start), np.zeros_like(start), np.zeros_like(start), None
    points, rates, deltas = [], [], []
    for _ in range(steps):
        gradient = a_matrix @ (x - a) + decay * x
        direct = momentum * v + gradient
        old = c
        c = mu * (hessian @ z + momentum * old)
        z = mu * (z - eta * (hessian @ z) - eta * momentum * old) - direct
        v = direct
        x = x - eta * v
        rates.append(eta)
        delta = float((b_matrix @ (x - b)) @ z)
        if last is not None:
            kappa = max(kappa + kappa_rate * delta * last, 0.0)
        eta = max(eta - kappa * delta, 0.0)
        last = delta
        points.append(x)
        deltas.append(delta)
    return np.array(points), np.array(rates), np.array(deltas)
