"""CIFAR-10 and CIFAR-100: the binary versions, records of label bytes and 3 planes (RGB) of 32x32."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..errors import FormatError, MissingFiles, warn
from .dataset import Dataset, Splits
from .files import content, find, need, published

TRAIN = tuple(f"data_batch_{i}.bin.gz" for i in range(1, 6))
TEST = ("test_batch.bin.gz",)
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
FINE = (
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly "
    "camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile "
    "cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp "
    "lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree "
    "orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum "
    "rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider "
    "squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train "
    "trout tulip turtle wardrobe whale willow_tree wolf woman worm"
).split()
# classes of one label byte that stands before the class: the superclass of CIFAR-100
COARSE = 20
_PIXELS = 3 * 32 * 32
# of a file
RECORDS = 10_000
FINE_RECORDS = 50_000


def read(
    path: Path, labels: tuple[int, ...] = (len(CLASSES),), records: int = RECORDS
) -> tuple[np.ndarray, np.ndarray]:
    """(x uint8 [N, 32, 32, 3], y uint8 [N]), the last of the label bytes, each below its number in `labels`.

    FormatError when the size or a label is wrong.
    """
    size = len(labels) + _PIXELS
    most = records * size
    data = np.frombuffer(content(path, most), np.uint8)
    if data.size > most:
        raise FormatError(f"{path}: more than {most} bytes; allowed: at most {records} records of {size}")
    if not data.size or data.size % size:
        raise FormatError(f"{path}: {data.size} bytes; allowed: a multiple of {size}")
    rows = data.reshape(-1, size)
    for place, classes in enumerate(labels):
        if rows[:, place].max() >= classes:
            raise FormatError(f"{path}: label {rows[:, place].max()}; allowed: 0 to {classes - 1}")
    planes = rows[:, len(labels) :].reshape(-1, 3, 32, 32)
    labels_read = rows[:, len(labels) - 1]
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels_read.copy()


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
            f"{published('cifar10')}"
        )
    if missing:
        warn(f"cifar10: missing {', '.join(missing)}: {len(train)} of 5 training batches loaded")
    parts = [read(path) for path in train]
    x, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Splits("cifar10", Dataset(x, y), Dataset(*read(test[0])), CLASSES)


def cifar100(root: str | os.PathLike[str] | None = None) -> Splits:
    """Photographs (Krizhevsky, 2009): x uint8 [50000 and 10000, 32, 32, 3], y uint8, of 100 classes."""
    files = ("train.bin.gz", "test.bin.gz")
    paths = need("cifar100", files, find("cifar100", "cifar-100", files, root))
    train, test = (read(path, (COARSE, len(FINE)), FINE_RECORDS) for path in paths)
    return Splits("cifar100", Dataset(*train), Dataset(*test), list(FINE))
