"""The safetensors file format, read and written without a dependency.

A file is: 8 bytes little-endian length n, n bytes JSON {name: {dtype, shape, data_offsets},
"__metadata__": {text: text}}, then the arrays' bytes, little-endian and row-major, without gaps.
Source: the format's description at github.com/huggingface/safetensors.
"""

from __future__ import annotations

import json
import math
import os
import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .errors import ArgumentError, DTypeError

_NAMES = {"float32": "F32", "float64": "F64", "int64": "I64", "uint8": "U8", "bool": "BOOL"}
_DTYPES = {name: np.dtype(dtype) for dtype, name in _NAMES.items()}


def write(
    path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> None:
    """Writes atomically: readers see the old file or the whole new one. DTypeError for other dtypes."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    blocks: list[bytes] = []
    offset = 0
    for name, array in arrays.items():
        if array.dtype.name not in _NAMES:
            raise DTypeError(f"save: {name}: got dtype {array.dtype}; allowed: {', '.join(_NAMES)}")
        block = np.ascontiguousarray(array).tobytes()
        offsets = [offset, offset + len(block)]
        header[name] = {
            "dtype": _NAMES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": offsets,
        }
        blocks.append(block)
        offset += len(block)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    target = Path(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for block in blocks:
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """(arrays, metadata). ArgumentError when the file is no whole safetensors file of known dtypes."""
    content = Path(path).read_bytes()
    try:
        (length,) = struct.unpack_from("<Q", content)
        header = json.loads(content[8 : 8 + length])
        metadata = header.pop("__metadata__", {})
        body = memoryview(content)[8 + length :]
        arrays = {}
        for name, entry in header.items():
            start, stop = entry["data_offsets"]
            dtype = _DTYPES[entry["dtype"]]
            count = math.prod(entry["shape"])
            if not 0 <= start <= stop <= len(body) or stop - start != count * dtype.itemsize:
                raise ValueError(f"{name} lies outside the file")
            arrays[name] = np.frombuffer(body[start:stop], dtype).reshape(entry["shape"]).copy()
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArgumentError(
            f"load: {path}: not a whole safetensors file of {', '.join(_NAMES)} ({error})"
        ) from None
    return arrays, metadata
