"""How many steps should share one hyperparameter: the noise that sharing removes against the change it hides.

Source: Micaelli and Storkey, "Gradient-based hyperparameter optimization over long horizons" (arXiv
2007.07869), Theorem 4.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ArgumentError, ArgumentTypeError, ShapeError


def sharing_bound(mse1: float, epsilon: float, correlation: float, window: Any) -> Any:
    """Bound of the mean squared error of hypergradients averaged over `window` steps (Theorem 4.1).

    (1 + c (W - 1)) / W mse1 + epsilon^2 (W^2 - 1) / 12 for hypergradients whose variances average `mse1`,
    whose means differ by at most `epsilon` from step to step, and whose correlations are at most c =
    `correlation` in [0, 1]. window: a number of at least 1 or an array of them; a float or a float64 array
    of its shape comes back. A mean that changes along a straight line attains it.
    """
    _not_negative(mse1=mse1, epsilon=epsilon)
    _correlation(correlation)
    try:
        w = np.asarray(window, np.float64)
    except (TypeError, ValueError):
        raise ArgumentTypeError(
            f"window: got {window!r}; allowed: a number of at least 1, or an array"
        ) from None
    if not (w >= 1).all() or not np.isfinite(w).all():
        raise ArgumentError(f"window: got {window!r}; allowed: finite numbers of at least 1")
    bound = (1 + correlation * (w - 1)) / w * mse1 + epsilon**2 * (w**2 - 1) / 12
    return bound if w.ndim else float(bound)


def best_window(mse1: float, epsilon: float, correlation: float = 0.0) -> float:
    """The window that makes `sharing_bound` smallest: (6 (1 - c) mse1 / epsilon^2)^(1/3), at least 1.

    A real number; inf when nothing ever changes (epsilon 0), as long as sharing helps at all. The three
    numbers can be measured: `sharing_noise`.
    """
    _not_negative(mse1=mse1, epsilon=epsilon)
    _correlation(correlation)
    noise = 6 * (1 - correlation) * mse1
    if noise == 0:
        return 1.0
    # epsilon alone may be too small to be squared
    return max(1.0, (noise ** (1 / 3) / epsilon ** (2 / 3)) if epsilon > 0 else math.inf)


@dataclass(frozen=True)
class SharingNoise:
    """What Theorem 4.1 asks for, per inner step; its fields are the arguments of `best_window`."""

    mse1: float
    epsilon: float
    correlation: float


def sharing_noise(hypergradients: Any, window: int) -> SharingNoise:
    """Estimates noise, drift and correlation of one step's hypergradient from those of several seeds.

    hypergradients [seeds >= 2, windows >= 2]: sums over windows of `window` steps each, as
    `lr.hypergradient` gives them. All steps of a seed are taken to be equally correlated, c: their averages
    over W steps then vary by s2 (c + (1 - c) / W) and covary by s2 c, which gives s2 = mse1 and c; epsilon is
    the root mean square of the change between windows, less what the seeds' scatter around it explains, per
    step.

    Valid for windows of about `window` steps and more. Steps that are close to each other are correlated more
    than those far apart, of which sums tell nothing: n steps in a row then count as n / k, where k is the sum
    of their correlations over all distances, and mse1 comes out k times that of one step. That is the noise
    which longer windows average away; for shorter ones it is too large. A mean that does not change along a
    straight line changes less per step over long windows, so epsilon falls with `window`, and `best_window`
    rises with it.
    """
    try:
        sums = np.asarray(hypergradients, np.float64)
    except (TypeError, ValueError):
        raise ArgumentTypeError(
            f"hypergradients: got {type(hypergradients).__name__}; allowed: an array"
        ) from None
    if sums.ndim != 2 or min(sums.shape) < 2:
        raise ShapeError(
            f"hypergradients: got shape {sums.shape}; allowed: [seeds, windows], at least 2 each"
        )
    if window < 1:
        raise ArgumentError(f"window: got {window!r}; allowed: at least 1")
    if not np.isfinite(sums).all():
        raise ArgumentError("hypergradients: not all finite; allowed: finite numbers")
    seeds, windows = sums.shape
    averages = sums / window
    covariance = np.cov(averages, rowvar=False)
    variance = float(np.trace(covariance)) / windows
    shared = float(covariance.sum() - np.trace(covariance)) / (windows * (windows - 1))
    shared = min(max(shared, 0.0), variance)
    mse1 = window * (variance - shared) + shared
    changes = np.diff(averages, axis=1)
    drift2 = float((changes.mean(0) ** 2 - changes.var(0, ddof=1) / seeds).mean())
    return SharingNoise(mse1, math.sqrt(max(drift2, 0.0)) / window, shared / mse1 if mse1 else 0.0)


def _not_negative(**given: float) -> None:
    for name, value in given.items():
        try:
            bad = not (value >= 0 and math.isfinite(value))
        except TypeError:
            raise ArgumentTypeError(f"{name}: got {value!r}; allowed: a number of at least 0") from None
        if bad:
            raise ArgumentError(f"{name}: got {value!r}; allowed: a finite number of at least 0")


def _correlation(value: float) -> None:
    try:
        bad = not 0 <= value <= 1
    except TypeError:
        raise ArgumentTypeError(f"correlation: got {value!r}; allowed: a number from 0 to 1") from None
    if bad:
        raise ArgumentError(f"correlation: got {value!r}; allowed: from 0 to 1")
