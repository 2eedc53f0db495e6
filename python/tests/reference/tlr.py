"""TLR, the trainable learning rate: the efficient rule for any blocks of tensors, and the naive variant."""

from __future__ import annotations

import numpy as np

from .directions import SGD, Arrays, dot, look, move


def factor(inner: float, norm2: float, bound: float = 0.25) -> float:
    """1 + I / max(4 (n - I), I / c), with I = <g, g previous> and n = <g, g>; 0/0 keeps the rate."""
    denominator = max(4 * (norm2 - inner), inner / bound)
    return 1.0 if denominator == 0 else 1 + inner / denominator


def ntlr_factor(inner: float, old_norm2: float, gamma: float = 0.2) -> float:
    """The rule of the released follow-up: a damped Newton step with the norm of the older direction."""
    return 1 + gamma * inner / (old_norm2 - inner + 1e-10)


class TLR:
    """One rate for each block of tensors (`blocks`: lists of indices; None is one block of all of them).

    restart: a rate below that fraction of the first starts anew, from the first or, "largest", from the
    largest that it was since it last did.
    window 1 uses the gradient of the step itself. window M > 1 compares the displacements of successive
    windows divided by the rate they were made with: formed before steps M+1, 2M+1, ... (from 1), so that the
    first window only fills the memory and the rate first changes before step 2M+1.
    """

    def __init__(
        self,
        direction,
        initial: float = 0.01,
        bound: float = 0.25,
        window: int = 1,
        blocks: list | None = None,
        restart: float = 0.0,
        restart_from: str = "initial",
    ) -> None:
        self.restart, self.restart_from, self.largest = restart, restart_from, {}
        self.direction, self.initial, self.bound, self.window, self.blocks = (
            direction,
            initial,
            bound,
            window,
            blocks,
        )
        self.t, self.start, self.previous, self.rates = 0, None, None, []

    def update(self, parameters: Arrays, gradients: Arrays) -> None:
        rates = self.per_tensor(len(parameters))
        if self.window > 1:
            gradients = [(s - p) / a for s, p, a in zip(self.start, parameters, rates, strict=True)]
        if self.previous is not None:
            for k, block in enumerate(self.blocks):
                new, old = [gradients[i] for i in block], [self.previous[i] for i in block]
                self.rates[k] *= factor(dot(new, old), dot(new, new), self.bound)
                self.largest[k] = max(self.largest.get(k, self.initial), self.rates[k])
                if self.rates[k] < self.restart * self.initial:
                    self.rates[k] = self.initial if self.restart_from == "initial" else self.largest[k]
                    self.largest[k] = self.rates[k]
        self.previous = [g.copy() for g in gradients]

    def per_tensor(self, count: int) -> list[float]:
        return [next(a for a, b in zip(self.rates, self.blocks, strict=True) if i in b) for i in range(count)]

    def step(self, parameters: Arrays, evaluate) -> tuple[float, list[float]]:
        if self.start is None:
            self.blocks = self.blocks or [list(range(len(parameters)))]
            self.rates = [self.initial] * len(self.blocks)
        loss, gradients, directions = look(self.direction, parameters, evaluate)
        if self.window == 1 or (self.t > 0 and self.t % self.window == 0):
            self.update(parameters, gradients)
        if self.t % self.window == 0:
            self.start = [p.copy() for p in parameters]
        self.t += 1
        rates = self.per_tensor(len(parameters))
        for p, d, rate in zip(parameters, directions, rates, strict=True):
            p -= rate * d
        return loss, rates if len(self.rates) > 1 else self.rates[0]


class NaiveTLR:
    """alpha <- alpha + meta <gradient at theta - alpha g, g>, then theta <- theta - (new alpha) g."""

    def __init__(self, initial: float = 0.01, meta_lr: float = 1e-3) -> None:
        self.direction, self.rate, self.meta = SGD(), initial, meta_lr

    def step(self, parameters: Arrays, evaluate) -> tuple[float, float]:
        loss, gradients, directions = look(self.direction, parameters, evaluate)
        _, ahead = evaluate([p - self.rate * d for p, d in zip(parameters, directions, strict=True)])
        self.rate += self.meta * dot(ahead, gradients)
        move(parameters, directions, self.rate)
        return loss, self.rate


def steps_of(window: float, steps_per_epoch: int) -> int:
    """Steps in a window given as a fraction of an epoch: truncated, at least one."""
    return max(1, int(np.float64(window) * steps_per_epoch))
