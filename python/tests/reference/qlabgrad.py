"""QLABGrad: the minimum of the parabola through the loss, its slope, and the loss at one trial step."""

from __future__ import annotations

import math
from collections.abc import Callable

from .directions import SGD, Arrays, dot, look, move

CAP = 64


def find_plr(trial: float, loss: float, slope: float, probe: Callable[[float], float]) -> tuple[float, int]:
    """FindPLR: double while the parabola is concave, then halve while the loss rises; and the moves made."""

    def safe(rate: float) -> float:
        value = probe(rate)
        return value if math.isfinite(value) else math.inf

    doublings = halvings = 0
    while doublings < CAP and safe(trial) - loss + trial * slope < 0:
        trial, doublings = 2 * trial, doublings + 1
    while halvings < CAP and safe(trial) > loss:
        trial, halvings = trial / 2, halvings + 1
    return trial, doublings + halvings


class QLABGrad:
    """alpha = s a^2 / (2 (L(theta - a d) - L + a s)) with s = <g, d> and the trial rate a.

    The trial rate is used as it is where the bracket is <= 0 or not finite. A probe that is not finite halves
    the trial rate, for good, and tries again. FindPLR runs from the current trial rate when the number of
    steps already taken is a multiple of `refind_every`. check: a rate beyond so many trial rates is halved
    until L(theta - rate d) <= L - 0.4 rate s; None, the paper's rule: never. halving: within a step the trial
    rate is halved while L is higher there. follow: the next trial rate is the rate, at most twice the trial
    rate (and that where the bracket is not positive), or half of the trial rate where L was higher there.
    """

    def __init__(
        self,
        direction=None,
        trial: float = 0.1,
        find_trial: bool = True,
        refind_every: int = 100,
        max_ratio: float = math.inf,
        check: float | None = 2.5,
        halving: bool = False,
        follow: bool = False,
    ) -> None:
        self.check, self.halving, self.follow = check, halving, follow
        self.direction = direction or SGD()
        self.trial, self.find_trial, self.refind_every, self.max_ratio = (
            trial,
            find_trial,
            refind_every,
            max_ratio,
        )
        self.t = 0

    def step(self, parameters: Arrays, evaluate) -> tuple[float, float]:
        loss, gradients, directions = look(self.direction, parameters, evaluate)
        slope = dot(gradients, directions)

        def probe(rate: float) -> float:
            return evaluate([p - rate * d for p, d in zip(parameters, directions, strict=True)])[0]

        if self.find_trial and self.t % self.refind_every == 0:
            self.trial, _ = find_plr(self.trial, loss, slope, probe)
        self.t += 1
        ahead = probe(self.trial)
        while not math.isfinite(ahead):
            self.trial /= 2
            ahead = probe(self.trial)
        trial = self.trial
        while self.halving and ahead > loss:
            trial /= 2
            ahead = probe(trial)
        bracket = ahead - loss + trial * slope
        curved = bracket > 0 and math.isfinite(bracket)
        rate = trial
        if curved:
            rate = min(slope * trial**2 / (2 * bracket), self.max_ratio * trial)
        while self.check is not None and rate > self.check * trial:
            if probe(rate) <= loss - 0.4 * rate * slope:
                break
            rate /= 2
        if self.follow:
            self.trial = trial / 2 if ahead > loss else min(rate, 2 * trial) if curved else 2 * trial
        move(parameters, directions, rate)
        return loss, rate
