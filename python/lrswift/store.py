"""What is written, whole or not at all: states as safetensors, tables as CSV, facts as JSON, pages."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ._safetensors import read, write
from .atomic import check_writable, make_folder, replace
from .errors import ArgumentTypeError, FormatError

__all__ = [
    "FACTS_ERRORS", "altered", "check_writable", "facts_of", "load", "make_folder", "plain", "read",
    "replace", "save", "write", "write_csv", "write_json", "write_text",
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

    Args:
        path: of the file. A link stays one, to the new content.
        source: a module or an optimizer, or a dict name -> array of float32, float64, int64, uint8 or bool.

    Raises:
        ArgumentError: the path names something else than a regular file.
        ArgumentTypeError: source has no `state_dict` and is no dict, or `path` is no path.
        DTypeError: an array is of another dtype.
        FileNotFoundError: the folder does not exist.
        OSError: nothing can be written there.
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
