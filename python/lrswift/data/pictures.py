"""Pictures in files of their own, JPEG or PNG, through Pillow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FormatError, MissingFiles

# of a picture that is made smaller
_MOST_PIXELS = 50_000_000


def picture(path: Path, size: tuple[int, int] | None = None, exactly: bool = False) -> np.ndarray:
    """The picture as uint8 [H, W, 3].

    size: (height, width) to which it is brought; exactly: which it must have. What its header says is looked
    at before it is unpacked. FormatError for another or a damaged file, MissingFiles without Pillow.
    """
    image: Any
    try:
        from PIL import Image
    except ImportError:
        raise MissingFiles(
            "pictures are read with Pillow, which is not installed: pip install pillow"
        ) from None
    try:
        with Image.open(path) as image:
            if exactly and size is not None and image.size != size[::-1]:
                raise FormatError(
                    f"{path}: {image.size[0]} x {image.size[1]} pixels; allowed: {size[1]} x {size[0]}"
                )
            if image.size[0] * image.size[1] > _MOST_PIXELS:
                raise FormatError(
                    f"{path}: its header says {image.size[0]} x {image.size[1]} pixels; "
                    f"allowed: at most {_MOST_PIXELS}"
                )
            image = image.convert("RGB")
            if size is not None and image.size != size[::-1]:
                image = image.resize(size[::-1], Image.Resampling.BILINEAR)
            return np.array(image, np.uint8)
    except FormatError:
        raise
    except Exception as error:  # noqa: BLE001  # Pillow raises whatever the damage leads to
        raise FormatError(f"{path}: no whole picture ({type(error).__name__}: {error})") from None
