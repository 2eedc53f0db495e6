"""A quadratic, whose best schedules are known; importable by other processes."""

from __future__ import annotations

import json
import os
import signal
import warnings
from pathlib import Path

import numpy as np

import lrswift as lr
from lrswift import store

CURVATURES = np.array([4.0, 1.0])


class Bowl(lr.nn.Module):
    """Two parameters in float64."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        start = np.random.default_rng(seed).uniform(0.5, 1.5, 2)
        self.theta = lr.nn.Parameter(lr.tensor(start, dtype=lr.float64))


def bowl_loss(model, x):
    """x [B, 2]: the curvatures, with noise."""
    return 0.5 * (x * model.theta * model.theta).mean() * 2


def bowls(rows: int = 64, noise: float = 0.0) -> tuple[np.ndarray]:
    """One array [rows, 2]."""
    random = np.random.default_rng(7)
    return (CURVATURES * (1 + noise * random.standard_normal((rows, 2))),)


class Killing:
    """Makes a Bowl; the call after `calls` others kills the process, once, unless `marker` exists."""

    def __init__(self, marker: str, calls: int) -> None:
        self.marker, self.calls, self.made = marker, calls, 0

    def __call__(self, seed: int) -> Bowl:
        self.made += 1
        if self.made > self.calls and not Path(self.marker).exists():
            Path(self.marker).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return Bowl(seed)


def learn(**changes):
    """A small problem; noise makes seeds differ."""
    arguments = {
        "make_model": Bowl, "loss": bowl_loss, "train": bowls(noise=0.2), "valid": 0.25, "steps": 6,
        "batch_size": 8, "learning_rates": 3, "outer_steps": 4, "step_size": (0.05, 0.1, 1e-3),
        "progress": False,
    } | changes  # fmt: skip
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "learn_schedule: outer step .* standard error")
        return lr.learn_schedule(**arguments)


def same(a, b):
    for name in ("values", "seed_losses", "hypergradients", "signals", "retreated", "learning_rates"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    assert (a.best, a.converged) == (b.best, b.converged)


def without_format(checkpoint):
    """Makes it a file of the first version, which named no format."""
    arrays, metadata = store.read(checkpoint)
    ((name, facts),) = metadata.items()
    old = {key: value for key, value in json.loads(facts).items() if key != "format"}
    store.write(checkpoint, arrays, {name: json.dumps(old)})
