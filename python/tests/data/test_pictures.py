"""Pictures from files: brought to a size, and no further unpacked than their header allows."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lrswift as lr
from lrswift.data.pictures import picture


def test_a_picture_is_brought_to_a_size(tmp_path: Path) -> None:
    halves = np.zeros((10, 20, 3), np.uint8)
    halves[:, 10:] = 200
    Image.fromarray(halves).save(tmp_path / "a.png")
    np.testing.assert_array_equal(picture(tmp_path / "a.png"), halves)
    small = picture(tmp_path / "a.png", (5, 4))
    assert small.shape == (5, 4, 3) and small.dtype == np.uint8
    assert small[:, 0].max() == 0 and small[:, 3].min() == 200


def test_a_header_that_promises_too_much_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    path = tmp_path / "bomb.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    with pytest.raises(lr.FormatError, match=r"bomb\.png"):
        picture(path)
    with pytest.raises(lr.FormatError, match="no whole picture"):
        picture(tmp_path / "none.png")
