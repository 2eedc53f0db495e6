"""`RunResult`: what one method did on one workload from one seed, and the file of lines that keeps it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from ...errors import FormatError
from ...store import FACTS_ERRORS, altered, plain

# finished; a loss that was not finite, at the end or on the way; an exception of the method
Status = Literal["ok", "diverged", "error"]
Point = tuple[int, float, float]


@dataclass(frozen=True)
class RunResult:
    """One run. `steps` and `batch` are the workload's: a run of another budget is another run.

    Attributes:
        workload, method, seed: which run.
        steps: the budget, gradients of batches.
        batch: rows of a batch.
        status: "ok", "diverged" or "error".
        start: the validation loss of the network as it was drawn.
        final: that at the end; None unless the status is "ok".
        curve: (gradients spent, validation loss, processor seconds of training), from the start on. A loss
            that is not finite is None.
        searched: how many of the gradients a search took.
        seconds: processor time of search and training.
        whole_seconds: with making the network and validation.
        note: what the method or an exception says.
        facts: what the method found, by name.
    """

    workload: str
    method: str
    seed: int
    steps: int
    batch: int
    status: Status
    start: float
    final: float | None
    curve: tuple[tuple[int, float | None, float], ...]
    searched: int = 0
    seconds: float = 0.0
    whole_seconds: float = 0.0
    note: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The method's."""
        return self.method

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells runs apart."""
        return self.workload, self.method, self.seed

    def line(self) -> str:
        """The run as a line of JSON."""
        return json.dumps(plain(asdict(self)), allow_nan=False) + "\n"

    @classmethod
    def of(cls, line: str, where: str) -> RunResult:
        """The run of a line. FormatError for one that is none; where: for its message."""
        try:
            found = json.loads(line)
            known = {f.name for f in fields(cls)}
            if set(found) - known:
                raise altered(where, f"more than it should: {', '.join(sorted(set(found) - known))}")
            found["curve"] = tuple((int(at), loss, float(spent)) for at, loss, spent in found["curve"])
            made = cls(**found)
            float(made.start), int(made.steps), made.key
            return made
        except FormatError:
            raise
        except FACTS_ERRORS as error:
            raise altered(where, f"a line that is no run ({error})") from None


def append(path: Path, result: RunResult) -> None:
    """Adds a run to the end of the file, whole, also when others write to it."""
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        _drop_torn(handle)
        content = result.line().encode()
        while content:
            content = content[os.write(handle, content) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _drop_torn(handle: int) -> None:
    """Cuts off what was written of a line before a process died in it: another would be appended to it."""
    size = os.fstat(handle).st_size
    end = size
    while end and os.pread(handle, 1, end - 1) != b"\n":
        end -= 1
    if end != size:
        os.ftruncate(handle, end)


def read(path: Path) -> list[RunResult]:
    """The runs of a file, the last one where several have one key; none where there is no file.

    A last line without an end is left out, as its process died in it. FormatError for a damaged file.
    """
    if not path.exists():
        return []
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise altered(str(path), "bytes that are no text") from None
    lines = text.split("\n")[:-1]
    found = (RunResult.of(line, f"{path}: line {at}") for at, line in enumerate(lines, 1))
    return newest(found)


def newest(results: Iterable[RunResult]) -> list[RunResult]:
    """The last result of each key, in the order of first appearance."""
    return list({result.key: result for result in results}.values())
