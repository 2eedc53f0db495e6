"""`HpoComparison`: the record of all searches, and its files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from ... import store
from ...errors import FormatError
from .regret import Regret, Searched
from .report import render, table
from .training import TriedSetting

# of a setting that was tried, in results.csv
_TRIED = ("loss", "cost", "seconds", "processor", "whole", "differentiated")


@dataclass
class HpoComparison(Regret):
    """All searches. `summary()`, `table()`, `write(folder)`; settings: how it was made."""

    # thousands of settings, a line each
    indent = None

    def table(self) -> str:
        """The summary as aligned text, the lowest test loss first."""
        return table(self).text()

    def columns(self) -> Sequence[str]:
        """Those of a setting, with its values."""
        return ["search", "seed", *_TRIED, "test_loss", *value_names(self.settings["counts"])]

    def rows(self) -> list[dict[str, Any]]:
        """A dict per setting tried."""
        names = value_names(self.settings["counts"])
        return [
            {
                "search": run.search, "seed": run.seed, **{name: getattr(tried, name) for name in _TRIED},
                "test_loss": fmean(run.tested[i]) if i in run.tested else "",
                **dict(zip(names, tried.values, strict=True)),
            }
            for run in self.runs
            for i, tried in enumerate(run.tried)
        ]  # fmt: skip

    def facts(self) -> dict[str, Any]:
        """The summary, and all that was tried, from which `read_runs` makes the runs again."""
        return {"summary": self.summary(), "runs": [asdict(run) for run in self.runs]}

    def page(self) -> str:
        """The report, the lowest test loss first."""
        return render(self)


def read_runs(path: Path) -> tuple[dict[str, Any], list[Searched]]:
    """(settings, runs) of a results.json. FormatError for a damaged or altered one, or another file."""
    where = f"resume: {path}"
    try:
        facts = store.read_checked_json(path, where, ("settings", "command", "summary", "runs"))
        settings, runs = facts["settings"], [_searched(run) for run in facts["runs"]]
        if not isinstance(settings, dict):
            raise store.altered("a run", "settings that are none")
    except (FormatError, *store.FACTS_ERRORS) as error:
        raise FormatError(
            f"{where}: no results of compare_hpo; allowed: those, as they were written, or none ({error})"
        ) from None
    return settings, runs


def _searched(run: dict[str, Any]) -> Searched:
    tried = [
        TriedSetting(**{**t, "values": tuple(map(float, t["values"])), "loss": _number(t["loss"])})
        for t in run["tried"]
    ]
    numbers = [(t.loss, t.cost, t.seconds, t.processor, *t.values) for t in tried]
    tested = {int(i): list(map(_number, losses)) for i, losses in run["tested"].items()}
    flags = [flag for t in tried for flag in (t.whole, t.differentiated)]
    if not all(type(n) in (int, float) for row in numbers for n in row) or not set(flags) <= {True, False}:
        raise store.altered("a run", "settings tried that are none")
    if (
        not isinstance(run["search"], str)
        or type(run["seed"]) is not int
        or not set(tested) <= set(range(len(tried)))
    ):
        raise store.altered("a run", "a search that is none")
    return Searched(run["search"], run["seed"], tried, tested)


def value_names(counts: Sequence[int]) -> list[str]:
    """What the values in a row are called."""
    return [
        f"{family}[{k}]"
        for family, count in zip(("rate", "momentum", "decay"), counts, strict=True)
        for k in range(count)
    ]


def _number(value: Any) -> float:
    return math.inf if value is None else float(value)
