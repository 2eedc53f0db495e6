"""Batches of images that are changed at random, made on a thread; (seed, epoch, batch) decide how."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from ..checks import check_number, check_positive, check_whole
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from .batches import permutation, place

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def crop(padding: int = 4) -> Change:
    """Makes a change: each image cut out at a random place, after zeros were put around it.

    Args:
        padding: pixels of zeros on every side, at least 1. Default 4.

    Returns:
        A function (images [N, H, W, C], generator) -> images.

    Raises:
        ArgumentError: padding is out of bounds.

    Source:
        He et al., "Deep residual learning for image recognition" (2016), section 4.2.
    """
    return functools.partial(_cropped, padding=check_whole(padding, "crop: padding", 1))


def _cropped(images: np.ndarray, drawn: np.random.Generator, padding: int) -> np.ndarray:
    count, height, width = images.shape[:3]
    places = drawn.integers(0, 2 * padding + 1, (count, 2))
    padded = np.zeros((count, height + 2 * padding, width + 2 * padding, *images.shape[3:]), images.dtype)
    padded[:, padding : padding + height, padding : padding + width] = images
    rows = places[:, :1] + np.arange(height)
    columns = places[:, 1:] + np.arange(width)
    return padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


def flip(probability: float = 0.5) -> Change:
    """Makes a change: images mirrored left to right.

    Args:
        probability: with which each one is, 0 to 1. Default 0.5.

    Returns:
        A function (images [N, H, W, C], generator) -> images.

    Raises:
        ArgumentError: probability is out of bounds.
        ArgumentTypeError: probability is no number.
    """
    share = check_number(probability, "flip: probability")
    if not 0 <= share <= 1:
        raise ArgumentError(f"flip: probability: got {probability!r}; allowed: 0 to 1")
    return functools.partial(_flipped, probability=share)


def _flipped(images: np.ndarray, drawn: np.random.Generator, probability: float) -> np.ndarray:
    mirrored = drawn.random(len(images)) < probability
    changed = images.copy()
    changed[mirrored] = images[mirrored, :, ::-1]
    return changed


def cutout(size: int = 16) -> Change:
    """Makes a change: a square of zeros in each image, whose center is any of its pixels.

    Args:
        size: of the square in pixels, at least 1. Default 16.

    Returns:
        A function (images [N, H, W, C], generator) -> images.

    Raises:
        ArgumentError: size is out of bounds.

    Source:
        DeVries and Taylor, "Improved regularization of convolutional neural networks with cutout"
        (arXiv 1708.04552).
    """
    return functools.partial(_cut, size=check_whole(size, "cutout: size", 1))


def _cut(images: np.ndarray, drawn: np.random.Generator, size: int) -> np.ndarray:
    count, height, width = images.shape[:3]
    down = np.asarray(drawn.integers(0, height, count))
    right = np.asarray(drawn.integers(0, width, count))
    inside = _near(down, height, size)[:, :, None] & _near(right, width, size)[:, None, :]
    changed = images.copy()
    changed[inside] = 0
    return changed


def _near(centers: np.ndarray, length: int, size: int) -> np.ndarray:
    """Which places are in the square's side, bool [N, length]."""
    off = np.arange(length) - (centers[:, None] - size // 2)
    return np.asarray((off >= 0) & (off < size))


def normalize(mean: Sequence[float] | float, deviation: Sequence[float] | float) -> Change:
    """Makes a change: (images - mean) / deviation, as float32. Nothing is drawn.

    Args:
        mean: a number, or one for each channel.
        deviation: a number above 0, or one for each channel.

    Returns:
        A function (images [N, H, W, C], generator) -> images.

    Raises:
        ArgumentError: a deviation is not above 0, or a number not finite.
        ArgumentTypeError: what is given are no numbers.
    """
    means = [check_number(m, "normalize: mean") for m in np.ravel(mean).tolist()]
    deviations = [check_positive(d, "normalize: deviation") for d in np.ravel(deviation).tolist()]
    return functools.partial(
        _normalized, mean=np.array(means, np.float32), deviation=np.array(deviations, np.float32)
    )


def _normalized(
    images: np.ndarray, drawn: np.random.Generator, mean: np.ndarray, deviation: np.ndarray
) -> np.ndarray:
    return np.asarray((images.astype(np.float32) - mean) / deviation)


class Augmented:
    """Iterates over images and labels in batches whose images are changed at random, one epoch per loop.

    The next batch is made on a thread while the present one is used. How a batch is changed depends on
    (seed, epoch, batch) alone, so runs repeat bit by bit, with the thread and without it, and after they
    were interrupted: `fit` keeps its state in checkpoints.

    Args:
        data: (x, y), or a `Dataset`: images [N, H, W, C] or [N, H, W], and what belongs to each.
        changes: functions (images, generator) -> images, one after the other: `crop`, `flip`, `cutout`,
            `normalize`, or one's own. Default: none.
        batch_size: rows of a batch, at least 1. Default 64.
        shuffle: whether each epoch has an order of its own. Default True.
        seed: an integer of at least 0. Default 0.
        drop_last: whether a last batch of fewer rows is left out. Default False.
        thread: whether batches are made ahead. Default True.

    Attributes:
        epoch: which epoch it is in, counted from 0.
        position: batches of that epoch that are done.

    Raises:
        ArgumentError: a number is out of bounds.
        ArgumentTypeError: a change is no function.
        ShapeError: lengths differ, or images have another number of axes.
    """

    def __init__(
        self,
        data: Any,
        changes: Sequence[Change] = (),
        batch_size: int = 64,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
        thread: bool = True,
    ) -> None:
        x, y = (data.x, data.y) if hasattr(data, "x") and hasattr(data, "y") else data
        self.x, self.y = np.asarray(x), np.asarray(y)
        if self.x.ndim not in (3, 4):
            raise ShapeError(f"Augmented: x: got shape {self.x.shape}; allowed: [N, H, W] or [N, H, W, C]")
        if len(self.x) != len(self.y):
            raise ShapeError(
                f"Augmented: x has {len(self.x)} rows and y {len(self.y)}; allowed: equally many"
            )
        for change in changes:
            if not callable(change):
                raise ArgumentTypeError(
                    f"Augmented: changes: got {type(change).__name__}; allowed: functions (images, generator)"
                )
        self.changes = tuple(changes)
        self.batch_size = check_whole(batch_size, "Augmented: batch_size", 1)
        self.seed = check_whole(seed, "Augmented: seed", 0, 2**64 - 1)
        self.shuffle, self.drop_last, self.thread = shuffle, drop_last, thread
        self.epoch, self.position = 0, 0

    def __len__(self) -> int:
        count = len(self.x)
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        order = permutation(len(self.x), self.seed, self.epoch) if self.shuffle else np.arange(len(self.x))
        if not self.thread:
            while self.position < len(self):
                self.position += 1
                yield self._made(order, self.epoch, self.position - 1)
        else:
            with ThreadPoolExecutor(1) as pool:
                ahead: Future[Any] | None = None
                while self.position < len(self):
                    made = ahead or pool.submit(self._made, order, self.epoch, self.position)
                    self.position += 1
                    more = self.position < len(self)
                    ahead = pool.submit(self._made, order, self.epoch, self.position) if more else None
                    yield made.result()
        self.epoch += 1
        self.position = 0

    def _made(self, order: np.ndarray, epoch: int, batch: int) -> tuple[np.ndarray, np.ndarray]:
        rows = order[batch * self.batch_size : (batch + 1) * self.batch_size]
        seeds = np.random.SeedSequence((self.seed, epoch, batch))
        drawn = np.random.Generator(np.random.Philox(seeds))
        images = self.x[rows]
        shape = images.shape
        images = images.reshape((*shape, 1)) if len(shape) == 3 else images
        for change in self.changes:
            images = np.asarray(change(images, drawn))
            if images.ndim != 4 or len(images) != len(rows):
                raise ShapeError(
                    f"Augmented: changes: one returned shape {images.shape}; allowed: {len(rows)} images"
                )
        return images.reshape(images.shape[:3]) if len(shape) == 3 else images, self.y[rows]

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
        self.seed, self.epoch, self.position = place(state, "Augmented", len(self))
