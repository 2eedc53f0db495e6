"""Files that are replaced whole or not at all: states as safetensors, tables as CSV, facts as JSON, pages."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ArgumentError, ArgumentTypeError, DTypeError

_DTYPES = ("float32", "float64", "int64", "uint8", "bool")


def write(
    path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> None:
    """Writes arrays as safetensors, as `replace` does. DTypeError for other dtypes."""
    from safetensors.numpy import save as serialized

    for name, array in arrays.items():
        if array.dtype.name not in _DTYPES:
            raise DTypeError(f"save: {name}: got dtype {array.dtype}; allowed: {', '.join(_DTYPES)}")
    whole = {name: np.array(array, order="C", copy=None) for name, array in arrays.items()}
    replace(path, serialized(whole, metadata=dict(metadata) or None))


def replace(path: str | os.PathLike[str], content: bytes) -> None:
    """Writes atomically: readers see the old file or the whole new one, also after a kill or a power cut."""
    # a link stays one, to the new content
    target = Path(os.path.realpath(path))
    # made as `open` makes it, so that the umask decides who may read it
    temporary = target.with_name(f".{target.name}.{os.urandom(4).hex()}")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


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


def read(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """(arrays, metadata). FileNotFoundError; ArgumentError for a file that is not whole, or another dtype."""
    from safetensors import SafetensorError, deserialize, safe_open

    if not Path(path).is_file():
        raise FileNotFoundError(f"load: {path}: no such file")
    try:
        with safe_open(path, framework="np") as file:
            metadata = dict(file.metadata() or {})
        found = deserialize(Path(path).read_bytes())
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ArgumentError(f"load: {path}: not a whole safetensors file ({error})") from None
    return {name: _array(f"load: {path}: {name}", **entry) for name, entry in found}, metadata


# safetensors' name -> how the bytes are read, and the dtype of the core that holds every one of its numbers
_READ = {
    "F64": ("f8", "float64"), "F32": ("f4", "float32"), "F16": ("f2", "float32"), "BF16": ("u2", "float32"),
    "I64": ("i8", "int64"), "I32": ("i4", "int64"), "I16": ("i2", "int64"), "I8": ("i1", "int64"),
    "U32": ("u4", "int64"), "U16": ("u2", "int64"), "U8": ("u1", "uint8"), "BOOL": ("?", "bool"),
}  # fmt: skip


def _array(where: str, dtype: str, shape: Sequence[int], data: bytes) -> np.ndarray:
    """One entry of a file as an array of its own; narrower numbers as the core's, value for value."""
    if dtype not in _READ:
        raise ArgumentError(f"{where}: got dtype {dtype}; allowed: {', '.join(_READ)}")
    kind, wanted = _READ[dtype]
    raw = np.frombuffer(data, f"<{kind}" if kind != "?" else kind).reshape(shape)
    if dtype == "BF16":
        # the upper half of a float32
        return (raw.astype(np.uint32) << 16).view(np.float32)
    return raw.astype(wanted)


def save(path: str | os.PathLike[str], source: Any) -> None:
    """Writes the state of a module or optimizer, or a dict name -> array, atomically to `path`.

    Raises ArgumentTypeError for what has no `state_dict`.
    """
    if hasattr(source, "state_dict"):
        source = source.state_dict()
    if not isinstance(source, Mapping):
        raise ArgumentTypeError(
            f"save: got {type(source).__name__}; allowed: a module, an optimizer, or a dict of arrays"
        )
    write(path, {name: np.asarray(value) for name, value in source.items()}, {})


def load(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The state dict in a safetensors file, for `load_state_dict`.

    bfloat16 and float16 arrive as float32 and narrower integers as int64, value for value.
    FileNotFoundError; ArgumentError when the file is damaged or holds another dtype.
    """
    return read(path)[0]
