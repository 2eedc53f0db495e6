"""Characters to predict from the character before: parts of Shakespeare's plays."""

from __future__ import annotations

import os

import numpy as np

from ..errors import FormatError
from .dataset import Dataset, Splits
from .files import content, find, need

FILES = ("input.txt",)


def text(root: str | os.PathLike[str] | None = None) -> Splits:
    """tinyshakespeare (Karpathy): x uint8 [N] the bytes, y uint8 [N] each one's successor.

    The first 90 % are train, the rest test; classes are the distinct characters in order.
    """
    (path,) = need("text", FILES, find("text", "tinyshakespeare", FILES, root))
    codes = np.frombuffer(content(path), np.uint8)
    if codes.size < 20 or codes.max() > 127:
        raise FormatError(f"{path}: {codes.size} bytes up to {codes.max(initial=0)}; allowed: ASCII text")
    cut = codes.size * 9 // 10
    train, test = codes[:cut], codes[cut:]
    classes = [chr(c) for c in np.unique(codes)]
    return Splits("text", Dataset(train[:-1], train[1:]), Dataset(test[:-1], test[1:]), classes)
