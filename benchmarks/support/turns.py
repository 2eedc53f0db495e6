"""Contestants in turns, on a machine that others use too.

Import this before lrswift and torch: variables that make OpenBLAS run as on another processor, or with blocks
for another cache, are dropped for all contestants.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)

Turn = Callable[[], float]


@dataclass(frozen=True)
class Outcome:
    """Figures of one contestant, one a round, and in how many rounds others were busy."""

    values: list[float]
    disturbed: int

    @property
    def middle(self) -> float:
        return median(self.values)

    def over(self, other: Outcome) -> tuple[float, float, float]:
        """Lower quartile, median and upper quartile of the ratios within a round."""
        ratios = [a / b for a, b in zip(self.values, other.values, strict=True)]
        low, middle, high = quantiles(ratios, n=4, method="inclusive")
        return low, middle, high

    @property
    def mark(self) -> str:
        """A star where other processes took more than a tenth of the processor in most rounds."""
        return "*" if 2 * self.disturbed > len(self.values) else ""


class Clock:
    """Wall time, or the processor time of this process: what is left to compare on a crowded machine."""

    processor = False

    @classmethod
    def now(cls) -> float:
        return time.process_time() if cls.processor else time.perf_counter()


def everybody() -> float:
    """Processor seconds of all processes since boot."""
    fields = [float(f) for f in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def take_turns(
    contestants: Mapping[str, Turn],
    rounds: int,
    seconds: float = math.inf,
    own: Callable[[], float] = time.process_time,
) -> dict[str, Outcome]:
    """Calls every contestant once a round, each round beginning with the next; a turn returns its figure.

    Rounds in which others took more than a tenth of the processor are left out where three quiet ones
    remain. seconds: after which no round begins, if there are three. own: the contestants' processor time.
    """
    names = list(contestants)
    values: list[dict[str, float]] = []
    disturbed: list[bool] = []
    begun = time.perf_counter()
    for number in range(rounds):
        all0, own0, start = everybody(), own(), time.perf_counter()
        if number >= 3 and start - begun > seconds:
            break
        shift = number % len(names)
        values.append({name: contestants[name]() for name in names[shift:] + names[:shift]})
        all1, own1, wall = everybody(), own(), time.perf_counter() - start
        disturbed.append((all1 - all0) - (own1 - own0) > 0.1 * wall * (os.cpu_count() or 1))
    quiet = [row for row, busy in zip(values, disturbed, strict=True) if not busy]
    if len(quiet) >= 3:
        return {name: Outcome([row[name] for row in quiet], 0) for name in names}
    return {name: Outcome([row[name] for row in values], sum(disturbed)) for name in names}
