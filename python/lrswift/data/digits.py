"""The 8x8 digits that come with scikit-learn: nothing to download."""

from __future__ import annotations

import os

import numpy as np

from ..errors import MissingFiles
from .batches import permutation
from .dataset import Dataset, Splits


def digits(root: str | os.PathLike[str] | None = None) -> Splits:
    """Handwritten digits (Alpaydin and Kaynak, 1998): x uint8 [1437 and 360, 8, 8] of 0 to 16, y uint8.

    The split is random but always the same: neighbours in the file come from one writer.
    `root` is not used. MissingFiles when scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise MissingFiles(
            "digits: come with scikit-learn, which is not installed: pip install 'lrswift[demo]'"
        ) from None
    bunch = load_digits()
    x, y = bunch.images.astype(np.uint8), bunch.target.astype(np.uint8)
    order = permutation(len(x), 0, 0)
    train, test = np.sort(order[:1437]), np.sort(order[1437:])
    classes = [str(i) for i in range(10)]
    return Splits("digits", Dataset(x[train], y[train], 16.0), Dataset(x[test], y[test], 16.0), classes)
