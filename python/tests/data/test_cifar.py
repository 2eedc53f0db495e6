"""CIFAR-100 in small files of the official binary format, and damaged ones."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

import lrswift as lr

rng = np.random.default_rng(0)


def write(path: Path, coarse: list[int], fine: list[int], images: np.ndarray, extra: bytes = b"") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    records = np.column_stack([np.array(coarse, np.uint8), np.array(fine, np.uint8), planes])
    content = records.astype(np.uint8).tobytes() + extra
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = rng.integers(0, 256, (5, 32, 32, 3)).astype(np.uint8)
    write(tmp_path / "cifar-100" / "train.bin.gz", [0, 19, 3, 4, 5], [99, 0, 7, 8, 9], images)
    write(tmp_path / "cifar-100" / "test.bin", [1, 2], [50, 51], images[:2])
    np.save(tmp_path / "images.npy", images)
    return tmp_path


def test_records_are_read(folder: Path) -> None:
    data = lr.data.load("cifar100", folder)
    np.testing.assert_array_equal(data.train.x, np.load(folder / "images.npy"))
    assert data.train.y.tolist() == [99, 0, 7, 8, 9] and data.test.y.tolist() == [50, 51]
    assert len(data.classes) == 100 and data.classes[0] == "apple" and data.classes[99] == "worm"
    assert data.classes == sorted(data.classes)


def test_what_is_missing_or_damaged_is_said(folder: Path) -> None:
    path = folder / "cifar-100" / "train.bin.gz"
    whole = path.read_bytes()
    images = np.load(folder / "images.npy")
    path.write_bytes(whole[:-40])
    with pytest.raises(lr.FormatError, match=r"train\.bin\.gz: not a whole gzip file"):
        lr.data.load("cifar100", folder)
    write(path, [0] * 5, [1] * 5, images, b"x")
    with pytest.raises(lr.FormatError, match="15371 bytes; allowed: a multiple of 3074"):
        lr.data.load("cifar100", folder)
    write(path, [0] * 5, [100] * 5, images)
    with pytest.raises(lr.FormatError, match="label 100; allowed: 0 to 99"):
        lr.data.load("cifar100", folder)
    write(path, [20] * 5, [1] * 5, images)
    with pytest.raises(lr.FormatError, match="label 20; allowed: 0 to 19"):
        lr.data.load("cifar100", folder)
    path.write_bytes(gzip.compress(bytes(3074 * 50_001)))
    with pytest.raises(lr.FormatError, match="allowed: at most 50000 records of 3074"):
        lr.data.load("cifar100", folder)
    path.unlink()
    with pytest.raises(
        lr.MissingFiles, match=r"missing train\.bin\.gz in .*published at https://www\.cs\.toronto"
    ):
        lr.data.load("cifar100", folder)
