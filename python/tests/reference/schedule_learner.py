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
    """The sign step where the mean over seeds exceeds its standard error; else a trade or a way back."""

    def __init__(self, values, step_size, rates, momenta, sensitivity=10, relapse=0.15, factor=0.6, cap=0.97):
        self.values = np.array(values, float)
        self.steps = np.array(step_size, float)
        self.last = np.zeros_like(self.values)
        self.rates, self.momenta = slice(0, rates), slice(rates, rates + momenta)
        self.sensitivity, self.relapse, self.factor, self.cap = sensitivity, relapse, factor, cap
        self.first = self.best = None
        self.best_values = self.values

    def observe(self, losses, hypergradients):
        loss, h = float(np.mean(losses)), np.asarray(hypergradients, float)
        if np.isfinite(loss):
            self.first = loss if self.first is None else self.first
            if self.best is None or loss < self.best:
                self.best, self.best_values = loss, self.values.copy()
        if self.best is not None and (
            not np.isfinite(loss) or loss > self.best + self.relapse * (self.first - self.best) > self.best
        ):
            self.values = 0.5 * (self.values + self.best_values)
            self.steps = 0.5 * self.steps
        elif np.isfinite(loss) and np.isfinite(h).all() and self._smooth(h):
            self._step(h)
        else:
            both = slice(0, self.momenta.stop)
            self.values[self.rates] *= self.factor
            self.values[self.momenta] = 1 - self.factor * (1 - self.values[self.momenta])
            self.steps[both] *= self.factor
        self.values[self.momenta] = np.minimum(self.values[self.momenta], self.cap)

    def _smooth(self, h):
        at_stake = max(abs(self.best), self.first - self.best)
        changes = np.abs(h.mean(0)[self.rates] * self.values[self.rates]) / at_stake
        return (changes <= self.sensitivity).all()

    def _step(self, h):
        mean = h.mean(0)
        error = h.std(0, ddof=1) / np.sqrt(len(h)) if len(h) > 1 else np.zeros(h.shape[1])
        s = np.where(np.abs(mean) > error, np.sign(mean), 0)
        flipped = s * self.last == -1
        self.steps = np.where(flipped, 0.5 * self.steps, self.steps)
        self.last = np.where(s != 0, s, self.last)
        self.values = self.values - self.steps * s
