"""The record of an experiment: its runs, how it was made, and the files that it leaves."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from .. import store

FILE = "results.json"


class Named(Protocol):
    """A run with the name of what was run."""

    @property
    def name(self) -> str:
        """Runs of one name differ in their seed."""


AnyRun = TypeVar("AnyRun", bound=Named)


@dataclass
class Results(ABC, Generic[AnyRun]):
    """All runs. settings: how they were made; command: the command line that makes them, if there is one.

    `table()` is text for a terminal, `write(folder)` makes the files.
    """

    runs: list[AnyRun]
    settings: dict[str, Any]
    command: str | None = None

    # of the numbers in results.json, all if None
    digits: ClassVar[int | None] = None
    indent: ClassVar[int | None] = 1

    def names(self) -> list[str]:
        """What was run, in this order."""
        return list(dict.fromkeys(run.name for run in self.runs))

    def of(self, name: str) -> list[AnyRun]:
        """The runs of this name, a seed each."""
        return [run for run in self.runs if run.name == name]

    @abstractmethod
    def table(self) -> str:
        """What came out, as aligned text."""

    @abstractmethod
    def columns(self) -> Sequence[str]:
        """Of results.csv."""

    @abstractmethod
    def rows(self) -> list[dict[str, Any]]:
        """The lines of results.csv."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What results.json has beside settings and command."""

    @abstractmethod
    def page(self) -> str:
        """The HTML of report.html."""

    def _repr_html_(self) -> str:
        frame = "width:100%;height:640px;border:1px solid #d0d4d9"
        return f'<iframe title="report" style="{frame}" srcdoc="{escape(self.page())}"></iframe>'

    def write(self, folder: str | os.PathLike[str]) -> Path:
        """Writes results.csv, results.json and report.html, each whole or not at all; returns the last."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        facts = {"settings": self.settings, "command": self.command, **self.facts()}
        write_table(target / FILE, self.columns(), self.rows(), facts, self.digits, self.indent)
        report = target / "report.html"
        store.write_text(report, self.page())
        return report


@contextmanager
def written(result: Results[Any], out: str | os.PathLike[str] | None) -> Iterator[None]:
    """Writes `result` into the folder `out` once its runs are there, and on Ctrl-C those that are.

    KeyboardInterrupt then has it as `comparison`.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        stop.comparison = result  # type: ignore[attr-defined]
        if out is not None and result.runs:
            result.write(out)
        raise
    if out is not None:
        result.write(out)


def write_table(
    path: Path,
    columns: Sequence[str],
    rows: Iterable[Mapping[str, Any]],
    facts: dict[str, Any],
    digits: int | None = None,
    indent: int | None = 1,
) -> None:
    """Writes `rows` as CSV and `facts` as JSON with a checksum, both called `path` but for their suffix."""
    store.write_csv(path.with_suffix(".csv"), columns, rows)
    store.write_checked_json(path.with_suffix(".json"), facts, digits, indent)
