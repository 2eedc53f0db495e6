"""Captions of pictures in two languages: gzip around UTF-8 text, a sentence a line."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..errors import FormatError
from .dataset import Dataset, Splits
from .files import content, find, need

FILES = ("train.de.gz", "train.en.gz", "test_2016_flickr.de.gz", "test_2016_flickr.en.gz")


def multi30k(root: str | os.PathLike[str] | None = None) -> Splits:
    """Multi30k (Elliott et al., 2016): x the German captions [29000 and 1000], y the English ones, as str.

    There are no classes, and nothing to scale.
    """
    paths = need("multi30k", FILES, find("multi30k", "multi30k", FILES, root))
    parts = []
    for first, path in (paths[:2], paths[2:]):
        german, english = _lines(first), _lines(path)
        if len(german) != len(english):
            raise FormatError(
                f"{path}: {len(english)} lines; allowed: {len(german)}, as in the other language"
            )
        parts.append(Dataset(german, english))
    return Splits("multi30k", parts[0], parts[1], [])


def _lines(path: Path) -> np.ndarray:
    try:
        found = content(path).decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: no UTF-8 text ({error})") from None
    if not found:
        raise FormatError(f"{path}: 0 lines; allowed: at least 1")
    return np.array(found, dtype=np.str_)
