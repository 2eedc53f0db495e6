"""Seeded batches: the order of epoch e depends on (seed, e) alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..checks import check_whole
from ..errors import ArgumentError, ShapeError


def permutation(count: int, seed: int, epoch: int) -> np.ndarray:
    """int64 [count]: the numbers 0 to count - 1 in the random order of (seed, epoch)."""
    key = np.array([seed, epoch], np.uint64)
    return np.random.Generator(np.random.Philox(key=key)).permutation(count)


class Batches:
    """Iterates over arrays of equal length in batches, one epoch per `for` loop.

    Yields tuples of NumPy arrays; the last batch may be smaller unless drop_last. `epoch` and `position`
    say where it stands; breaking out of a loop and iterating again goes on from there.
    batch_size 64, shuffle True, seed 0, drop_last False.
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
        """Goes back to where `state_dict` was taken. ArgumentError, and nothing changes, for other states."""
        if not isinstance(state, Mapping) or not {"seed", "epoch", "position"} <= set(state):
            raise ArgumentError(f"Batches: state: got {state!r}; allowed: what state_dict returned")
        seed, epoch = (
            check_whole(state[key], f"Batches: state: {key}", 0, 2**64 - 1) for key in ("seed", "epoch")
        )
        position = check_whole(state["position"], "Batches: state: position", 0, len(self))
        self.seed, self.epoch, self.position = seed, epoch, position
