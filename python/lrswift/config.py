"""Threads, memory, and what this build is made of."""

from __future__ import annotations

import ctypes
import json
import os
from typing import Any

from ._core import catalogue
from ._core import get_threads as core_get_threads
from ._core import memory as core_memory
from ._core import set_threads as core_set_threads
from ._core import version as core_version
from .checks import check_whole
from .errors import ArgumentError, warn
from .pictures.terminal import wrapped


def set_threads(count: int) -> None:
    """Sets how many threads may serve the calling thread. Results do not depend on it.

    At first it is the environment variable LRSWIFT_NUM_THREADS, else OMP_NUM_THREADS, else the processors
    that this process may use (affinity, control group). LRSWIFT_NUM_THREADS that holds no whole number from 1
    to 1024 is an ArgumentError when lrswift is imported, OMP_NUM_THREADS then passed over with a
    RuntimeWarning.

    Args:
        count: at least 1.

    Raises:
        ArgumentError: count is no whole number of at least 1.
    """
    core_set_threads(check_whole(count, "set_threads: count", 1))


def get_threads() -> int:
    """How many threads serve the calling thread."""
    return core_get_threads()


def memory_allocated() -> int:
    """Counts the bytes that tensors, gradients and buffers of recorded programs hold now.

    They lie in the core's own memory, rounded up to the sizes that are allocated. Arrays of others that are
    only read are not counted, nor what is kept for the next tensor.

    Returns:
        Bytes.
    """
    return core_memory(False)[0]


def max_memory_allocated() -> int:
    """The most that `memory_allocated` has been since the start or the last `reset_peak_memory_stats`."""
    return core_memory(False)[1]


def reset_peak_memory_stats() -> None:
    """Lets `max_memory_allocated` start anew from what is in use now."""
    core_memory(True)


def config() -> dict[str, Any]:
    """Tells version, CPU features, kernels chosen, BLAS and its core type, threads and memory.

    Returns:
        A dict. "gemm" is the matrix product in use, in both precisions: the best of "gemm_kernels" that this
        processor runs, unless the environment variable LRSWIFT_GEMM named another when it was first used
        ("swift" means the best). "memory" and "peak_memory" are bytes, as `memory_allocated` and
        `max_memory_allocated` count them. "threads_at_first" is what it was before any `set_threads`;
        "threads_from" who decided it: LRSWIFT_NUM_THREADS, OMP_NUM_THREADS or "processors";
        "threads_complaint" tells of a variable that was passed over, or is None. "blas_complaint" tells of an
        OpenBLAS whose kernels use narrower vectors than this processor has, or is None.
    """
    found: dict[str, Any] = {"version": core_version()}
    found.update(json.loads(catalogue("config")))
    found["threads"] = core_get_threads()
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
        print(wrapped(f"{key:<{width}}  {text}"))
    return found


def check_variables() -> None:
    """Looks at the environment variables that ask for a number of threads.

    OMP_NUM_THREADS, which is not meant for lrswift alone, gives a RuntimeWarning where it cannot be followed.

    Raises:
        ArgumentError: LRSWIFT_NUM_THREADS is no whole number from 1 to 1024.
    """
    if os.environ.keys() & {"LRSWIFT_NUM_THREADS", "OMP_NUM_THREADS"}:
        complaint = config()["threads_complaint"]
        if complaint and complaint.startswith("LRSWIFT_NUM_THREADS"):
            raise ArgumentError(complaint.rpartition("; ")[0])
        if complaint:
            warn(complaint, RuntimeWarning)


def register_threadpool() -> None:
    """Makes lrswift one of the libraries that `threadpoolctl.threadpool_limits` and `threadpool_info` know.

    Nothing happens where threadpoolctl is not installed.
    """
    try:
        import threadpoolctl
    except ModuleNotFoundError:
        return

    class Controller(threadpoolctl.LibController):
        user_api = "lrswift"
        internal_api = "lrswift"
        filename_prefixes = ("liblrswift",)

        def get_num_threads(self) -> int:
            return int(self.dynlib.lrs_get_threads())

        def set_num_threads(self, num_threads: int) -> Any:
            return self.dynlib.lrs_set_threads(ctypes.c_int32(num_threads))

        def get_version(self) -> str:
            version = self.dynlib.lrs_version
            version.restype = ctypes.c_char_p
            return version().decode()

        def set_additional_attributes(self) -> None:
            """threadpoolctl asks for it; there are none."""

    threadpoolctl.register(Controller)
