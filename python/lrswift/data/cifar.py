"""CIFAR-10: gzip around the binary version, records of a label byte and 3 planes (RGB) of 32x32."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..errors import FormatError, MissingFiles, warn
from .dataset import Dataset, Splits
from .files import content, find, need

TRAIN = tuple(f"data_batch_{i}.bin.gz" for i in range(1, 6))
TEST = ("test_batch.bin.gz",)
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
_RECORD = 1 + 3 * 32 * 32
# of a file
RECORDS = 10_000


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(x uint8 [N, 32, 32, 3], y uint8 [N]). FormatError when the size or a label is wrong."""
    most = RECORDS * _RECORD
    data = np.frombuffer(content(path, most), np.uint8)
    if data.size > most:
        raise FormatError(f"{path}: more than {most} bytes; allowed: at most {RECORDS} records of {_RECORD}")
    if not data.size or data.size % _RECORD:
        raise FormatError(f"{path}: {data.size} bytes; allowed: a multiple of {_RECORD}")
    records = data.reshape(-1, _RECORD)
    labels = records[:, 0]
    if labels.max() >= len(CLASSES):
        raise FormatError(f"{path}: label {labels.max()}; allowed: 0 to {len(CLASSES) - 1}")
    planes = records[:, 1:].reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels.copy()


def cifar10(root: str | os.PathLike[str] | None = None) -> Splits:
    """Photographs (Krizhevsky, 2009): x uint8 [N, 32, 32, 3], y uint8.

    Loads the training batches that are there and warns which are missing.
    """
    files = TRAIN + TEST
    found = find("cifar10", "cifar-10", files, root)
    test = need("cifar10", TEST, found[-1:]) if found[-1] else None
    train = [path for path in found[:-1] if path is not None]
    missing = [file for file, path in zip(files, found, strict=True) if path is None]
    if test is None or not train:
        place = next(path.parent for path in found if path is not None)
        raise MissingFiles(
            f"cifar10: missing {', '.join(missing)} in {place}; needed: test and one training batch"
        )
    if missing:
        warn(f"cifar10: missing {', '.join(missing)}: {len(train)} of 5 training batches loaded")
    parts = [read(path) for path in train]
    x, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Splits("cifar10", Dataset(x, y), Dataset(*read(test[0])), CLASSES)
