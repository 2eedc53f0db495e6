"""A workload of milliseconds: a line through points in noise, for tests of what runs workloads."""

from __future__ import annotations

import numpy as np

import lrswift as lr
from lrswift.experiments.leaderboard.workload import Arrays, Root, Workload


def points(_: Root) -> tuple[Arrays, Arrays]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 3)).astype(np.float32)
    y = (x @ np.float32([[1.0], [-2.0], [0.5]]) + 0.1 * rng.normal(size=(90, 1))).astype(np.float32)
    return (x[:60], y[:60]), (x[60:], y[60:])


def line() -> lr.nn.Module:
    return lr.nn.Linear(3, 1)


def nothing_finite(_: Root) -> tuple[Arrays, Arrays]:
    (x, y), valid = points(None)
    return (x, np.full_like(y, 3e38)), valid


TINY = Workload("tiny", "choosing", "test", "a line", points, line, lr.nn.functional.mse_loss, 8, 40)
HOPELESS = Workload(
    "hopeless", "choosing", "test", "", nothing_finite, line, lr.nn.functional.mse_loss, 8, 40
)
