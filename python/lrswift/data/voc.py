"""PASCAL VOC: JPEG files, and what is in them in XML."""

from __future__ import annotations

import math
import os
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from ..checks import check_whole
from ..errors import ArgumentError, FormatError, MissingFiles
from .files import places, published
from .pictures import picture
from .synthetic import Boxes

CLASSES = (
    "aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person "
    "pottedplant sheep sofa train tvmonitor"
).split()
PARTS = ("train", "val", "trainval", "test")
_MOST_BYTES = 1_000_000


def voc(
    root: str | os.PathLike[str] | None = None,
    year: int = 2007,
    part: str = "trainval",
    size: int = 300,
    difficult: bool = False,
) -> Boxes:
    """Reads photographs with the boxes of the things in them (PASCAL VOC), in the published folders.

    Args:
        root: the folder in which VOCdevkit is looked for. None: `$LRSWIFT_DATA`, then `./data`. Default None.
        year: of the challenge. Default 2007.
        part: "train", "val", "trainval" or "test". Default "trainval".
        size: height and width to which photographs are brought, at least 1. Default 300.
        difficult: whether things marked as difficult are among them. Default False.

    Returns:
        `Boxes` of 20 classes.

    Raises:
        ArgumentError: another part, or a number is out of bounds.
        FormatError: a file is damaged, of another format, or not there though it is listed.
        MissingFiles: the folder is not there, or Pillow is not installed.

    Source:
        Everingham et al., "The PASCAL visual object classes (VOC) challenge" (2010).
    """
    if part not in PARTS:
        raise ArgumentError(f"voc: part: got {part!r}; allowed: {', '.join(PARTS)}")
    check_whole(year, "voc: year", 2005)
    check_whole(size, "voc: size", 1)
    inside = Path(f"VOC{year}") / "ImageSets" / "Main" / f"{part}.txt"
    tried = [place / inside for place in places("VOCdevkit", root)]
    listed = next((path for path in tried if path.is_file()), None)
    if listed is None:
        where = ", ".join(map(str, tried))
        raise MissingFiles(f"voc: missing {inside}; looked for {where}{published('voc')}")
    folder = listed.parents[2]
    names = listed.read_text(encoding="utf-8").split()
    if not names:
        raise FormatError(f"{listed}: names no picture; allowed: at least one")
    images, boxes, labels = [], [], []
    for name in names:
        if Path(name).name != name:
            raise FormatError(f"{listed}: {name[:60]!r}; allowed: names of pictures")
        own, kinds = annotation(folder / "Annotations" / f"{name}.xml", difficult)
        images.append(picture(_there(folder / "JPEGImages" / f"{name}.jpg"), (size, size)))
        boxes.append(own)
        labels.append(kinds)
    return Boxes(np.stack(images), boxes, labels, list(CLASSES))


def _there(path: Path) -> Path:
    if not path.is_file():
        raise FormatError(f"{path}: is not there, though it is listed")
    return path


def annotation(path: Path, difficult: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """(boxes float64 [things, 4] in parts of width and height, labels int64 [things]) of a file.

    Pixels are counted from 1 there, and a box has the pixels of both its ends. FormatError for another file.
    """
    text = _there(path).read_bytes()
    if len(text) > _MOST_BYTES or b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise FormatError(f"{path}: {len(text)} bytes, or entities of its own; allowed: an annotation of VOC")
    try:
        tree = ElementTree.fromstring(text)
        width, height = (_number(tree, f"size/{side}", path) for side in ("width", "height"))
    except ElementTree.ParseError as error:
        raise FormatError(f"{path}: no whole XML ({error})") from None
    boxes, labels = [], []
    for thing in tree.findall("object"):
        name = thing.findtext("name", "").strip()
        if name not in CLASSES:
            raise FormatError(f"{path}: a thing called {name[:40]!r}; allowed: {', '.join(CLASSES)}")
        left, top, right, bottom = (
            _number(thing, f"bndbox/{side}", path) for side in ("xmin", "ymin", "xmax", "ymax")
        )
        if not (1 <= left <= right <= width and 1 <= top <= bottom <= height):
            raise FormatError(
                f"{path}: a box of {left:g}, {top:g}, {right:g}, {bottom:g}; "
                f"allowed: inside of {width:g} x {height:g} pixels"
            )
        if difficult or thing.findtext("difficult", "0").strip() != "1":
            boxes.append([(left - 1) / width, (top - 1) / height, right / width, bottom / height])
            labels.append(CLASSES.index(name))
    return np.array(boxes, float).reshape(-1, 4), np.array(labels, np.int64)


def _number(tree: ElementTree.Element, where: str, path: Path) -> float:
    text = tree.findtext(where, "")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise FormatError(f"{path}: {where} is {text[:40]!r}; allowed: a number")
    return value
