"""States of modules and optimizers as safetensors files: written atomically, read with errors that say what
is wrong."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ArgumentError, ArgumentTypeError, DTypeError

_DTYPES = ("float32", "float64", "int64", "uint8", "bool")


def write(
    path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> None:
    """Writes atomically: readers see the old file or the whole new one. DTypeError for other dtypes."""
    from safetensors.numpy import save as serialized

    for name, array in arrays.items():
        if array.dtype.name not in _DTYPES:
            raise DTypeError(f"save: {name}: got dtype {array.dtype}; allowed: {', '.join(_DTYPES)}")
    whole = {name: np.array(array, order="C", copy=None) for name, array in arrays.items()}
    content = serialized(whole, metadata=dict(metadata) or None)
    target = Path(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """(arrays, metadata). ArgumentError when the file is no whole safetensors file of known dtypes."""
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise FileNotFoundError(f"load: {path}: no such file")
    try:
        with safe_open(path, framework="np") as file:
            arrays = {name: np.array(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
            metadata = dict(file.metadata() or {})
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ArgumentError(f"load: {path}: not a whole safetensors file ({error})") from None
    for name, array in arrays.items():
        if array.dtype.name not in _DTYPES:
            raise ArgumentError(
                f"load: {path}: {name}: got dtype {array.dtype}; allowed: {', '.join(_DTYPES)}"
            )
    return arrays, metadata


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
    """The state dict in a safetensors file, for `load_state_dict`. ArgumentError when it is damaged."""
    return read(path)[0]
