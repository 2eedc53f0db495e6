"""The search of ALRS: soft bisection, then fine steps, driven by +1 (increase) and -1 (decrease)."""

from __future__ import annotations


class SBF:
    def __init__(
        self,
        start: float = 1.0,
        rho: float = 0.8,
        gate: float = 0.2,
        max_signals: int = 100,
        final_signals: int = 20,
    ) -> None:
        self.value, self.low, self.high, self.m = start, 0.0, 2 * start, 0.0
        self.rho, self.gate, self.max_signals, self.final_signals = rho, gate, max_signals, final_signals
        self.bisections = self.final = 0
        self.fine = False

    @property
    def done(self) -> bool:
        return self.final >= self.final_signals

    def signal(self, s: int) -> None:
        self.m = self.rho * self.m + (1 - self.rho) * s
        if self.fine:
            self.value *= 1 + s * (0.01 + 0.04 * abs(self.m))
            self.final += 1
            return
        soft = 1.05 + 0.45 * abs(self.m) if s * self.m > self.gate else 1.0
        if s > 0:
            self.low, self.high = self.value, self.high * soft
        else:
            self.low, self.high = self.low / soft, self.value
        self.value = (self.low + self.high) / 2
        self.bisections += 1
        self.fine = self.high - self.low < 0.05 * self.value or self.bisections == self.max_signals
