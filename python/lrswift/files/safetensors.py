"""States as safetensors files, with a checksum over all that is in them."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArgumentError, DTypeError, FormatError
from . import atomic

_DTYPES = ("float32", "float64", "int64", "uint8", "bool")
# of our metadata: the sum, and that there is one, so that a damaged name does not pass for an older file
_SUM, _CHECKED = "lrswift.sha256", "lrswift.checked"
_KIND = "sha256"
# of a header, as the library has it
_LONGEST = 100_000_000

# safetensors' name -> how the bytes are read, and the dtype of the core that holds every one of its numbers
_READ = {
    "F64": ("f8", "float64"), "F32": ("f4", "float32"), "F16": ("f2", "float32"), "BF16": ("u2", "float32"),
    "I64": ("i8", "int64"), "I32": ("i4", "int64"), "I16": ("i2", "int64"), "I8": ("i1", "int64"),
    "U32": ("u4", "int64"), "U16": ("u2", "int64"), "U8": ("u1", "uint8"), "BOOL": ("u1", "bool"),
}  # fmt: skip
_NAMES = {"float64": "F64", "float32": "F32", "int64": "I64", "uint8": "U8", "bool": "BOOL"}

# dtype by safetensors' name, shape, and the bytes
_Entry = tuple[str, list[int], memoryview]


def write(
    path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> None:
    """Writes arrays as safetensors, as `atomic.replace` does. DTypeError for other dtypes."""
    from safetensors.numpy import save as serialized

    for name, array in arrays.items():
        if array.dtype.name not in _DTYPES:
            raise DTypeError(f"save: {name}: got dtype {array.dtype}; allowed: {', '.join(_DTYPES)}")
    whole = {name: np.array(array, order="C", copy=None) for name, array in arrays.items()}
    told = {**metadata, _CHECKED: _KIND}
    entries = {
        name: (_NAMES[array.dtype.name], list(array.shape), _bytes(array)) for name, array in whole.items()
    }
    try:
        content = serialized(whole, metadata={**told, _SUM: _checksum(entries, told)})
    except UnicodeEncodeError as error:
        raise ArgumentError(f"save: {error.object!r}: not a text; allowed: names in Unicode") from None
    atomic.replace(path, content)


def read(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """(arrays, metadata) of a whole file.

    Raises FileNotFoundError; FormatError for a file that is damaged in any bit, where it has a checksum, or
    no safetensors file at all; ArgumentError for a dtype that the core has not.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"load: {path}: no such file")
    content = Path(path).read_bytes()
    try:
        entries, metadata = _parsed(content)
    except _Damaged as reason:
        raise FormatError(
            f"load: {path}: not a whole safetensors file ({reason}); allowed: a file as it was written, from "
            "a copy for instance"
        ) from None
    arrays = {name: _array(f"load: {path}: {name}", *entry) for name, entry in entries.items()}
    return arrays, metadata


def _bytes(array: np.ndarray) -> memoryview:
    flat: Any = array.reshape(-1).view(np.uint8)
    return memoryview(flat)


class _Damaged(Exception):
    """What is wrong with a file, in words."""


def _checksum(entries: Mapping[str, _Entry], metadata: Mapping[str, str]) -> str:
    """Of everything but itself, in an order that no writer can change: metadata, then tensors by name."""
    found = hashlib.sha256(json.dumps(sorted(metadata.items())).encode())
    for name in sorted(entries):
        dtype, shape, data = entries[name]
        found.update(json.dumps([name, dtype, shape]).encode())
        found.update(data)
    return found.hexdigest()


def _parsed(content: bytes) -> tuple[dict[str, _Entry], dict[str, str]]:
    """Entries and metadata without the checksum, once it is right."""
    header, start = _header(content)
    facts = _json(header)
    # what JSON may spell in two ways, spelled as the library does
    spelled = json.dumps(facts, separators=(",", ":"), ensure_ascii=False).encode(errors="surrogatepass")
    metadata = facts.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise _Damaged("its metadata are no texts by name")
    entries: dict[str, _Entry] = {}
    data = memoryview(content)[start:]
    end = 0
    for name, dtype, shape, first, last in sorted(map(_entry, facts.items()), key=lambda e: e[3:]):
        if first != end or last > len(data):
            raise _Damaged(f"the bytes of {name!r} are not where they should be")
        entries[name] = (dtype, shape, data[first:last])
        end = last
    if end != len(data):
        raise _Damaged(f"{len(data)} bytes of data, {end} in the header")
    told = metadata.pop(_SUM, None)
    if told is None and _CHECKED not in metadata:
        return entries, metadata
    if told != _checksum(entries, metadata) or metadata.pop(_CHECKED, None) != _KIND:
        raise _Damaged("its checksum is not that of its content")
    if header.rstrip(b" ") != spelled:
        raise _Damaged("its header is not as it was written")
    return entries, metadata


def _header(content: bytes) -> tuple[bytes, int]:
    """The header, and where the data begin."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(len(content) - 8, _LONGEST):
        raise _Damaged("it ends within the header")
    return content[8 : 8 + length], 8 + length


def _json(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise _Damaged(f"its header is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise _Damaged("its header is no JSON object")
    return found


def _entry(item: tuple[str, Any]) -> tuple[str, str, list[int], int, int]:
    """(name, dtype, shape, first byte, last byte) of an entry in the header."""
    name, facts = item
    if not isinstance(facts, dict) or set(facts) != {"dtype", "shape", "data_offsets"}:
        raise _Damaged(f"{name!r} is no tensor")
    dtype, shape, offsets = facts["dtype"], facts["shape"], facts["data_offsets"]
    if not isinstance(dtype, str) or not _whole_numbers(shape) or not _whole_numbers(offsets):
        raise _Damaged(f"{name!r} is no tensor")
    if len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _Damaged(f"the bytes of {name!r} are not where they should be")
    if dtype in _READ and math.prod(shape) * np.dtype(_READ[dtype][0]).itemsize != offsets[1] - offsets[0]:
        raise _Damaged(f"{offsets[1] - offsets[0]} bytes for {name!r} of {dtype} and shape {shape}")
    return name, dtype, shape, offsets[0], offsets[1]


def _whole_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(type(n) is int and n >= 0 for n in value)


def _array(where: str, dtype: str, shape: Sequence[int], data: memoryview) -> np.ndarray:
    """One entry of a file as an array of its own; narrower numbers as the core's, value for value."""
    if dtype not in _READ:
        raise ArgumentError(f"{where}: got dtype {dtype}; allowed: {', '.join(_READ)}")
    kind, wanted = _READ[dtype]
    raw = np.frombuffer(data, f"<{kind}")
    if dtype == "BOOL" and raw.size and raw.max() > 1:
        raise FormatError(f"{where}: got {raw.max()} for a bool; allowed: 0, 1")
    try:
        raw = raw.reshape(shape)
    except ValueError:
        raise FormatError(f"{where}: got shape {list(shape)}; allowed: what an array can have") from None
    if dtype == "BF16":
        # the upper half of a float32
        return (raw.astype(np.uint32) << 16).view(np.float32)
    return raw.astype(wanted)
