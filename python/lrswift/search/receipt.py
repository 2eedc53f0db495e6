"""Digests of everything that training depends on, to show that a search has left it as it was."""

from __future__ import annotations

import hashlib
import pickle
import random as python_random
from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import random
from ..loop.loaders import loader_state
from ..tensors.tensor import Tensor


def digests(model: Any, parameters: Iterable[Tensor], data: Any) -> dict[str, str]:
    """sha256 of: parameters, gradients, buffers, modes, random states (ours, NumPy's, Python's), loader.

    The loader's is that of its `state_dict` (as `data.Batches` has), its `epoch` and `position`, or
    "stateless" for arrays.
    """
    tensors = list(parameters)
    buffers = [*model.buffers()] if hasattr(model, "buffers") else []
    modes = [m.training for m in model.modules()] if hasattr(model, "modules") else []
    return {
        "parameters": _tensors(tensors),
        "gradients": _tensors([t.grad for t in tensors]),
        "buffers": _tensors(buffers),
        "modes": _bytes(repr(modes).encode()),
        "random": _bytes(repr(random.get_state()).encode()),
        "numpy_random": _bytes(pickle.dumps(np.random.get_state())),
        "python_random": _bytes(repr(python_random.getstate()).encode()),
        "loader": _loader(data),
    }


def _tensors(tensors: Iterable[Tensor | None]) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        if tensor is None:
            digest.update(b"none")
            continue
        digest.update(f"{tensor.dtype_name}{tensor.shape}".encode())
        digest.update(np.ascontiguousarray(tensor.numpy()).tobytes())
    return digest.hexdigest()


def _bytes(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _loader(data: Any) -> str:
    state = loader_state(data)
    return "stateless" if state is None else _bytes(repr(state).encode())
