"""Images of 4x4 random pixels, whose label is the brightest of the first three."""

from __future__ import annotations

import numpy as np

from lrswift.data import Dataset, Splits


def tiny_splits(train: int, test: int) -> Splits:
    x = np.random.default_rng(0).integers(0, 256, (train + test, 4, 4)).astype(np.uint8)
    y = x.reshape(-1, 16)[:, :3].argmax(1).astype(np.uint8)
    return Splits("tiny", Dataset(x[:train], y[:train]), Dataset(x[train:], y[train:]), ["a", "b", "c"])
