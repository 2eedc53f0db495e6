"""The state of what yields batches: taken, put back, and as texts and arrays for a file."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..checks import type_of
from ..errors import ArgumentTypeError

_PLAIN = (bool, int, float, str, type(None))


def loader_state(data: Any) -> Any:
    """Where a data source stands: its `state_dict()`, its numbers `epoch` and `position`, or None."""
    if hasattr(data, "state_dict"):
        return data.state_dict()
    found = {key: getattr(data, key, None) for key in ("epoch", "position")}
    return {key: value for key, value in found.items() if isinstance(value, (int, np.integer))} or None


def put_loader_state(data: Any, state: Any) -> None:
    """Puts back what `loader_state` returned."""
    if hasattr(data, "load_state_dict"):
        data.load_state_dict(state)
        return
    for key, value in state.items():
        setattr(data, key, value)


def encoded(value: Any, arrays: list[np.ndarray], where: str) -> Any:
    """A state as what JSON can say, its arrays and bytes appended to `arrays`.

    Raises ArgumentTypeError for what is no number, text, list, tuple, dict or array.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [encoded(entry, arrays, f"{where}[{i}]") for i, entry in enumerate(value)]}
    if isinstance(value, Mapping):
        pairs = [
            [encoded(key, arrays, where), encoded(entry, arrays, f"{where}[{key!r}]")]
            for key, entry in value.items()
        ]
        return {"dict": pairs}
    if isinstance(value, (bytes, bytearray)):
        arrays.append(np.frombuffer(bytes(value), np.uint8))
        return {"bytes": len(arrays) - 1}
    torch = sys.modules.get("torch")
    tensor = torch is not None and isinstance(value, torch.Tensor)
    if isinstance(value, np.ndarray) or tensor:
        array = np.asarray(value)
        if array.dtype.kind in "fiub":
            arrays.append(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
            facts = [len(arrays) - 1, array.dtype.str, list(array.shape)]
            return {"tensor" if tensor else "array": facts}
    raise ArgumentTypeError(
        f"{where}: got {type_of(value)}; allowed in a checkpoint: numbers, texts, None, lists, tuples, "
        "dicts, bytes and arrays of numbers"
    )


def decoded(value: Any, arrays: Mapping[int, np.ndarray]) -> Any:
    """What `encoded` was given. ValueError, TypeError or KeyError for what it never returns."""
    if isinstance(value, _PLAIN):
        return value
    ((kind, held),) = value.items()
    match kind:
        case "list":
            return [decoded(entry, arrays) for entry in held]
        case "tuple":
            return tuple(decoded(entry, arrays) for entry in held)
        case "dict":
            return {decoded(key, arrays): decoded(entry, arrays) for key, entry in held}
        case "bytes":
            return arrays[held].tobytes()
        case "array" | "tensor":
            number, dtype, shape = held
            found = np.frombuffer(arrays[number].tobytes(), dtype).reshape(shape).copy()
            if found.dtype.kind not in "fiub" or math.prod(shape) != found.size:
                raise ValueError(f"{dtype} {shape}")
            return found if kind == "array" else _torch_tensor(found)
    raise ValueError(f"{kind!r}")


def _torch_tensor(array: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(array)
