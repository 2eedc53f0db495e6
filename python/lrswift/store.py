"""What is written, whole or not at all: states as safetensors, tables as CSV, facts as JSON, pages."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ArgumentTypeError, FormatError
from .files.atomic import check_writable, make_folder, replace
from .files.safetensors import read, write

__all__ = [
    "FACTS_ERRORS", "SUM", "altered", "check_writable", "facts_of", "load", "make_folder", "plain", "read",
    "read_checked_json", "replace", "save", "write", "write_checked_json", "write_csv", "write_json",
    "write_text",
]  # fmt: skip


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes atomically, as UTF-8."""
    replace(path, text.encode())


def write_csv(
    path: str | os.PathLike[str], columns: Sequence[str], rows: Iterable[Mapping[str, Any]]
) -> None:
    """Writes a header and a line per row atomically; nothing where a row has None or lacks a column."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def write_json(
    path: str | os.PathLike[str], value: Any, digits: int | None = None, indent: int | None = 1
) -> None:
    """Writes `plain(value, digits)` atomically."""
    write_text(path, json.dumps(plain(value, digits), indent=indent, allow_nan=False))


def write_checked_json(
    path: str | os.PathLike[str], facts: Mapping[str, Any], digits: int | None = None, indent: int | None = 1
) -> None:
    """Writes `plain(facts, digits)` atomically, and a checksum over it as the last entry, "sha256"."""
    # keys that are numbers become texts
    found = json.loads(json.dumps(plain(dict(facts), digits), allow_nan=False))
    write_json(path, {**found, SUM: _sum(found)}, indent=indent)


def read_checked_json(path: Path, where: str, known: Iterable[str]) -> dict[str, Any]:
    """What `write_checked_json` was given; files without a sum are read.

    FormatError for a damaged file, and for one that has other entries than `known`.
    """
    try:
        found = facts_of(where, path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise altered(where, "bytes that are no text") from None
    told = found.pop(SUM, None)
    if told is not None and told != _sum(found):
        raise altered(where, "a checksum that is not that of its content")
    others = sorted(set(found) - set(known))
    if others:
        raise altered(where, f"more than it should: {', '.join(others)}")
    return found


def _sum(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def plain(value: Any, digits: int | None = None) -> Any:
    """`value` for JSON, which has no nan or inf: null there, and floats of `digits` digits if given."""
    if isinstance(value, dict):
        return {key: plain(entry, digits) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry, digits) for entry in value]
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    return value if digits is None else float(f"{value:.{digits}g}")


# entry of a JSON file
SUM = "sha256"
# of facts that are not what they should be, where they are read
FACTS_ERRORS = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)


def facts_of(where: str, text: str, required: Iterable[str] = ()) -> dict[str, Any]:
    """The facts that a file has as JSON in its metadata. FormatError unless an object with `required`."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise altered(where, f"facts that are no JSON: {error}") from None
    if not isinstance(found, dict):
        raise altered(where, "facts that are no JSON object")
    missing = [name for name in required if name not in found]
    if missing:
        raise altered(where, f"no {', '.join(missing)}")
    return found


def altered(where: str, what: object) -> FormatError:
    """The error for a file that is whole, but says what none of ours does."""
    return FormatError(f"{where}: has {what}; allowed: a file as it was written")


def save(path: str | os.PathLike[str], source: Any) -> None:
    """Writes a state as a safetensors file, atomically: readers see the old file or the whole new one.

    A checksum over all content stands in the metadata.

    Args:
        path: of the file. A link stays one, to the new content.
        source: a module or an optimizer, or a dict name -> array of float32, float64, int64, uint8 or bool.

    Raises:
        ArgumentError: a pipe or a device is in the file's place, or a name is no text.
        ArgumentTypeError: source has no `state_dict` and is no dict, or `path` is no path.
        DTypeError: an array is of another dtype.
        FileNotFoundError: the folder does not exist.
        OSError: the folder cannot be written, or a folder is in the file's place.
    """
    if hasattr(source, "state_dict"):
        source = source.state_dict()
    if not isinstance(source, Mapping):
        raise ArgumentTypeError(
            f"save: got {type(source).__name__}; allowed: a module, an optimizer, or a dict of arrays"
        )
    write(path, {name: np.asarray(value) for name, value in source.items()}, {})


def load(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Reads a state from a safetensors file, for `load_state_dict`.

    Args:
        path: of the file.

    Returns:
        Name -> array. bfloat16 and float16 arrive as float32 and narrower integers as int64, value for value.

    Raises:
        ArgumentError: the file holds another dtype.
        FileNotFoundError: there is none.
        FormatError: the file is damaged in any bit.
    """
    return read(path)[0]
