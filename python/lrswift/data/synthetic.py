"""Data that are made, not read: sequences to repeat, and pictures of shapes with their boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..checks import check_whole
from ..errors import ArgumentError

SHAPES = ("square", "disc", "triangle")
# what the number of repeats is divided by
_NORM = 10.0


def _range(value: tuple[int, int], name: str) -> tuple[int, int]:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ArgumentError(f"{name}: got {value!r}; allowed: (least, most)")
    least = check_whole(value[0], f"{name}: least", 1)
    return least, check_whole(value[1], f"{name}: most", least)


def repeat_copy(
    count: int,
    bits: int = 4,
    lengths: tuple[int, int] = (1, 2),
    repeats: tuple[int, int] = (1, 2),
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Makes sequences of random bits that are to be said again so many times, and then an end.

    A sequence is a mark, the bits, and a step with the number of repeats, divided by 10; then it is silent
    while the bits are to be said, and the end. Sequences that are shorter than the longest possible one are
    filled up with zeros, which do not count.

    Args:
        count: how many sequences, at least 1.
        bits: of a step, at least 1. Default 4.
        lengths: steps of random bits, the least and the most, both at least 1. Default (1, 2).
        repeats: the least and the most, both at least 1. Default (1, 2).
        seed: an integer of at least 0, which decides all. Default 0.

    Returns:
        (inputs [count, T, bits + 2], targets [count, T, bits + 1], mask [count, T]), float32; the targets'
        last channel is the end.

    Raises:
        ArgumentError: a number is out of bounds.

    Source:
        Graves et al., "Hybrid computing using a neural network with dynamic external memory" (2016), as in
        the authors' `dnc/repeat_copy.py`, whose numbers are the defaults.
    """
    check_whole(count, "repeat_copy: count", 1)
    check_whole(bits, "repeat_copy: bits", 1)
    shortest, longest = _range(lengths, "repeat_copy: lengths")
    fewest, most = _range(repeats, "repeat_copy: repeats")
    drawn = np.random.Generator(
        np.random.Philox(key=np.array([check_whole(seed, "repeat_copy: seed", 0), 0]))
    )
    steps = longest * (most + 1) + 3
    inputs = np.zeros((count, steps, bits + 2), np.float32)
    targets = np.zeros((count, steps, bits + 1), np.float32)
    mask = np.zeros((count, steps), np.float32)
    for row in range(count):
        length = int(drawn.integers(shortest, longest + 1))
        times = int(drawn.integers(fewest, most + 1))
        pattern = drawn.integers(0, 2, (length, bits)).astype(np.float32)
        inputs[row, 0, bits] = 1
        inputs[row, 1 : length + 1, :bits] = pattern
        inputs[row, length + 1, bits + 1] = times / _NORM
        begin, end = length + 2, length + 2 + length * times
        targets[row, begin:end, :bits] = np.tile(pattern, (times, 1))
        targets[row, end, bits] = 1
        mask[row, begin : end + 1] = 1
    return inputs, targets, mask


@dataclass(frozen=True, eq=False)
class Boxes:
    """Pictures, and the boxes of the things in them.

    Attributes:
        x: uint8 [N, H, W, 3].
        boxes: of each picture, float64 [things, 4]: left, top, right, bottom, in parts of width and height.
        labels: of each picture, int64 [things].
        classes: names of the classes, in the order of their numbers.
    """

    x: np.ndarray
    boxes: list[np.ndarray]
    labels: list[np.ndarray]
    classes: list[str]

    def __len__(self) -> int:
        return len(self.x)


def shapes(count: int, size: int = 64, things: tuple[int, int] = (1, 3), seed: int = 0) -> Boxes:
    """Draws squares, discs and triangles of random colors on noise, with the boxes around them.

    Args:
        count: how many pictures, at least 1.
        size: height and width in pixels, at least 16. Default 64.
        things: in a picture, the least and the most, both at least 1. Default (1, 3).
        seed: an integer of at least 0, which decides all. Default 0.

    Returns:
        `Boxes`, of three classes.

    Raises:
        ArgumentError: a number is out of bounds.
    """
    check_whole(count, "shapes: count", 1)
    check_whole(size, "shapes: size", 16)
    fewest, most = _range(things, "shapes: things")
    drawn = np.random.Generator(np.random.Philox(key=np.array([check_whole(seed, "shapes: seed", 0), 1])))
    x = drawn.integers(0, 60, (count, size, size, 3)).astype(np.uint8)
    boxes, labels = [], []
    down, right = np.mgrid[:size, :size]
    for picture in x:
        own = int(drawn.integers(fewest, most + 1))
        kinds = drawn.integers(0, len(SHAPES), own)
        sides = drawn.integers(size // 5, size // 2, own)
        corners = np.array([drawn.integers(0, size - side + 1, 2) for side in sides])
        for kind, side, (left, top) in zip(kinds, sides, corners, strict=True):
            # from 0 to 1 over the box
            u, v = (right - left + 0.5) / side, (down - top + 0.5) / side
            inside = (u > 0) & (u < 1) & (v > 0) & (v < 1)
            if SHAPES[kind] == "disc":
                inside &= (u - 0.5) ** 2 + (v - 0.5) ** 2 < 0.25
            elif SHAPES[kind] == "triangle":
                inside &= np.abs(u - 0.5) < v / 2
            picture[inside] = drawn.integers(120, 256, 3)
        boxes.append(np.column_stack([corners, corners + sides[:, None]]) / size)
        labels.append(kinds.astype(np.int64))
    return Boxes(x, boxes, labels, list(SHAPES))
