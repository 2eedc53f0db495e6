"""The course of a differentiated run, horizon after horizon, and the file from which it goes on."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .. import store
from ..errors import ArgumentError
from ..loop.digests import digest
from ..progress import Progress

FORMAT = 1
KEY = "lrswift.hypergradient"
# between two times that a file is written: this at least, and so many times what writing takes
SECONDS, PARTS = 10.0, 20
FEW = 16


class Course(Protocol):
    """A run as its course sees it. step: that it stands before; collected: where the last horizon ended."""

    step: int
    collected: int
    valid_loss: float
    after: Callable[[], None]
    mode: str

    def train(self, batches: Any, low: int, high: int, bar: Progress) -> None:
        """Steps low to high - 1."""

    def validate(self, batches: Any) -> None:
        """Evaluates all of `batches` at this point."""

    def collect(self) -> None:
        """Ends a horizon here."""

    def go_back(self, batches: Any, bar: Progress) -> None:
        """Over what is still to be gone back over."""

    def saved(self) -> dict[str, np.ndarray]:
        """All that it has made."""

    def load(self, arrays: Mapping[str, np.ndarray]) -> int:
        """Goes on from there. How many steps of the bar that is."""


class RunFile:
    """The file that a run goes on from; no path: none. identity: what must be the same, by name."""

    def __init__(self, path: Any, identity: Callable[[], dict[str, Any]]) -> None:
        self.path = None
        self.identity: dict[str, Any] = {}
        if path is None:
            return
        store.check_writable(path, "checkpoint")
        self.path = Path(os.fspath(path))
        self.identity = json.loads(json.dumps(store.plain(identity())))
        self._next = time.monotonic() + SECONDS

    def read(self, run: Course) -> int:
        """Lets a run go on from what is there. How many steps of the bar that is.

        Raises ArgumentError for a file of another run, FormatError for one that is damaged or altered.
        """
        if self.path is None or not self.path.exists():
            return 0
        where = f"checkpoint: {self.path}"
        arrays, metadata = store.read(self.path)
        if KEY not in metadata:
            raise ArgumentError(f"{where}: no checkpoint of hypergradient; allowed: one, or a new file")
        facts = store.facts_of(where, metadata[KEY], ("format", "made_with"))
        if facts["format"] != FORMAT or not isinstance(facts["made_with"], dict):
            raise ArgumentError(f"{where}: format {facts['format']}; allowed: {FORMAT}, or a new file")
        made = facts["made_with"]
        others = [f"{n}={made.get(n)!r}, got {v!r}" for n, v in self.identity.items() if made.get(n) != v]
        if others:
            raise ArgumentError(
                f"{where} was made with {', and with '.join(others)}; allowed: the same arguments, or a new "
                "file"
            )
        try:
            return run.load(arrays)
        except store.FACTS_ERRORS as error:
            raise store.altered(where, error) from None

    def write(self, run: Course) -> None:
        """Writes where the run stands, if that is due."""
        if self.path is None or time.monotonic() < self._next:
            return
        begun = time.monotonic()
        facts = {"format": FORMAT, "made_with": self.identity}
        store.write(self.path, run.saved(), {KEY: json.dumps(facts)})
        now = time.monotonic()
        self._next = now + max(SECONDS, PARTS * (now - begun))

    def remove(self) -> None:
        """The run has ended."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def finish(run: Course, train: Any, valid: Any, stride: int, bar: Progress, file: RunFile) -> None:
    """Takes a run to its end: from its file, if there is one, else from its start."""
    bar.advance(file.read(run))
    run.after = lambda: file.write(run)
    run.go_back(train, bar)
    while run.collected < len(train):
        run.train(train, run.step, min(run.collected + stride, len(train)), bar)
        run.validate(valid)
        run.collect()
        run.go_back(train, bar)
    file.remove()


def number(arrays: Mapping[str, np.ndarray], name: str, most: int) -> int:
    """A whole number of a file. ValueError where it is none from 0 to `most`."""
    found = arrays[name]
    if found.dtype != np.int64 or found.shape != () or not 0 <= int(found) <= most:
        raise ValueError(f"{name} {found}")
    return int(found)


def numbers(arrays: Mapping[str, np.ndarray], name: str, count: int) -> np.ndarray:
    """float64 [count] of a file. ValueError for others."""
    found = arrays[name]
    if found.dtype != np.float64 or found.shape != (count,):
        raise ValueError(f"{name} of {found.dtype} and shape {list(found.shape)}")
    return found


def told(values: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Values as a file says which they are: a few as they are, of many a digest."""
    return {name: v.tolist() if v.size <= FEW else digest([v]) for name, v in values.items()}


def name_of(loss: Any) -> str:
    """What a loss is called."""
    return str(getattr(loss, "__qualname__", type(loss).__qualname__))


def joined(parts: Iterable[np.ndarray]) -> np.ndarray:
    """float64, one after the other; none of none."""
    return np.concatenate([np.zeros(0), *parts])
