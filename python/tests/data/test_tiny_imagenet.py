"""Tiny ImageNet in a small folder of the published form, and damaged ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lrswift as lr

KINDS = {"n01": "cat, house cat", "n02": "dog"}


def save(path: Path, gray: int, size: tuple[int, int] = (64, 64), mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, gray if mode == "L" else (gray, 0, 255 - gray)).save(path, "JPEG", quality=95)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "tiny-imagenet-200"
    for label, kind in enumerate(KINDS):
        for k in range(3):
            save(root / "train" / kind / "images" / f"{kind}_{k}.JPEG", 100 * label + 20 * k)
    save(root / "val" / "images" / "val_0.JPEG", 200)
    save(root / "val" / "images" / "val_1.JPEG", 77, mode="L")
    (root / "wnids.txt").write_text("n02\nn01\n")
    (root / "words.txt").write_text("".join(f"{k}\t{v}\n" for k, v in KINDS.items()) + "n03\tfish\n")
    (root / "val" / "val_annotations.txt").write_text(
        "val_0.JPEG\tn01\t0\t0\t62\t62\nval_1.JPEG\tn02\t1\t1\t5\t5\n"
    )
    return tmp_path


def test_pictures_and_labels(folder: Path) -> None:
    data = lr.data.load("tiny-imagenet", folder)
    # in the order of wnids.txt
    assert data.classes == ["dog", "cat, house cat"]
    assert data.train.x.shape == (6, 64, 64, 3) and data.train.y.tolist() == [0, 0, 0, 1, 1, 1]
    np.testing.assert_allclose(data.train.x[:, 10, 10, 0], [100, 120, 140, 0, 20, 40], atol=3)
    np.testing.assert_allclose(data.train.x[:, 60, 3, 2], [155, 135, 115, 255, 235, 215], atol=3)
    assert data.test.y.tolist() == [1, 0]
    # a gray one has three channels, too
    np.testing.assert_allclose(data.test.x[1], 77, atol=3)


def test_what_is_missing_or_damaged_is_said(folder: Path) -> None:
    root = folder / "tiny-imagenet-200"
    first = root / "train" / "n02" / "images" / "n02_0.JPEG"
    whole = first.read_bytes()
    first.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(lr.FormatError, match=r"n02_0\.JPEG: no whole picture"):
        lr.data.load("tiny-imagenet", folder)
    save(first, 9, (65, 64))
    with pytest.raises(lr.FormatError, match="65 x 64 pixels; allowed: 64 x 64"):
        lr.data.load("tiny-imagenet", folder)
    first.write_bytes(whole)
    listed = root / "val" / "val_annotations.txt"
    text = listed.read_text()
    for wrong in ("val_0.JPEG\tn09\t0", "../val_0.JPEG\tn01\t0", "val_0.JPEG"):
        listed.write_text(wrong + "\n")
        with pytest.raises(lr.FormatError, match="line 1.*allowed: a file and one of the classes"):
            lr.data.load("tiny-imagenet", folder)
    listed.write_text(text.replace("val_1", "val_7"))
    with pytest.raises(lr.FormatError, match=r"val_7\.JPEG: is not there"):
        lr.data.load("tiny-imagenet", folder)
    listed.write_text(text)
    (root / "wnids.txt").write_text("n02\nn44\n")
    with pytest.raises(lr.FormatError, match="no words for n44"):
        lr.data.load("tiny-imagenet", folder)
    (root / "words.txt").unlink()
    with pytest.raises(lr.MissingFiles, match=r"missing words\.txt in .*published at"):
        lr.data.load("tiny-imagenet", folder)
