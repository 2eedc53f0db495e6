"""L4: a fixed fraction of the step that would reach a running estimate of the smallest loss."""

from __future__ import annotations

import math
from collections.abc import Callable

from .directions import SGD, Adam, Arrays, Average, Ema, dot, look, move


class L4:
    """eta = alpha (L - gamma Lmin) / (<g^, d> + eps).

    g^ is the bias-corrected average (0.9) of the gradient, except over plain gradient descent, where it is
    the gradient itself (L4GD). Lmin is clipped before eta is formed and forgotten (inflated) after it.
    estimator: "direction", as said; "gradient", the gradient of this batch; "ema", a bias-corrected average
    of its own with `beta`. loss_decay: a weight decay w of which w |theta|^2 / 2 is a part of the loss, and
    with it w theta of the gradient that the last two know.
    clip: what d is made of is clip(g); g^ stays the loss's, and the step as long as along g^.
    """

    def __init__(
        self,
        direction,
        alpha: float = 0.15,
        gamma: float = 0.9,
        tau: float = 1000,
        gamma0: float = 0.75,
        eps: float = 1e-12,
        lower_bound: float = 0.0,
        clip: Callable[[Arrays], Arrays] = list,
        estimator: str = "direction",
        beta: float = 0.9,
        loss_decay: float = 0.0,
    ) -> None:
        self.estimator, self.own, self.loss_decay = estimator, Average(beta), loss_decay
        self.direction, self.clip = direction, clip
        self.average, self.followed = (Average(0.9) if direction.averages else list for _ in range(2))
        self.alpha, self.gamma, self.tau, self.gamma0 = alpha, gamma, tau, gamma0
        self.eps, self.lower_bound, self.minimum = eps, lower_bound, None

    def step(self, parameters: Arrays, evaluate) -> tuple[float, float]:
        loss, gradients = evaluate(parameters)
        clipped = self.clip(gradients)
        _, decayed, directions = look(self.direction, parameters, lambda _: (loss, clipped))
        cut = [g - c for g, c in zip(gradients, clipped, strict=True)]
        whole = self.average([d + c for d, c in zip(decayed, cut, strict=True)])
        followed = self.followed(decayed)
        cosine = dot(whole, followed) / math.sqrt(dot(whole, whole) * dot(followed, followed))
        known = [g + self.loss_decay * p for g, p in zip(gradients, parameters, strict=True)]
        if self.estimator == "gradient":
            whole = known
        if self.estimator == "ema":
            whole = self.own(known)
        seen = loss + 0.5 * self.loss_decay * dot(parameters, parameters)
        slope, gap = dot(whole, directions) / cosine, seen - self.lower_bound
        self.minimum = self.gamma0 * gap if self.minimum is None else min(self.minimum, gap)
        rate = self.alpha * (gap - self.gamma * self.minimum) / (slope + self.eps) if slope > 0 else 0.0
        self.minimum *= 1 + 1 / self.tau
        move(parameters, directions, rate)
        return loss, rate


def l4_mom(**constants) -> L4:
    return L4(Ema(), **constants)


def l4_adam(**constants) -> L4:
    return L4(Adam(eps=1e-4), **constants)


def l4_gd(**constants) -> L4:
    return L4(SGD(), **constants)
