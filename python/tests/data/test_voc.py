"""VOC in a small folder of the published form, and damaged ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lrswift as lr

THING = (
    "<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{x}</xmin><ymin>{y}</ymin>"
    "<xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
)


def thing(name: str, x: object, y: object, right: object, bottom: object, difficult: int = 0) -> str:
    return THING.format(name=name, x=x, y=y, right=right, bottom=bottom, difficult=difficult)


def annotated(*things: str, size: tuple[int, int] = (40, 20)) -> str:
    sides = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>"
    return f"<annotation><folder>VOC2007</folder>{sides}{''.join(things)}</annotation>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "VOCdevkit" / "VOC2007"
    for name in ("ImageSets/Main", "Annotations", "JPEGImages"):
        (root / name).mkdir(parents=True)
    (root / "ImageSets/Main/trainval.txt").write_text("000005\n000007\n")
    for name, gray in (("000005", 50), ("000007", 150)):
        Image.new("RGB", (40, 20), (gray,) * 3).save(root / f"JPEGImages/{name}.jpg", quality=95)
    first = annotated(thing("dog", 1, 1, 20, 20), thing("person", 11, 6, 40, 10, 1))
    (root / "Annotations/000005.xml").write_text(first)
    (root / "Annotations/000007.xml").write_text(annotated(thing("tvmonitor", 21, 11, 40, 20)))
    return tmp_path


def test_pictures_boxes_and_labels(folder: Path) -> None:
    data = lr.data.voc(folder, size=32)
    assert data.x.shape == (2, 32, 32, 3) and len(data.classes) == 20
    np.testing.assert_allclose(data.x[:, 5, 5, 0], [50, 150], atol=3)
    # from 1 to 20 of 40 pixels is the left half
    np.testing.assert_allclose(data.boxes[0], [[0, 0, 0.5, 1]])
    np.testing.assert_allclose(data.boxes[1], [[0.5, 0.5, 1, 1]])
    assert [data.classes[k] for k in (data.labels[0][0], data.labels[1][0])] == ["dog", "tvmonitor"]
    both = lr.data.voc(folder, size=32, difficult=True)
    np.testing.assert_allclose(both.boxes[0][1], [0.25, 0.25, 1, 0.5])
    # what a detector is trained on
    corrections, labels = lr.models.ssd(20, 1, 32).targets(data.boxes, data.labels)
    assert corrections.shape[0] == 2 and set(labels[0]) == {0, data.classes.index("dog") + 1}


WRONG = {
    "whole XML": annotated(thing("dog", 1, 1, 2, 2))[:-8],
    "allowed: aeroplane": annotated(thing("unicorn", 1, 1, 2, 2)),
    "allowed: inside of 40 x 20": annotated(thing("dog", 1, 1, 41, 20)),
    "bndbox/xmin is 'left'": annotated(thing("dog", "left", 1, 2, 2)),
    "bndbox/ymax is 'nan'": annotated(thing("dog", 1, 1, 2, "nan")),
    "size/width is ''": "<annotation></annotation>",
    "entities of its own": '<!DOCTYPE a [<!ENTITY b "c">]>' + annotated(),
}


@pytest.mark.parametrize("told", WRONG)
def test_damaged_annotations_are_said(folder: Path, told: str) -> None:
    (folder / "VOCdevkit/VOC2007/Annotations/000005.xml").write_text(WRONG[told])
    with pytest.raises(lr.FormatError, match=rf"000005\.xml: .*{told}"):
        lr.data.voc(folder)


def test_what_is_missing_is_said(folder: Path, tmp_path: Path) -> None:
    root = folder / "VOCdevkit" / "VOC2007"
    picture = root / "JPEGImages/000007.jpg"
    picture.write_bytes(picture.read_bytes()[:100])
    with pytest.raises(lr.FormatError, match=r"000007\.jpg: no whole picture"):
        lr.data.voc(folder)
    picture.unlink()
    with pytest.raises(lr.FormatError, match=r"000007\.jpg: is not there"):
        lr.data.voc(folder)
    (root / "ImageSets/Main/trainval.txt").write_text("../../etc\n")
    with pytest.raises(lr.FormatError, match="allowed: names of pictures"):
        lr.data.voc(folder)
    with pytest.raises(lr.MissingFiles, match=r"missing VOC2012/ImageSets/Main/test\.txt.*published at http"):
        lr.data.voc(folder, 2012, "test")
    with pytest.raises(lr.ArgumentError, match="part: got 'all'; allowed: train, val, trainval, test"):
        lr.data.voc(folder, part="all")
