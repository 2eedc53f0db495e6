"""Seeded batches: the order of epoch e depends on (seed, e) alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..checks import check_whole
from ..errors import ArgumentError, ShapeError


def permutation(count: int, seed: int, epoch: int) -> np.ndarray:
    """Draws a random order that (seed, epoch) decide, the same everywhere.

    Args:
        count: how many numbers, at least 0.
        seed: an integer of at least 0.
        epoch: an integer of at least 0.

    Returns:
        int64 [count]: the numbers 0 to count - 1.
    """
    key = np.array([seed, epoch], np.uint64)
    return np.random.Generator(np.random.Philox(key=key)).permutation(count)


class Batches:
    """Iterates over arrays of equal length in batches, one epoch per `for` loop.

    Each batch is a tuple of NumPy arrays. Breaking out of a loop and iterating again goes on from there.

    Args:
        *arrays: each [N, ...]; or a `Dataset`, which stands for its x and y.
        batch_size: rows of a batch, at least 1. Default 64.
        shuffle: whether each epoch has an order of its own, decided by (seed, epoch). Default True.
        seed: an integer of at least 0. Default 0.
        drop_last: whether a last batch of fewer rows is left out. Default False.

    Attributes:
        epoch: which epoch it is in, counted from 0.
        position: batches of that epoch that are done.

    Raises:
        ArgumentError: batch_size is below 1.
        ShapeError: arrays are of different lengths, or none are given.
    """

    def __init__(
        self, *arrays: Any, batch_size: int = 64, shuffle: bool = True, seed: int = 0, drop_last: bool = False
    ) -> None:
        if len(arrays) == 1 and hasattr(arrays[0], "x") and hasattr(arrays[0], "y"):
            arrays = (arrays[0].x, arrays[0].y)
        self.arrays = tuple(np.asarray(a) for a in arrays)
        lengths = [len(a) for a in self.arrays]
        if not lengths or min(lengths) != max(lengths):
            raise ShapeError(f"Batches: arrays of {lengths} rows given; allowed: equally many")
        if batch_size < 1:
            raise ArgumentError(f"Batches: batch_size: got {batch_size}; allowed: at least 1")
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        self.epoch = 0
        self.position = 0

    def __len__(self) -> int:
        count = len(self.arrays[0])
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)

    def __iter__(self) -> Iterator[tuple[np.ndarray, ...]]:
        count = len(self.arrays[0])
        order = permutation(count, self.seed, self.epoch) if self.shuffle else np.arange(count)
        while self.position < len(self):
            rows = order[self.position * self.batch_size : (self.position + 1) * self.batch_size]
            self.position += 1
            yield tuple(a[rows] for a in self.arrays)
        self.epoch += 1
        self.position = 0

    def state_dict(self) -> dict[str, int]:
        """Where it stands: {"seed", "epoch", "position"}."""
        return {"seed": self.seed, "epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Goes back to where a state was taken.

        Args:
            state: as from `state_dict`.

        Raises:
            ArgumentError: it is another one. Nothing has changed then.
        """
        self.seed, self.epoch, self.position = place(state, "Batches", len(self))


def place(state: Any, owner: str, count: int) -> tuple[int, int, int]:
    """Seed, epoch and position of a state of `owner`, of `count` batches; ArgumentError for another's."""
    if not isinstance(state, Mapping) or not {"seed", "epoch", "position"} <= set(state):
        raise ArgumentError(f"{owner}: state: got {state!r}; allowed: what state_dict returned")
    seed, epoch = (
        check_whole(state[key], f"{owner}: state: {key}", 0, 2**64 - 1) for key in ("seed", "epoch")
    )
    return seed, epoch, check_whole(state["position"], f"{owner}: state: position", 0, count)
