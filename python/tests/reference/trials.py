"""The rate by short runs ("trials"), in plain loops: each from the start, over the same batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from .directions import Arrays, dot, look

LENGTH, TAIL, BUDGET = 32, 8, 200
# weight of the trials' rate, and the usual rate: along gradients of a loss of 1, and along unit directions
GRADIENT, UNIT = (0.6, 0.015), (0.4, 0.0042)


class Spent(Exception):
    """The budget is used up within a run, or the ramp explodes nowhere."""


@dataclass
class Run:
    """Losses at the rates that were in force after them; whether it exploded."""

    losses: list[float]
    exploded: bool


@dataclass
class Finding:
    rate: float
    reliable: bool
    rates: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)


class Trials:
    def __init__(
        self, parameters: Arrays, batches: Sequence[Callable], make_direction: Callable, rows: int = 64
    ) -> None:
        self.parameters, self.make, self.rows = parameters, make_direction, rows
        self.batches = [batches[t % len(batches)] for t in range(LENGTH)]
        self.rates: list[float] = []
        self.losses: list[float] = []

    def run(self, rate: Callable[[int], float], first: int, most: int, count: int, share: float) -> Run:
        """Steps until `most`, or until the mean of the last `count` losses is too far above the reference."""
        at, direction, losses = [p.copy() for p in self.parameters], self.make(), []
        while len(losses) < most:
            if len(self.rates) == BUDGET:
                raise Spent
            t = len(losses)
            loss, gradients = self.batches[(first + t) % LENGTH](at)
            finite = math.isfinite(loss) and math.isfinite(dot(gradients, gradients))
            losses.append(loss if finite else math.inf)
            self.rates.append(rate(t))
            self.losses.append(losses[-1])
            if not finite:
                return Run(losses, True)
            if len(losses) >= count and share < math.inf:
                if np.mean(losses[-count:]) > self.mean + share * max(abs(self.mean), 10 * self.deviation):
                    return Run(losses, True)
            _, _, d = look(direction, at, lambda _, known=(loss, gradients): known)
            at = [a - rate(t) * x for a, x in zip(at, d, strict=True)]
        return Run(losses, False)

    def find(self, start: float) -> Finding:
        reference = self.run(lambda t: 0.0, LENGTH - TAIL, TAIL, 1, math.inf).losses
        self.mean, self.deviation = float(np.mean(reference)), float(np.std(reference, ddof=1))
        scores: dict[int, float] = {}
        tails: dict[int, np.ndarray] = {}
        top, bracketed, given = math.nan, False, start
        try:
            while True:
                ramp = self.run(lambda t, r=start: r * 10 ** (t / 4), 0, 64, 3, 0.3)
                if not ramp.exploded:
                    raise Spent
                if len(ramp.losses) > 12:
                    break
                start *= 1e-4
            top = start * 10 ** ((len(ramp.losses) - 1) / 4)
            rung: int | None = 2
            while rung is not None:
                rate = top * 10 ** (-rung / 2)
                if scores and len(self.rates) + LENGTH > BUDGET:
                    break
                trial = self.run(lambda t, r=rate: r * (1 - t / LENGTH), 0, LENGTH, 4, 1.0)
                scores[rung] = self.mean + 3 * max(abs(self.mean), 10 * self.deviation)
                if not trial.exploded:
                    tails[rung] = np.array(trial.losses[-TAIL:])
                    scores[rung] = float(np.mean(tails[rung]))
                rung = self.next(scores)
            bracketed = rung is None
        except Spent:
            pass
        return self.conclude(scores, tails, top, reference, bracketed, given)

    def best(self, scores: dict[int, float]) -> int:
        return min(sorted(scores, reverse=True), key=lambda k: scores[k])

    def usual(self) -> tuple[float, float]:
        """How much the trials' rate weighs, and the other one, from the first direction."""
        at = [p.copy() for p in self.parameters]
        loss, g = self.batches[LENGTH - TAIL](at)
        _, _, d = look(self.make(), at, lambda _: (loss, g))
        slope, length, gradient = dot(g, d), math.sqrt(dot(d, d)), math.sqrt(dot(g, g))
        if slope > math.sqrt(0.98) * length * gradient:
            return GRADIENT[0], GRADIENT[1] * (self.rows / 64) ** 0.75 / self.mean * gradient / length
        return UNIT[0], UNIT[1] / (length / math.sqrt(sum(x.size for x in d)))

    def next(self, scores: dict[int, float]) -> int | None:
        best, lowest, highest = self.best(scores), max(scores), min(scores)
        if scores[best] >= self.mean or best == lowest:
            return lowest + 1 if lowest < 12 else None
        if best == highest:
            return highest - 1 if highest > -2 else None
        return None

    def conclude(
        self,
        scores: dict[int, float],
        tails: dict[int, np.ndarray],
        top: float,
        reference: list[float],
        bracketed: bool,
        start: float,
    ) -> Finding:
        if not scores:
            # the usual rate, where the first direction says which that is
            _, gradients = self.batches[LENGTH - TAIL]([p.copy() for p in self.parameters])
            known = dot(gradients, gradients) > 0 and math.isfinite(self.mean)
            return Finding(self.usual()[1] if known else start, False, self.rates, self.losses)
        best = self.best(scores)
        gain = self.mean - scores[best]
        if gain <= 0:
            return Finding(top * 10 ** (-max(scores) / 2), False, self.rates, self.losses)
        rung = float(best)
        if best - 1 in scores and best + 1 in scores:
            heights = [min(scores[best + k], self.mean + gain) for k in (-1, 0, 1)]
            second, first, _ = np.polyfit([-1, 0, 1], heights, 2)
            rung += float(np.clip(-first / (2 * second), -0.5, 0.5))
        differences = np.array(reference) - tails[best]
        error = np.std(differences, ddof=1) / math.sqrt(TAIL)
        reliable = bool(bracketed and gain > 2 * error)
        weight, usual = self.usual()
        rate = math.exp(weight * math.log(top * 10 ** (-rung / 2)) + (1 - weight) * math.log(usual))
        return Finding(rate, reliable, self.rates, self.losses)
