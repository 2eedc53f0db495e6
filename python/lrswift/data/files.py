"""Where data files are looked for, and how they are read."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

from ..errors import FormatError, MissingFiles


def places(folder: str, root: str | os.PathLike[str] | None) -> list[Path]:
    """A data set's possible folders: in `root`, `$LRSWIFT_DATA`, `./data`, or one of these itself."""
    named = [root, os.environ.get("LRSWIFT_DATA"), "data"]
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
    hint = "" if os.environ.get("LRSWIFT_DATA") else "; $LRSWIFT_DATA is not set"
    raise MissingFiles(f"{name}: missing {', '.join(files)}; looked in {where}{hint}")


def need(name: str, files: Sequence[str], found: Sequence[Path | None]) -> list[Path]:
    """`found` when complete. MissingFiles naming those that are not there otherwise."""
    missing = [file for file, path in zip(files, found, strict=True) if path is None]
    if missing:
        place = next(path.parent for path in found if path is not None)
        raise MissingFiles(f"{name}: missing {', '.join(missing)} in {place}")
    return [path for path in found if path is not None]


def content(path: Path) -> bytes:
    """The bytes of a file, decompressed if it is gzip. FormatError when it is damaged."""
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise FormatError(f"{path}: not a whole gzip file ({error})") from None


def _existing(path: Path) -> Path | None:
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    return path if path.is_file() else plain if plain.is_file() else None
