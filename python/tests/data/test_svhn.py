"""House numbers in small files as SciPy writes MATLAB's format, and damaged ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

import lrswift as lr

rng = np.random.default_rng(0)
X = rng.integers(0, 256, (32, 32, 3, 6)).astype(np.uint8)
Y = np.array([[1], [9], [10], [10], [5], [2]], np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "svhn").mkdir()
    for part, count in (("train", 6), ("test", 2)):
        savemat(
            tmp_path / "svhn" / f"{part}_32x32.mat",
            {"X": X[..., :count], "y": Y[:count]},
            do_compression=True,
        )
    return tmp_path


def test_images_and_digits(folder: Path) -> None:
    data = lr.data.load("svhn", folder)
    assert data.train.x.shape == (6, 32, 32, 3) and data.train.x.flags.c_contiguous
    for k in range(6):
        np.testing.assert_array_equal(data.train.x[k], X[:, :, :, k])
    assert data.train.y.tolist() == [1, 9, 0, 0, 5, 2] and len(data.test) == 2


def test_what_is_missing_or_damaged_is_said(folder: Path) -> None:
    path = folder / "svhn" / "train_32x32.mat"
    whole = path.read_bytes()
    for content in (whole[:-200], whole[:60], b"", b"not MATLAB" * 40):
        path.write_bytes(content)
        with pytest.raises(lr.FormatError, match=r"train_32x32\.mat: (no whole file of MATLAB|arrays)"):
            lr.data.load("svhn", folder)
    savemat(path, {"X": X, "y": Y[:5]})
    with pytest.raises(lr.FormatError, match=r"allowed: X of \(32, 32, 3, N\) and y of \(N, 1\)"):
        lr.data.load("svhn", folder)
    savemat(path, {"X": X, "y": np.where(Y == 9, 11, Y).astype(np.uint8)})
    with pytest.raises(lr.FormatError, match="labels 1 to 11; allowed: 1 to 10"):
        lr.data.load("svhn", folder)
    savemat(path, {"X": X.astype(float), "y": Y})
    with pytest.raises(lr.FormatError, match="X is float64"):
        lr.data.load("svhn", folder)
    path.unlink()
    with pytest.raises(lr.MissingFiles, match=r"missing train_32x32\.mat in .*published at http://ufldl"):
        lr.data.load("svhn", folder)
