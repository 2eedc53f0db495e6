"""Theorem 4.1 of FDS: its values, its minimum, and the error that averaging really makes."""

from __future__ import annotations

import math

import goldens
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import lrswift as lr


@pytest.mark.parametrize(
    ("mse1", "window", "expected"),
    goldens.SHARING_BOUNDS,
)
def test_values_of_the_bound(mse1, window, expected):
    assert lr.sharing_bound(mse1, 0.08, 0.0, window) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("mse1", "expected"), goldens.BEST_WINDOWS)
def test_values_of_the_best_window(mse1, expected):
    assert lr.best_window(mse1, 0.08, 0.0) == pytest.approx(expected, abs=5e-4)


def test_the_best_window_minimizes_the_bound():
    random = np.random.default_rng(0)
    for _ in range(50):
        mse1, epsilon = 10 ** random.uniform(-3, 3), 10 ** random.uniform(-4, -1)
        correlation = random.uniform(0, 0.99)
        found = minimize_scalar(
            lambda log: lr.sharing_bound(mse1, epsilon, correlation, max(1.0, math.exp(log))),  # noqa: B023
            bounds=(0, 20),
            method="bounded",
            options={"xatol": 1e-9},
        )
        assert lr.best_window(mse1, epsilon, correlation) == pytest.approx(math.exp(found.x), rel=1e-3)


def test_a_window_is_never_below_one_step():
    assert lr.best_window(1e-6, 1.0) == 1
    assert lr.best_window(1.0, 0.1, 1.0) == 1
    assert lr.best_window(0.0, 0.0) == 1
    assert lr.best_window(1.0, 0.0) == math.inf


@pytest.mark.parametrize("correlation", [0.0, 0.1])
def test_a_linear_mean_attains_the_bound_in_simulation(correlation):
    """T = 400, W = 40, 10 000 draws: sigma = 0.25 and epsilon = 0.08 without, 0.01 with correlation."""
    horizon, window, draws = 400, 40, 10_000
    epsilon = 0.08 if correlation == 0 else 0.01
    random = np.random.default_rng(1)
    variances = np.full(horizon, 0.25**2) if correlation == 0 else random.uniform(1, 1.5, horizon)
    mean = epsilon * np.arange(horizon)
    common = random.standard_normal((draws, 1)) * math.sqrt(correlation)
    own = random.standard_normal((draws, horizon)) * math.sqrt(1 - correlation)
    hypergradients = mean + (common + own) * np.sqrt(variances)
    averages = hypergradients.reshape(draws, -1, window).mean(2).repeat(window, axis=1)
    measured = ((averages - mean) ** 2).mean()
    bound = lr.sharing_bound(float(variances.mean()), epsilon, correlation, window)
    # cov of unequal variances is below that of equal ones by their spread alone, about 0.3 %
    assert measured == pytest.approx(bound, rel=0.02)


def test_the_measured_noise_is_the_noise_that_was_put_in():
    seeds, windows, window = 400, 20, 25
    random = np.random.default_rng(2)
    mse1, correlation, epsilon = 2.0, 0.2, 0.03
    steps = windows * window
    mean = epsilon * np.arange(steps)
    common = random.standard_normal((seeds, 1)) * math.sqrt(correlation * mse1)
    own = random.standard_normal((seeds, steps)) * math.sqrt((1 - correlation) * mse1)
    sums = (mean + common + own).reshape(seeds, windows, window).sum(2)
    noise = lr.sharing_noise(sums, window)
    assert noise.mse1 == pytest.approx(mse1, rel=0.1)
    assert noise.correlation == pytest.approx(correlation, rel=0.15)
    assert noise.epsilon == pytest.approx(epsilon, rel=0.02)


@pytest.mark.parametrize("window", [5, 25])
def test_noise_that_forgets_slowly(window):
    """Neighbors correlated by 0.8, steps far apart by nothing, about a mean that climbs."""
    seeds, steps, r, epsilon = 400, 500, 0.8, 0.02
    random = np.random.default_rng(3)
    noise = np.zeros((seeds, steps))
    noise[:, 0] = random.standard_normal(seeds)
    for t in range(1, steps):
        noise[:, t] = r * noise[:, t - 1] + math.sqrt(1 - r * r) * random.standard_normal(seeds)
    values = epsilon * np.arange(steps) + noise
    found = lr.sharing_noise(values.reshape(seeds, -1, window).sum(2), window)
    # correlated neighbors are no excuse for a change of the mean
    assert found.epsilon == pytest.approx(epsilon, rel=0.05)
    # the variance of the mean of n steps is 1 / n^2 sum_jk r^|j - k|
    lags = np.abs(np.subtract.outer(np.arange(window), np.arange(window)))
    assert found.mse1 == pytest.approx((r**lags).sum() / window, rel=0.1)
    # longer windows are as noisy as it says, up to the correlation across the windows' edges
    if window == 25:
        longer = values.reshape(seeds, -1, 4 * window).mean(2).var(0, ddof=1).mean()
        assert lr.sharing_bound(found.mse1, 0, found.correlation, 4 * window) == pytest.approx(
            longer, rel=0.2
        )


