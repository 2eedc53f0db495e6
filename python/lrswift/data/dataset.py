"""`Dataset`: inputs and labels of equal length; `Splits`: a train and a test one."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np

from ..errors import ArgumentError, ShapeError
from .batches import permutation


@dataclass(frozen=True, eq=False)
class Dataset:
    """Inputs and labels of equal length, as stored. Slicing gives a Dataset, an integer one (x, y).

    Args:
        x: [N, ...].
        y: [N].
        top: the largest value that a pixel can have, for `scaled`. Default 255.

    Raises:
        ShapeError: lengths differ.
    """

    x: np.ndarray
    y: np.ndarray
    top: float = 255.0

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            raise ShapeError(f"Dataset: x has {len(self.x)} rows and y {len(self.y)}; allowed: equally many")

    def __len__(self) -> int:
        return len(self.x)

    @overload
    def __getitem__(self, key: slice | np.ndarray | Sequence[int]) -> Dataset: ...
    @overload
    def __getitem__(self, key: int) -> tuple[Any, Any]: ...
    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, (slice, np.ndarray, list)):
            return replace(self, x=self.x[key], y=self.y[key])
        return self.x[operator.index(key)], self.y[operator.index(key)]

    def scaled(self) -> Dataset:
        """A Dataset with x as float32, divided by `top`: pixels from 0 to 1."""
        return replace(self, x=np.asarray(self.x, np.float32) / np.float32(self.top), top=1.0)

    def split(self, fraction: float = 0.1, seed: int = 0) -> tuple[Dataset, Dataset]:
        """Splits the rows at random, in the same way for the same seed.

        Args:
            fraction: which part of them is split off, between 0 and 1. Default 0.1.
            seed: an integer of at least 0. Default 0.

        Returns:
            (the rest, the part split off), each with its rows in their old order.

        Raises:
            ArgumentError: one part has no rows.
        """
        count = round(fraction * len(self))
        if not 0 < count < len(self):
            raise ArgumentError(
                f"split: fraction: got {fraction} of {len(self)} rows; allowed: both parts non-empty"
            )
        order = permutation(len(self), seed, 0)
        return self[np.sort(order[count:])], self[np.sort(order[:count])]

    def __repr__(self) -> str:
        return f"Dataset(x {self.x.dtype}{list(self.x.shape)}, y {self.y.dtype}{list(self.y.shape)})"


@dataclass(frozen=True, eq=False)
class Splits:
    """A data set in two parts, as `load` returns it.

    Attributes:
        name: of the data set.
        train: the part to train on.
        test: the part to judge by.
        classes: names of the classes, in the order of their numbers.
    """

    name: str
    train: Dataset
    test: Dataset
    classes: list[str]

    def scaled(self) -> Splits:
        """Both parts scaled to [0, 1]."""
        return replace(self, train=self.train.scaled(), test=self.test.scaled())
