"""`save` and `load`: states of modules and optimizers as safetensors files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import _safetensors
from .errors import DTypeError


def save(path: str | os.PathLike[str], source: Any) -> None:
    """Writes the state of a module or optimizer, or a dict name -> array, atomically to `path`.

    Raises DTypeError for what has no `state_dict`.
    """
    if hasattr(source, "state_dict"):
        source = source.state_dict()
    if not isinstance(source, Mapping):
        raise DTypeError(
            f"save: got {type(source).__name__}; allowed: a module, an optimizer, or a dict of arrays"
        )
    _safetensors.write(path, {name: np.asarray(value) for name, value in source.items()}, {})


def load(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The state dict in a safetensors file, for `load_state_dict`. ArgumentError when it is damaged."""
    return _safetensors.read(path)[0]
