"""Hypergradient descent as a search, beside the same runs in NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest

import lrswift as lr
from lrswift.learning.inner_run import row_numbers

from .test_comparison import BATCH, COSTS, STEPS, linear, network_seed, search, split

pytest.importorskip("optuna")
PLAIN = STEPS + COSTS[1]


def descended(seed: int, initial: float, meta: float) -> tuple[list[float], float]:
    """Rates and validation loss of a linear network under hypergradient descent, in NumPy."""
    (x, y), (held_x, held_y) = split()
    lr.seed(seed)
    layer = linear(None, 0)
    w, b = layer.weight.numpy().copy(), layer.bias.numpy().copy()
    rate, before, rates = initial, None, []
    for rows in row_numbers(len(x), STEPS, BATCH, seed):
        off = 2 * (x[rows] @ w.T + b - y[rows]) / BATCH
        g = np.concatenate([(off.T @ x[rows]).ravel(), off.sum(0)])
        if before is not None:
            rate += meta * g @ before
        before = g
        rates.append(rate)
        w, b = w - rate * g[:-1].reshape(w.shape), b - rate * g[-1:]
    return rates, float(np.mean((held_x @ w.T + b - held_y) ** 2))


def test_runs_are_those_of_the_rule_and_their_schedules_its_mean_rates() -> None:
    ranges = ((-0.1, 0.05), (-0.5, 0.9), (-4e-3, 4e-3))
    (run,) = search("hd", seeds=1, momentums=0, weight_decays=0, ranges=ranges).runs
    assert len(run.tried) == 12 * STEPS // PLAIN
    drawn = np.random.default_rng(0)
    for number, tried in enumerate(run.tried):
        initial = drawn.uniform(0, 0.05)
        meta = math.exp(drawn.uniform(math.log(1e-6), math.log(1e-1)))
        rates, loss = descended(network_seed(0, number, 0), initial, meta)
        assert tried.cost == PLAIN * (number + 1) and tried.whole
        if not math.isfinite(tried.loss):
            assert not np.isfinite(loss) or loss > 1e6
            continue
        assert tried.loss == pytest.approx(loss, rel=1e-7)
        np.testing.assert_allclose(tried.values, np.array(rates).reshape(3, -1).mean(1), rtol=1e-7)
    assert math.isfinite(run.best)


def test_momentum_and_decay_are_drawn_and_kept() -> None:
    (run,) = search("hd", seeds=1).runs
    for tried in run.tried:
        assert len(tried.values) == 5 and 0 <= tried.values[3] <= 0.9 and 0 <= tried.values[4] <= 4e-3
    assert len({tried.values[3] for tried in run.tried}) == len(run.tried)


def test_runs_that_diverge_cost_what_they_made() -> None:
    (run,) = search("hd", seeds=1, ranges=((-1, 1e6), (-0.5, 0.9), (-4e-3, 4e-3))).runs
    lost = [t for t in run.tried if not math.isfinite(t.loss)]
    assert lost and len(run.tried) > 12 * STEPS // PLAIN
    assert run.tried[-1].cost <= 12 * STEPS
