"""L4: a fixed fraction of the step that would reach a running estimate of the smallest loss."""

from __future__ import annotations

from .directions import SGD, Adam, Arrays, Average, Ema, dot, look, move


class L4:
    """eta = alpha (L - gamma Lmin) / (<g^, d> + eps).

    g^ is the bias-corrected average (0.9) of the gradient, except over plain gradient descent, where it is
    the gradient itself (L4GD). Lmin is clipped before eta is formed and forgotten (inflated) after it.
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
    ) -> None:
        self.direction, self.average = direction, Average(0.9) if direction.averages else list
        self.alpha, self.gamma, self.tau, self.gamma0 = alpha, gamma, tau, gamma0
        self.eps, self.lower_bound, self.minimum = eps, lower_bound, None

    def step(self, parameters: Arrays, evaluate) -> tuple[float, float]:
        loss, gradients, directions = look(self.direction, parameters, evaluate)
        slope, gap = dot(self.average(gradients), directions), loss - self.lower_bound
        self.minimum = self.gamma0 * gap if self.minimum is None else min(self.minimum, gap)
        rate = self.alpha * (gap - self.gamma * self.minimum) / (slope + self.eps)
        self.minimum *= 1 + 1 / self.tau
        move(parameters, directions, rate)
        return loss, rate


def l4_mom(**constants) -> L4:
    return L4(Ema(), **constants)


def l4_adam(**constants) -> L4:
    return L4(Adam(eps=1e-4), **constants)


def l4_gd(**constants) -> L4:
    return L4(SGD(), **constants)
