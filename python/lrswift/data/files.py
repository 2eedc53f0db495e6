"""Where data files are looked for, and how they are read."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import FormatError, MissingFiles
from .fetch import REMOTES

# where the files of a data set are published, told where they are missing
PUBLISHED = {
    "mnist": "https://ossci-datasets.s3.amazonaws.com/mnist",
    "fashion-mnist": "https://github.com/zalandoresearch/fashion-mnist",
    "cifar10": "https://www.cs.toronto.edu/~kriz/cifar.html",
    "cifar100": "https://www.cs.toronto.edu/~kriz/cifar.html",
    "svhn": "http://ufldl.stanford.edu/housenumbers",
    "tiny-imagenet": "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
    "text": "https://github.com/karpathy/char-rnn",
    "multi30k": "https://github.com/multi30k/dataset",
    "voc": "http://host.robots.ox.ac.uk/pascal/VOC",
}
# bytes that deflate makes of one, at most
_MOST_PACKED = 1032


def places(folder: str, root: str | os.PathLike[str] | None) -> list[Path]:
    """A data set's possible folders: in `root` alone or, without one, in `$LRSWIFT_DATA` and `./data`.

    Each of these may be the data set's folder itself.
    """
    named = [root] if root else [os.environ.get("LRSWIFT_DATA"), "data"]
    roots = [Path(r) for r in named if r]
    # mnist and fashion-mnist use the same file names, so only the folder's name tells them apart
    return [r if r.name == folder else r / folder for r in roots]


def find(
    name: str, folder: str, files: Sequence[str], root: str | os.PathLike[str] | None
) -> list[Path | None]:
    """The files in the first place that has any of them, None for each missing there.

    A file may be stored without its ".gz". MissingFiles when no place has any.
    """
    tried = places(folder, root)
    for place in tried:
        found = [_existing(place / file) for file in files]
        if any(found):
            return found
    where = ", ".join(str(p) for p in tried)
    told = root or os.environ.get("LRSWIFT_DATA")
    hint = "" if told else "; $LRSWIFT_DATA is not set"
    raise MissingFiles(f"{name}: missing {', '.join(files)}; looked in {where}{hint}{published(name)}")


def published(name: str) -> str:
    """Where the files can be had, as the end of a message."""
    at = f"; published at {PUBLISHED[name]}" if name in PUBLISHED else ""
    return f"{at}; `lrswift data get {name}` downloads them" if name in REMOTES else at


def need(name: str, files: Sequence[str], found: Sequence[Path | None]) -> list[Path]:
    """`found` when complete. MissingFiles naming those that are not there otherwise."""
    missing = [file for file, path in zip(files, found, strict=True) if path is None]
    if missing:
        place = next(path.parent for path in found if path is not None)
        raise MissingFiles(f"{name}: missing {', '.join(missing)} in {place}{published(name)}")
    return [path for path in found if path is not None]


def content(
    path: Path, most: int = 2**30, header: int = 0, size: Callable[[bytes], int] | None = None
) -> bytes:
    """The bytes of a file, decompressed if it is gzip; one more than there should be where there are more.

    most: what a file of the data set's format can have. size: how many bytes follow the first `header` ones,
    by what these say. FormatError when it is damaged, or no file of its length on the disk holds so many.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            begun = file.read(header)
            if size is not None:
                most = header + size(begun)
                if most - header > _MOST_PACKED * path.stat().st_size:
                    raise FormatError(f"{path}: its header says {most} bytes, which it is too short for")
            return begun + file.read(most - len(begun) + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise FormatError(f"{path}: not a whole gzip file ({error})") from None


def _existing(path: Path) -> Path | None:
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    return path if path.is_file() else plain if plain.is_file() else None
