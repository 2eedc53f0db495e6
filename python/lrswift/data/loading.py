"""`load`: the one list of data sets, a line each."""

from __future__ import annotations

import os
from collections.abc import Callable

from ..errors import ArgumentError
from .cifar import cifar10, cifar100
from .dataset import Splits
from .digits import digits
from .idx import fashion_mnist, mnist
from .multi30k import multi30k
from .svhn import svhn
from .text import text
from .tiny_imagenet import tiny_imagenet

DATASETS: dict[str, Callable[[str | os.PathLike[str] | None], Splits]] = {
    "digits": digits,
    "mnist": mnist,
    "fashion-mnist": fashion_mnist,
    "cifar10": cifar10,
    "cifar100": cifar100,
    "svhn": svhn,
    "tiny-imagenet": tiny_imagenet,
    "text": text,
    "multi30k": multi30k,
}


def load(name: str, root: str | os.PathLike[str] | None = None) -> Splits:
    """Loads a data set by name. Nothing is downloaded, and pixels are not scaled (`Dataset.scaled` does).

    Args:
        name: "digits" (through scikit-learn), "mnist", "fashion-mnist", "cifar10", "cifar100", "svhn"
            (through SciPy), "tiny-imagenet" (through Pillow), "text" or "multi30k".
        root: the folder in which its own is looked for, and nowhere else. None: `$LRSWIFT_DATA`, then
            `./data`. Default None.

    Returns:
        `Splits`: train and test as a `Dataset` each, with x uint8 [N, H, W] or [N, H, W, 3] for images and
        [N] for text, y uint8 [N], and the names of the classes. Of multi30k both are sentences as str, and
        there are no classes.

    Raises:
        ArgumentError: the name is unknown.
        FormatError: a file is damaged, of another format, or larger when unpacked than its header says.
        MissingFiles: files are not there; says which, where it looked, and where they are published.

    Warns:
        UserWarning: training batches of cifar10 are missing; the others are loaded.
    """
    if name not in DATASETS:
        raise ArgumentError(f"load: name: got {name!r}; allowed: {', '.join(DATASETS)}")
    return DATASETS[name](root)
