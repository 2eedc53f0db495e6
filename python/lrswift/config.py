"""Threads, memory, and what this build is made of."""

from __future__ import annotations

import json
import os
from typing import Any

from . import _core
from .errors import ArgumentError


def set_threads(count: int) -> None:
    """How many threads may serve the calling thread, at least 1. Results do not depend on it.

    At first: LRSWIFT_NUM_THREADS, else the processors that this process may use (affinity, control group).
    """
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ArgumentError(f"set_threads: count: got {count!r}; allowed: an integer of at least 1")
    _core.set_threads(count)


def get_threads() -> int:
    """How many threads serve the calling thread."""
    return _core.get_threads()


def memory_allocated() -> int:
    """Bytes that tensors, gradients and the buffers of recorded programs hold now, in the core's own memory.

    Rounded up to the sizes that are allocated. Arrays of others that are only read are not counted, nor what
    is kept for the next tensor.
    """
    return _core.memory(False)[0]


def max_memory_allocated() -> int:
    """The most that `memory_allocated` has been since the start or the last `reset_peak_memory_stats`."""
    return _core.memory(False)[1]


def reset_peak_memory_stats() -> None:
    """`max_memory_allocated` starts anew from what is in use now."""
    _core.memory(True)


def config() -> dict[str, Any]:
    """Version, CPU features, kernels chosen, BLAS and its core type, threads, as a dict.

    gemm: the float32 matrix product in use, the best that this processor runs unless the environment variable
    LRSWIFT_GEMM named another of gemm_kernels when it was first used ("swift" means the best).
    memory, peak_memory: bytes that all tensors, programs and optimizers of this process hold, now and at
    most; arrays shared with NumPy and others are not counted.
    """
    found: dict[str, Any] = {"version": _core.version()}
    found.update(json.loads(_core.catalogue("config")))
    found["threads"] = _core.get_threads()
    # the variable makes OpenBLAS run as on another processor, often at half speed
    found["OPENBLAS_CORETYPE"] = os.environ.get("OPENBLAS_CORETYPE")
    return found


def show_config() -> dict[str, Any]:
    """Prints `config()`, one fact a line, and returns it."""
    found = config()
    width = max(len(key) for key in found)
    for key, value in found.items():
        text = " ".join(str(v) for v in value) if isinstance(value, list) else value
        text = f"{value / 1e6:.1f} MB" if key.endswith("memory") else text
        print(f"{key:<{width}}  {text}")
    return found
