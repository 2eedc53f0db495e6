"""MNIST and Fashion-MNIST: gzip around IDX files, all header integers big-endian 32-bit.

Images: magic 2051, count, rows, columns, then the pixels; labels: magic 2049, count, then the labels.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np

from ..errors import FormatError
from .dataset import Dataset, Splits
from .files import content, find, need

FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
FASHION = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]


def read(path: Path, axes: int) -> np.ndarray:
    """uint8 array of `axes` axes. FormatError when magic number or size are wrong."""
    magic = 0x0800 + axes

    def follow(header: bytes) -> int:
        if len(header) < 4 + 4 * axes:
            raise FormatError(f"{path}: {len(header)} bytes; allowed: at least {4 + 4 * axes}, the header")
        found = int.from_bytes(header[:4], "big")
        if found != magic:
            raise FormatError(f"{path}: magic number {found}; allowed: {magic} (unsigned bytes, {axes} axes)")
        return math.prod(_shape(header))

    data = content(path, 0, 4 + 4 * axes, follow)
    shape = _shape(data[: 4 + 4 * axes])
    expected = 4 + 4 * axes + math.prod(shape)
    if len(data) != expected:
        least = "at least " if len(data) > expected else ""
        raise FormatError(f"{path}: {least}{len(data)} bytes; allowed: {expected} for {shape}")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape)


def _shape(header: bytes) -> list[int]:
    return [int(n) for n in np.frombuffer(header, ">u4")[1:]]


def _load(name: str, classes: list[str], root: str | os.PathLike[str] | None) -> Splits:
    paths = need(name, FILES, find(name, name, FILES, root))
    parts: list[Dataset] = []
    for images, labels in (paths[:2], paths[2:]):
        x, y = read(images, 3), read(labels, 1)
        if len(x) != len(y) or (y.size and y.max() >= len(classes)):
            raise FormatError(
                f"{labels}: {len(y)} labels up to {y.max(initial=0)} for {len(x)} images of 10 classes"
            )
        parts.append(Dataset(x, y))
    return Splits(name, parts[0], parts[1], classes)


def mnist(root: str | os.PathLike[str] | None = None) -> Splits:
    """Handwritten digits (LeCun, Cortes and Burges, 1998): x uint8 [60000 and 10000, 28, 28], y uint8."""
    return _load("mnist", [str(i) for i in range(10)], root)


def fashion_mnist(root: str | os.PathLike[str] | None = None) -> Splits:
    """Clothes (Xiao, Rasul and Vollgraf, arXiv 1708.07747): x uint8 [60000 and 10000, 28, 28], y uint8."""
    return _load("fashion-mnist", FASHION, root)
