"""`load`: the one list of data sets, a line each."""

from __future__ import annotations

import os
from collections.abc import Callable

from ..errors import ArgumentError
from .cifar import cifar10
from .dataset import Splits
from .digits import digits
from .idx import fashion_mnist, mnist
from .text import text

DATASETS: dict[str, Callable[[str | os.PathLike[str] | None], Splits]] = {
    "digits": digits,
    "mnist": mnist,
    "fashion-mnist": fashion_mnist,
    "cifar10": cifar10,
    "text": text,
}


def load(name: str, root: str | os.PathLike[str] | None = None) -> Splits:
    """A data set by name, with `.train`, `.test` (each a Dataset with `.x`, `.y` as stored) and `.classes`.

    name: digits (through scikit-learn), mnist, fashion-mnist, cifar10, text. Looks for its folder in
    `root` alone and, without one, in `$LRSWIFT_DATA`, then in `./data`. Pixels are uint8 [N, H, W] or
    [N, H, W, 3] and not scaled (see `Dataset.scaled`). Archives are unpacked to what their headers say and
    no further.
    Raises ArgumentError (unknown name), MissingFiles (which, and where it looked), FormatError.
    """
    if name not in DATASETS:
        raise ArgumentError(f"load: name: got {name!r}; allowed: {', '.join(DATASETS)}")
    return DATASETS[name](root)
