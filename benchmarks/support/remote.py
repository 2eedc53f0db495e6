"""Contestants in processes of their own, which take turns.

They share neither threads nor allocators, and each has its own peak of memory.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from . import turns

# Freshly mapped memory is what costs PyTorch and NumPy most: all get the allocator that serves them best.
ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 33),
    # compiles in the contestant's own process, which leaves nobody behind
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LRSWIFT_NUM_THREADS")
ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def memory(field: str) -> float:
    """MB of this process now (VmRSS) or at most (VmHWM)."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(field)) / 1024


def serve(pipe: Any, factory: str, arguments: Sequence[Any], processor: bool) -> None:
    """The other process: builds the contestant, then takes a turn whenever it is asked to."""
    turns.Clock.processor = processor
    module, name = factory.split(":")
    build = getattr(importlib.import_module(module), name)
    before = memory("VmRSS")
    try:
        turn = build(*arguments)
        turn()
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:100])
        return
    pipe.send("ready")
    while pipe.recv():
        start = time.process_time()
        value = turn()
        pipe.send((value, time.process_time() - start, memory("VmHWM") - before))


class Remote:
    """A contestant elsewhere; called, it takes a turn. `factory` is "module:function", which returns one."""

    # processor time of all of them, so that it does not count as that of strangers
    spent = 0.0

    def __init__(self, factory: str, *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        given = (theirs, factory, arguments, turns.Clock.processor)
        self._process = context.Process(target=serve, args=given, daemon=True)
        self._process.start()
        theirs.close()
        self.peak = 0.0

    def why_not(self, deadline: float) -> str:
        """Empty once it is ready; else why it is left out."""
        try:
            if not self._pipe.poll(max(0.0, deadline - time.perf_counter())):
                return "not ready in time"
            told = self._pipe.recv()
        except EOFError:
            return "its process ended"
        return "" if told == "ready" else str(told)

    def __call__(self) -> float:
        self._pipe.send(True)
        value, processor, self.peak = self._pipe.recv()
        Remote.spent += processor
        return value

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._pipe.send(False)
            self._process.join(5)
        self._process.kill()
        self._process.join()


def own_time() -> float:
    """Processor seconds of this process and of all contestants."""
    return time.process_time() + Remote.spent


def prepare(threads: int) -> None:
    """What every contestant finds in its environment."""
    os.environ.update(ENVIRONMENT | dict.fromkeys(THREADS, str(threads)))
    if threads == 1:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {ONE_THREAD}".strip()


@contextlib.contextmanager
def contestants(
    factories: dict[str, tuple[Any, ...]], patience: float
) -> Iterator[tuple[dict[str, Remote], dict[str, str]]]:
    """Those that are ready within `patience` seconds, by name, and why the others are not."""
    started = {name: Remote(*given) for name, given in factories.items()}
    try:
        deadline = time.perf_counter() + patience
        missing = {name: remote.why_not(deadline) for name, remote in started.items()}
        for name, reason in missing.items():
            if reason:
                started[name].close()
        ready = {name: remote for name, remote in started.items() if not missing[name]}
        yield ready, {name: reason for name, reason in missing.items() if reason}
    finally:
        for remote in started.values():
            remote.close()