@pytest.mark.parametrize("r", [0.0, 0.7])
@pytest.mark.parametrize("networks", [1, 4])
def test_the_estimated_error_is_the_error(r, networks):
    """Of averages over windows, against a mean that is known, with noise that forgets slowly or at once."""
    seeds, steps, draws, counts = 6, 60, 600, [1, 2, 5, 7, 20, 60]
    random = np.random.default_rng(4)
    mean = np.sin(np.arange(steps) / 12) + 0.01 * np.arange(steps)

    def noise(rows):
        found = np.zeros((rows, steps))
        found[:, 0] = random.standard_normal(rows)
        for t in range(1, steps):
            found[:, t] = r * found[:, t - 1] + math.sqrt(1 - r * r) * random.standard_normal(rows)
        return 0.8 * found

    estimates = np.mean([lr.sharing_errors(mean + noise(seeds), counts, networks) for _ in range(draws)], 0)
    averaged = mean + noise(draws * networks).reshape(draws, networks, steps).mean(1)
    for n, estimate in zip(counts, estimates, strict=True):
        parts = [np.flatnonzero(n * np.arange(steps) // steps == k) for k in range(n)]
        true = np.mean([((averaged[:, p].mean(1, keepdims=True) - mean[p]) ** 2).sum(1) for p in parts])
        assert estimate == pytest.approx(true * n / steps, rel=0.1, abs=0.01), n


def test_the_smallest_error_is_that_of_the_theorem():
    """A mean along a straight line, noise that forgets at once: 6 s2 / e^2 to the third, of 400 steps."""
    steps, mse1, epsilon = 400, 1.0, 0.01
    random = np.random.default_rng(5)
    values = epsilon * np.arange(steps) + math.sqrt(mse1) * random.standard_normal((100, steps))
    counts = [1, 2, 4, 8, 16, 32, 64]
    best = counts[int(np.argmin(lr.sharing_errors(values, counts)))]
    window = lr.best_window(mse1, epsilon)
    assert min(counts, key=lambda n: lr.sharing_bound(mse1, epsilon, 0.0, steps / n)) == best
    assert best / 2 < steps / window < best * 2


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ((np.ones((1, 5)), [1]), lr.ShapeError, "hypergradients: got shape"),
        ((np.full((2, 5), np.nan), [1]), lr.ArgumentError, "hypergradients: not all finite"),
        (("x", [1]), lr.ArgumentTypeError, "hypergradients: got str"),
        ((np.ones((2, 5)), [1, 6]), lr.ArgumentError, r"counts\[1\]: got 6; allowed: .*1 to 5"),
        ((np.ones((2, 5)), [1], 0), lr.ArgumentError, "networks: got 0"),
    ],
)
def test_bad_ones_of_every_step(given, error, message):
    with pytest.raises(error, match=message):
        lr.sharing_errors(*given)


def test_arrays_of_windows():
    windows = np.array([[1, 2], [5, 10]])
    bounds = lr.sharing_bound(0.25, 0.08, 0.0, windows)
    assert bounds.shape == windows.shape and bounds.dtype == np.float64
    assert bounds[1, 0] == lr.sharing_bound(0.25, 0.08, 0.0, 5)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [((-1, 0.1, 0, 2), "mse1"), ((math.nan, 0.1, 0, 2), "mse1"), ((1, math.inf, 0, 2), "epsilon")]
    + [((1, 0.1, 1.5, 2), "correlation"), ((1, 0.1, -0.1, 2), "correlation"), ((1, 0.1, 0, 0), "window")]
    + [((1, 0.1, 0, math.nan), "window"), (("x", 0.1, 0, 2), "mse1"), ((1, 0.1, 0, "x"), "window")],
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(lr.Error, match=f"^{named}: got .*allowed"):
        lr.sharing_bound(*arguments)
    if named != "window":
        with pytest.raises(lr.Error, match=f"^{named}: got .*allowed"):
            lr.best_window(*arguments[:3])


@pytest.mark.parametrize("bad", [np.ones(3), np.ones((1, 5)), np.ones((5, 1)), np.full((2, 2), np.nan), "x"])
def test_noise_needs_seeds_and_windows(bad):
    with pytest.raises(lr.Error, match="^hypergradients: .*allowed"):
        lr.sharing_noise(bad, 10)
