"""Street view house numbers: MATLAB's files of cropped digits, X [32, 32, 3, N] and y [N, 1]."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..errors import FormatError, MissingFiles
from .dataset import Dataset, Splits
from .files import find, need

FILES = ("train_32x32.mat", "test_32x32.mat")
# bytes that deflate makes of one, at most
_MOST_PACKED = 1032


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(x uint8 [N, 32, 32, 3], y uint8 [N]). FormatError for another file, MissingFiles without SciPy."""
    try:
        from scipy.io import loadmat, whosmat
    except ImportError:
        raise MissingFiles(
            "svhn: its files are read with SciPy, which is not installed: pip install scipy"
        ) from None
    try:
        # what the headers say, before anything is unpacked
        told = {name: shape for name, shape, _ in whosmat(path)}
        shape = told.get("X", ())
        if len(shape) != 4 or shape[:3] != (32, 32, 3) or told.get("y") != (shape[3], 1):
            raise FormatError(f"{path}: arrays {told}; allowed: X of (32, 32, 3, N) and y of (N, 1)")
        if np.prod(shape, dtype=float) > _MOST_PACKED * path.stat().st_size:
            raise FormatError(f"{path}: its header says {shape}, which it is too short for")
        held = loadmat(path, variable_names=["X", "y"])
        x, y = held["X"], held["y"][:, 0]
    except FormatError:
        raise
    except Exception as error:  # noqa: BLE001  # SciPy raises whatever the damage leads to
        raise FormatError(f"{path}: no whole file of MATLAB ({type(error).__name__}: {error})") from None
    if x.dtype != np.uint8 or x.shape != shape or len(y) != shape[3]:
        raise FormatError(f"{path}: X is {x.dtype} {x.shape}; allowed: uint8, as its header says")
    if not len(y) or y.min() < 1 or y.max() > 10:
        raise FormatError(f"{path}: labels {y.min(initial=99)} to {y.max(initial=0)}; allowed: 1 to 10")
    # the digit 0 has the label 10
    return np.ascontiguousarray(x.transpose(3, 0, 1, 2)), (y % 10).astype(np.uint8)


def svhn(root: str | os.PathLike[str] | None = None) -> Splits:
    """House numbers (Netzer et al., 2011): x uint8 [73257 and 26032, 32, 32, 3], y uint8. Needs SciPy."""
    paths = need("svhn", FILES, find("svhn", "svhn", FILES, root))
    train, test = (read(path) for path in paths)
    return Splits("svhn", Dataset(*train), Dataset(*test), [str(i) for i in range(10)])
