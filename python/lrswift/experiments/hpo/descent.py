"""Hypergradient descent as a search: runs from random settings, whose rate descends while they train."""

from __future__ import annotations

import math

import numpy as np

from ... import random
from ...errors import Diverged
from ...learning.inner_run import row_numbers, seeded
from ...optim import SGD
from ...rates.adapters import HD
from ...training.fit import fit
from .training import Meter, Problem

# of the rate's own rate, drawn evenly in the logarithm
META = (1e-6, 1e-1)
_MOST_MOMENTUM = 0.99


def descend(problem: Problem, budget: float, seed: int, meter: Meter) -> None:
    """Trains networks by hypergradient descent until another whole run does not fit in the budget.

    First rate, momentum and decay are drawn from what is positive in their ranges, and the rate's own rate
    from 1e-6 to 0.1. A run stands for the schedule of its mean rates in each window.
    """
    s, drawn = problem.settings, np.random.default_rng(seed)
    tops = [high for _, high in problem.ranges]
    trial = 0
    while meter.cost + s.steps + problem.costs.validation <= budget:
        low, high = np.log(META)
        initial, meta = drawn.uniform(0, tops[0]), math.exp(drawn.uniform(low, high))
        momentum = drawn.uniform(0, min(tops[1], _MOST_MOMENTUM)) if s.counts[1] else 0.0
        decay = drawn.uniform(0, tops[2]) if s.counts[2] else 0.0
        rates, loss = _trained(problem, random.derived(seed, trial, 0), initial, meta, momentum, decay)
        trial += 1
        meter.spend(len(rates), math.isfinite(loss))
        values = (_windows(rates, s.counts[0], s.steps), (momentum,) * s.counts[1], (decay,) * s.counts[2])
        meter.note(values, loss)


def _trained(
    problem: Problem, seed: int, initial: float, meta: float, momentum: float, decay: float
) -> tuple[np.ndarray, float]:
    """The rate of every step that was made, and the loss on the held-out rows; infinite where it diverged."""
    s = problem.settings
    rows = row_numbers(len(problem.train[0]), s.steps, s.batch_size, seed).ravel()
    model = seeded(problem.make_model, seed)
    clip = math.inf if s.options.clip_gradient is None else s.options.clip_gradient
    optimizer = SGD(
        model.named_parameters(), HD(initial, meta), momentum, weight_decay=decay, clip_value=clip
    )
    # one bad step is the end, as for the other searches
    optimizer.max_skipped = 1
    try:
        history = fit(
            model, optimizer, tuple(a[rows] for a in problem.train), problem.valid, problem.loss,
            batch_size=s.batch_size, shuffle=False, progress=False, metrics=(),
        )  # fmt: skip
    except Diverged as error:
        return error.history.rates[:, 0], math.inf  # type: ignore[attr-defined]
    loss = float(history.rows[-1]["valid_loss"])
    return history.rates[:, 0], loss if math.isfinite(loss) else math.inf


def _windows(rates: np.ndarray, count: int, steps: int) -> tuple[float, ...]:
    """Mean rate of each window; of those that a run did not come to, its last rate."""
    whole = np.concatenate([rates, np.full(steps - len(rates), rates[-1] if len(rates) else 0.0)])
    whole = np.where(np.isfinite(whole), whole, 0.0)
    window = count * np.arange(steps) // steps
    return tuple(float(whole[window == k].mean()) for k in range(count))
