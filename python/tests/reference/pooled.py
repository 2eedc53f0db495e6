"""Rates per tensor, shrunk towards the rate of all by their measured noise (docs/decisions.md)."""

from __future__ import annotations

import numpy as np

from .directions import Arrays, dot, look
from .tlr import factor


def factors(ratios: list[list[float]], memory: float = 0.9) -> np.ndarray:
    """exp(w m) for every tensor, from all log ratios r that it has had, the oldest first."""
    means, variances = np.zeros(len(ratios)), np.full(len(ratios), np.inf)
    for i, r in enumerate(ratios):
        if not r:
            continue
        weights = memory ** np.arange(len(r))[::-1]
        weights /= weights.sum()
        means[i] = weights @ r
        if len(r) > 1:
            # of weights that sum to one, the unbiased variance
            variances[i] = weights @ (np.array(r) - means[i]) ** 2 / (1 - weights @ weights)
    known = np.isfinite(variances)
    if not known.any():
        return np.ones(len(ratios))
    spread = np.maximum(0, means[known] ** 2 - variances[known]).mean()
    return np.exp(spread / (spread + variances) * means) if spread > 0 else np.ones(len(ratios))


class PooledTLR:
    """TLR for all tensors and for each; a window's displacement is divided by the rate that was taken."""

    def __init__(self, direction, window: int = 1, initial: float = 0.01) -> None:
        self.direction, self.window, self.initial, self.t = direction, window, initial, 0
        self.previous: Arrays | None = None

    def step(self, parameters: Arrays, evaluate) -> tuple[float, list[float]]:
        n = len(parameters)
        loss, gradients, directions = look(self.direction, parameters, evaluate)
        if self.t == 0:
            self.common, self.own, self.taken = self.initial, [self.initial] * n, [self.initial] * n
            self.ratios: list[list[float]] = [[] for _ in range(n)]
        if self.window == 1:
            now = [g.copy() for g in gradients]
        elif self.t > 0 and self.t % self.window == 0:
            now = [(s - p) / rate for s, p, rate in zip(self.start, parameters, self.taken, strict=True)]
        else:
            now = None
        if self.t % self.window == 0:
            self.start = [p.copy() for p in parameters]
        if now is not None:
            if self.previous is not None:
                self.common *= factor(dot(now, self.previous), dot(now, now))
                self.own = [
                    rate * factor(dot([a], [b]), dot([a], [a]))
                    for rate, a, b in zip(self.own, now, self.previous, strict=True)
                ]
            self.previous = now
            for r, own in zip(self.ratios, self.own, strict=True):
                r.append(np.log(own / self.common))
        self.t += 1
        self.taken = list(self.common * factors(self.ratios))
        for p, d, rate in zip(parameters, directions, self.taken, strict=True):
            p -= rate * d
        return loss, self.taken
