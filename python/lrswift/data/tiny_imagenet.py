"""Tiny ImageNet: a folder of JPEG files for each of 200 classes, and one of validation with a list."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..errors import FormatError
from .dataset import Dataset, Splits
from .files import find, need
from .pictures import picture

FOLDER = "tiny-imagenet-200"
FILES = ("wnids.txt", "words.txt", "val/val_annotations.txt")
_SIZE = (64, 64)


def tiny_imagenet(root: str | os.PathLike[str] | None = None) -> Splits:
    """Photographs (Le and Yang, 2015): x uint8 [100000 and 10000, 64, 64, 3], y uint8. Needs Pillow.

    The test part is the published validation, as the labels of the test are not. Pictures of the classes that
    are in the folder are read, so that fewer can be kept.
    """
    kinds_file, words_file, listed = need("tiny-imagenet", FILES, find("tiny-imagenet", FOLDER, FILES, root))
    folder = kinds_file.parent
    kinds = _lines(kinds_file)
    named = dict(line.split("\t", 1) for line in _lines(words_file) if "\t" in line)
    unnamed = [kind for kind in kinds if kind not in named]
    if unnamed or not kinds or len(kinds) > 256:
        told = f"no words for {unnamed[0]}" if unnamed else f"{len(kinds)} classes"
        raise FormatError(f"{kinds_file}: {told}; allowed: up to 256 classes that words.txt names")
    train = [
        (path, label)
        for label, kind in enumerate(kinds)
        for path in sorted((folder / "train" / kind / "images").glob("*.JPEG"))
    ]
    valid = []
    for number, line in enumerate(_lines(listed), 1):
        name, *rest = line.split("\t")
        if not rest or rest[0] not in kinds or Path(name).name != name:
            raise FormatError(
                f"{listed}: line {number}: {line[:60]!r}; allowed: a file and one of the classes"
            )
        valid.append((listed.parent / "images" / name, kinds.index(rest[0])))
    if not train or not valid:
        raise FormatError(
            f"{folder}: {len(train)} and {len(valid)} pictures; allowed: at least one in each part"
        )
    return Splits("tiny-imagenet", _read(train), _read(valid), [named[kind] for kind in kinds])


def _read(pairs: list[tuple[Path, int]]) -> Dataset:
    missing = next((path for path, _ in pairs if not path.is_file()), None)
    if missing is not None:
        raise FormatError(f"{missing}: is not there, though it is listed")
    x = np.stack([picture(path, _SIZE, exactly=True) for path, _ in pairs])
    return Dataset(x, np.array([label for _, label in pairs], np.uint8))


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line]
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: no UTF-8 text ({error})") from None
