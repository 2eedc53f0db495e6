"""Arrays that several workloads are made of: images, rows of tables, words."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from .... import data
from ....errors import MissingFiles
from ..workload import Arrays, Root


@functools.lru_cache(maxsize=16)
def images(name: str, train: int, valid: int, root: Root) -> tuple[Arrays, Arrays]:
    """((x, y), (x, y)): images of a data set drawn at random, float32 of 0 to 1, and int64 labels."""
    return drawn(data.load(name, root), train, valid)


def drawn(splits: data.Splits, train: int, valid: int) -> tuple[Arrays, Arrays]:
    """So many images of each part, as `images` gives them."""
    rng = np.random.RandomState(0)
    parts = []
    for part, count in ((splits.train, train), (splits.test, valid)):
        rows = rng.permutation(len(part))[:count]
        x = np.asarray(part.x[rows], np.float32) / np.float32(part.top)
        parts.append((x, part.y[rows].astype(np.int64)))
    return parts[0], parts[1]


def flat(parts: tuple[Arrays, Arrays]) -> tuple[Arrays, Arrays]:
    """`parts` with a row of pixels for each image."""
    (x, *others), (v, *more) = parts
    return (x.reshape(len(x), -1), *others), (v.reshape(len(v), -1), *more)


def table(name: str, scaled: bool, regression: bool) -> tuple[Arrays, Arrays]:
    """A table of scikit-learn's, three quarters to train on; scaled: standardized, targets of numbers, too.

    MissingFiles when scikit-learn is not installed.
    """
    try:
        from sklearn import datasets
    except ImportError:
        raise MissingFiles(
            f"{name}: comes with scikit-learn, which is not installed: pip install 'lrswift[demo]'"
        ) from None
    options = {"scaled": False} if name == "diabetes" else {}
    found = getattr(datasets, f"load_{name}")(**options)
    x, y = found.data.astype(np.float64), found.target.astype(np.float64 if regression else np.int64)
    order = np.random.RandomState(0).permutation(len(x))
    x, y, cut = x[order], y[order], len(x) * 3 // 4
    if scaled:
        x = standardized(x, cut)
        y = standardized(y, cut) if regression else y
    x = x.astype(np.float32)
    y = y.astype(np.float32)[:, None] if regression else y
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


def standardized(values: np.ndarray, cut: int) -> np.ndarray:
    """Each column with mean 0 and standard deviation 1 over the first `cut` rows."""
    return (values - values[:cut].mean(0)) / values[:cut].std(0)


def cut(arrays: Sequence[np.ndarray], train: int) -> tuple[Arrays, Arrays]:
    """The first `train` rows of each array, and the others."""
    return tuple(a[:train] for a in arrays), tuple(a[train:] for a in arrays)


def words(line: str) -> list[str]:
    """The words and marks of a line, in lower case."""
    return re.findall(r"\w+|[^\w\s]", line.lower())


class Vocabulary:
    """The most frequent words of `lines`, numbered behind `reserved` others; rarer words are number 0."""

    def __init__(self, lines: Iterable[Sequence[str]], size: int, reserved: int = 1) -> None:
        counts = Counter(word for line in lines for word in line)
        # ties by the word itself: most_common alone keeps the order of appearance
        ranked = sorted(counts, key=lambda word: (-counts[word], word))[: size - reserved]
        self.numbers = {word: reserved + i for i, word in enumerate(ranked)}

    def __call__(self, line: Sequence[str]) -> list[int]:
        """The numbers of the words of a line."""
        return [self.numbers.get(word, 0) for word in line]
