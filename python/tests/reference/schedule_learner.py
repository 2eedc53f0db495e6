"""FDS's outer steps in plain NumPy, from the paper's text and the issue's description of the gated loop."""

import numpy as np


class Sign:
    """Fixed steps by the sign, halved entry by entry when it flips; NaN and 0 count as 0 and hide a flip."""

    def __init__(self, values, step_size, decay=0.5):
        self.values = np.array(values, float)
        self.steps = np.array(step_size, float)
        self.decay = decay
        self.last = np.zeros_like(self.values)

    def observe(self, hypergradients):
        mean = np.asarray(hypergradients, float).mean(0)
        s = np.sign(np.where(np.isnan(mean), 0, mean))
        self.steps[s * self.last == -1] *= self.decay
        self.last = s
        self.values = self.values - self.steps * s

    def converged(self, tolerance=0.05):
        with np.errstate(divide="ignore"):
            return bool((self.steps / np.abs(self.values) < tolerance).all())


class Gradient:
    """The printed step: against the average over the window."""

    def __init__(self, values, step_size, windows):
        self.values = np.array(values, float)
        self.step_size = np.array(step_size, float)
        self.windows = np.array(windows, float)

    def observe(self, hypergradients):
        mean = np.asarray(hypergradients, float).mean(0) / self.windows
        self.values = self.values - self.step_size * np.where(np.isfinite(mean), mean, 0)


class Gated:
    """The sign step where the mean over seeds exceeds its standard error; else a trade or a way back.

    horizon: steps of the run, all windows of a layer together.
    """

    def __init__(
        self, values, step_size, rates, momenta, sensitivity=10, relapse=0.15, factor=0.6, cap=0.97,
        memory=0.04, growth=1.2, layers=1, horizon=1.0,
    ):  # fmt: skip
        self.values = np.array(values, float)
        self.steps = np.array(step_size, float)
        self.limits = self.steps.copy()
        self.last = np.zeros_like(self.values)
        self.rates, self.momenta = slice(0, rates), slice(rates, rates + momenta)
        self.sensitivity, self.relapse, self.factor, self.cap = sensitivity, relapse, factor, cap
        self.growth, self.layers, self.most = growth, layers, 1 - 1 / (memory * horizon)
        self.first = self.best = None
        self.best_values = self.values

    def observe(self, losses, hypergradients):
        loss, h = float(np.mean(losses)), np.asarray(hypergradients, float)
        if np.isfinite(loss):
            self.first = loss if self.first is None else self.first
            if self.best is None or loss < self.best:
                self.best, self.best_values = loss, self.values.copy()
        usable = np.isfinite(loss) and np.isfinite(h).all()
        if self.best is not None and (
            not np.isfinite(loss) or loss > self.best + self.relapse * (self.first - self.best) > self.best
        ):
            self.values = 0.5 * (self.values + self.best_values)
            self.steps = 0.5 * self.steps
        elif usable and not self._chaotic(h).any():
            self._step(h)
        else:
            if usable:
                self._level(self._chaotic(h))
            self._trade()
        self.values[self.momenta] = np.minimum(self.values[self.momenta], self.cap)

    def _chaotic(self, h):
        at_stake = max(abs(self.best), self.first - self.best)
        return np.abs(h.mean(0)[self.rates] * self.values[self.rates]) / at_stake > self.sensitivity

    def _level(self, chaotic):
        rows = self.values[self.rates].reshape(self.layers, -1)
        for row, wild in zip(rows, chaotic.reshape(self.layers, -1), strict=True):
            tops = [row[k:].max() for k in range(len(row))]
            reach = np.flatnonzero(wild).max(initial=-1) + 1
            row[:reach] = (row[:reach] + tops[:reach]) / 2
        self.values[self.rates] = rows.ravel()

    def _trade(self):
        both, before = slice(0, self.momenta.stop), self.values[self.momenta].copy()
        self.values[self.rates] *= self.factor
        after = np.minimum(1 - self.factor * (1 - before), np.maximum(before, self.most))
        self.values[self.momenta] = after
        self.steps[both] *= self.factor
        self.limits[both] *= ((1 - after) / (1 - before)).max(initial=self.factor if after.size else 1)

    def _step(self, h):
        mean = h.mean(0)
        error = h.std(0, ddof=1) / np.sqrt(len(h)) if len(h) > 1 else np.zeros(h.shape[1])
        s = np.where(np.abs(mean) > error, np.sign(mean), 0)
        grown = np.minimum(self.growth * self.steps, self.limits)
        factors = {-1: 0.5 * self.steps, 0: self.steps, 1: np.maximum(self.steps, grown)}
        self.steps = np.choose((s * self.last).astype(int) + 1, [factors[-1], factors[0], factors[1]])
        self.last = np.where(s != 0, s, self.last)
        moved = self.values - self.steps * s
        halves = np.where(self.values > 0, self.values / 2, -np.inf)
        halves[self.rates.stop :] = -np.inf
        self.values = np.maximum(moved, halves)
