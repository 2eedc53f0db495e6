"""How many steps should share one hyperparameter: the noise that sharing removes against the change it hides.

Source: Micaelli and Storkey, "Gradient-based hyperparameter optimization over long horizons" (arXiv
2007.07869), Theorem 4.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import check_whole
from ..errors import ArgumentError, ArgumentTypeError, ShapeError


def sharing_bound(mse1: float, epsilon: float, correlation: Any, window: Any) -> Any:
    """Bound of the mean squared error of hypergradients that are averaged over a window of steps.

    For hypergradients whose variances average s2 = `mse1`, whose means differ by at most e = `epsilon` from
    step to step, and whose correlations are at most c = `correlation`, averages over W steps have an error of
    at most

        (1 + c (W - 1)) / W s2 + e^2 (W^2 - 1) / 12.

    A mean that changes along a straight line attains it. Where hypergradients close to each other are
    correlated more than others, c is near 1 and the bound says nothing. With the mean correlations r_k of
    steps at distance k in its place, the first term is exact for noise that is alike at all steps:

        (1 + 2 sum over k < W of (1 - k / W) r_k) / W s2.

    Args:
        mse1: mean variance of a step's hypergradient, at least 0.
        epsilon: largest change of the mean from step to step, at least 0.
        correlation: largest correlation between steps, from 0 to 1; or numbers [lags] from -1 to 1, the mean
            correlations r_1, r_2, ... of steps so far apart, 0 beyond the last.
        window: W, a number of at least 1, or an array of them.

    Returns:
        The bound: a float, or a float64 array of the shape of `window`.

    Raises:
        ArgumentError: a value is out of bounds.
        ArgumentTypeError: a value is no number.

    Source:
        Micaelli and Storkey (arXiv 2007.07869), Theorem 4.1; the formula with r_k is ours (docs/theory.md).
    """
    _not_negative(mse1=mse1, epsilon=epsilon)
    by_distance = np.ndim(correlation) > 0
    if not by_distance:
        _correlation(correlation)
    try:
        w = np.asarray(window, np.float64)
    except (TypeError, ValueError):
        raise ArgumentTypeError(
            f"window: got {window!r}; allowed: a number of at least 1, or an array"
        ) from None
    if not (w >= 1).all() or not np.isfinite(w).all():
        raise ArgumentError(f"window: got {window!r}; allowed: finite numbers of at least 1")
    shared = _shared(correlation, w) if by_distance else (1 + correlation * (w - 1)) / w
    bound = shared * mse1 + epsilon**2 * (w**2 - 1) / 12
    return bound if w.ndim else float(bound)


def best_window(mse1: float, epsilon: float, correlation: float = 0.0) -> float:
    """The number of steps to share a hyperparameter that makes `sharing_bound` smallest.

    The three numbers can be measured: see `sharing_noise`. The window is

        (6 (1 - c) s2 / e^2)^(1/3),

    with s2 = `mse1`, e = `epsilon` and c = `correlation`, and at least 1.

    Args:
        mse1: mean variance of a step's hypergradient, at least 0.
        epsilon: largest change of the mean from step to step, at least 0.
        correlation: largest correlation between steps, from 0 to 1. Default 0.0.

    Returns:
        A real number; inf where sharing helps and nothing ever changes, `epsilon` being 0.

    Raises:
        ArgumentError: a value is out of bounds.
        ArgumentTypeError: a value is no number.

    Source:
        Micaelli and Storkey (arXiv 2007.07869), Theorem 4.1.
    """
    _not_negative(mse1=mse1, epsilon=epsilon)
    _correlation(correlation)
    noise = 6 * (1 - correlation) * mse1
    if noise == 0:
        return 1.0
    # epsilon alone may be too small to be squared
    return max(1.0, (noise ** (1 / 3) / epsilon ** (2 / 3)) if epsilon > 0 else math.inf)


def sharing_errors(hypergradients: Any, counts: Any, networks: int = 1) -> np.ndarray:
    """Estimates the mean squared error of hypergradients that windows share, from those of every step.

    Of T steps, n windows share their averages as a run shares its values: step t is in window
    floor(n t / T). With V_n the variance of those averages over seeds and b_n the mean square of what the
    windows hide of the mean, the error of an average over m = `networks` networks is

        V_n / m + b_n.

    V_n is the variance over the seeds. b_n is the mean square of (an average of one seed less a step of the
    others' mean), which has the expectation V_n + b_n + V_T / (S - 1), less the other two. Nothing is
    supposed of the noise: correlated steps count as they are.

    Args:
        hypergradients: numbers [seeds, steps], at least 2 seeds: as `hypergradient` gives them with a value
            for every step.
        counts: numbers of windows, each from 1 to the number of steps.
        networks: over how many networks hypergradients will be averaged, at least 1. Default 1.

    Returns:
        float64, the error of each of `counts`, per step; an estimate, which may be below 0.

    Raises:
        ArgumentError: a count or `networks` is out of bounds, or a hypergradient is not finite.
        ArgumentTypeError: `hypergradients` are no numbers.
        ShapeError: `hypergradients` have another shape.

    Source:
        Micaelli and Storkey (arXiv 2007.07869), section 4, whose error this is; the estimate is ours.
    """
    found = _finite(hypergradients, "[seeds, steps], at least 2 seeds")
    if found.ndim != 2 or len(found) < 2 or found.shape[1] < 1:
        raise ShapeError(
            f"hypergradients: got shape {found.shape}; allowed: [seeds, steps], at least 2 seeds"
        )
    seeds, steps = found.shape
    networks = check_whole(networks, "networks", 1)
    others = (found.sum(0) - found) / (seeds - 1)
    noise = found.var(0, ddof=1).mean() / (seeds - 1)
    errors = []
    for i, n in enumerate(counts):
        check_whole(n, f"counts[{i}]", 1, steps)
        window = n * np.arange(steps) // steps
        lengths = np.bincount(window)
        averages = np.stack([np.bincount(window, row) / lengths for row in found])[:, window]
        variance = averages.var(0, ddof=1).mean()
        bias = np.mean((averages - others) ** 2) - variance - noise
        errors.append(variance / networks + bias)
    return np.array(errors)


def _finite(hypergradients: Any, allowed: str) -> np.ndarray:
    try:
        found = np.asarray(hypergradients, np.float64)
    except (TypeError, ValueError):
        raise ArgumentTypeError(
            f"hypergradients: got {type(hypergradients).__name__}; allowed: numbers {allowed}"
        ) from None
    if not np.isfinite(found).all():
        raise ArgumentError("hypergradients: not all finite; allowed: finite numbers")
    return found


@dataclass(frozen=True)
class SharingNoise:
    """The noise, drift and correlation of hypergradients: the arguments of `best_window`.

    Attributes:
        mse1: mean variance of a step's hypergradient.
        epsilon: change of the mean from step to step.
        correlation: correlation between steps; with `lags`, an array of those of steps 1, 2, ... apart.
    """

    mse1: float
    epsilon: float
    correlation: Any


def sharing_noise(hypergradients: Any, window: int, lags: int | None = None) -> SharingNoise:
    """Estimates noise, drift and correlation of one step's hypergradient from those of several seeds.

    All steps of a seed are taken to be equally correlated, c: their averages over W steps then vary by
    s2 (c + (1 - c) / W) and covary by s2 c, which gives s2 = mse1 and c; epsilon is the root mean square of
    the change between windows, less what the seeds' scatter around it explains, per step.

    The estimates are valid for windows of about `window` steps and more. Steps that are close to each other
    are correlated more than those far apart, of which sums tell nothing: n steps in a row then count as
    n / k, where k is the sum of their correlations over all distances, and mse1 comes out k times that of
    one step. That is the noise which longer windows average away; for shorter ones it is too large. A mean
    that does not change along a straight line changes less per step over long windows, so epsilon falls with
    `window`, and `best_window` rises with it.

    Args:
        hypergradients: numbers [seeds, windows], at least 2 of each: sums over windows of steps, as
            `hypergradient` gives them.
        window: steps of a window, at least 1.
        lags: of hypergradients of single steps (`window` 1), up to which distance correlations are told apart
            in place of the one c. mse1 is then the variance of one step, and `sharing_bound` with these
            correlations the error for any window. None: one correlation. Default None.

    Returns:
        A `SharingNoise`, per step.

    Raises:
        ArgumentError: `window` is below 1, or a hypergradient is not finite.
        ArgumentTypeError: `hypergradients` are no numbers.
        ShapeError: `hypergradients` have another shape.

    Source:
        Micaelli and Storkey (arXiv 2007.07869), Theorem 4.1, whose quantities these are; the estimates are
        ours.
    """
    sums = _finite(hypergradients, "[seeds, windows], at least 2 each")
    if sums.ndim != 2 or min(sums.shape) < 2:
        raise ShapeError(
            f"hypergradients: got shape {sums.shape}; allowed: [seeds, windows], at least 2 each"
        )
    if window < 1:
        raise ArgumentError(f"window: got {window!r}; allowed: at least 1")
    seeds, windows = sums.shape
    if lags is not None and (window != 1 or not 1 <= lags < windows):
        raise ArgumentError(
            f"lags: got {lags} with window={window}; allowed: 1 to {windows - 1}, with window=1"
        )
    averages = sums / window
    covariance = np.cov(averages, rowvar=False)
    variance = float(np.trace(covariance)) / windows
    shared = float(covariance.sum() - np.trace(covariance)) / (windows * (windows - 1))
    shared = min(max(shared, 0.0), variance)
    mse1 = window * (variance - shared) + shared
    correlation: Any = shared / mse1 if mse1 else 0.0
    if lags is not None:
        mse1 = variance
        means = np.array([np.diagonal(covariance, k).mean() for k in range(1, lags + 1)])
        correlation = np.clip(means / mse1, -1, 1) if mse1 else np.zeros(lags)
    changes = np.diff(averages, axis=1)
    drift2 = float((changes.mean(0) ** 2 - changes.var(0, ddof=1) / seeds).mean())
    return SharingNoise(mse1, math.sqrt(max(drift2, 0.0)) / window, correlation)


def _shared(correlations: Any, w: np.ndarray) -> np.ndarray:
    """(1 + 2 sum over k < w of (1 - k / w) r_k) / w."""
    try:
        r = np.asarray(correlations, np.float64)
    except (TypeError, ValueError):
        raise ArgumentTypeError(
            f"correlation: got {correlations!r}; allowed: a number from 0 to 1, or numbers [lags]"
        ) from None
    if r.ndim != 1 or not (np.abs(r) <= 1).all():
        raise ArgumentError(f"correlation: got {correlations!r}; allowed: numbers [lags] from -1 to 1")
    k = np.arange(1, len(r) + 1)
    weights = np.maximum(0, 1 - k / w[..., None])
    return np.asarray((1 + 2 * (weights * r).sum(-1)) / w)


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
