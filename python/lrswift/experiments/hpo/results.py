"""`HpoComparison`: what each search tried, what its best settings are worth on fresh networks, and files."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np

from .searches import SEARCHES
from .training import Tried

RESULTS = "results.json"


@dataclass(frozen=True)
class Searched:
    """One search with one seed. tested: index into `tried` -> test losses of fresh networks.

    Tested is every setting that was, when it was found, the best validated one so far.
    """

    search: str
    seed: int
    tried: list[Tried]
    tested: dict[int, list[float]]

    @property
    def best(self) -> float:
        """The lowest validation loss of a whole run, inf without one."""
        return min((t.loss for t in self.tried if t.whole), default=math.inf)

    def test_losses(self) -> list[float]:
        """Of the setting that the search would return."""
        return self.tested[max(self.tested)] if self.tested else [math.inf]

    def cost(self) -> float:
        """Of the whole search, in plain training steps."""
        return self.tried[-1].cost if self.tried else 0.0

    def improvements(self) -> list[int]:
        """Indices of what was the best validated setting so far when it was found."""
        found: list[int] = []
        best = math.inf
        for i, tried in enumerate(self.tried):
            if tried.whole and tried.loss < best:
                found, best = [*found, i], tried.loss
        return found

    def curve(self, axis: str, validation: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """(x, loss) of the setting that the search would return if it were stopped at x.

        axis: "cost", "seconds" or "processor". The loss is that on test data, or the validation loss that
        the search has seen. It holds until the next x.
        """
        indices = self.improvements()
        x = np.array([getattr(self.tried[i], axis) for i in indices])
        if validation:
            return x, np.array([self.tried[i].loss for i in indices])
        return x, np.array([fmean(self.tested[i]) for i in indices])


@dataclass
class HpoComparison:
    """All searches. `summary()`, `table()`, `write(folder)`; settings: how it was made."""

    runs: list[Searched]
    settings: dict[str, Any]
    command: str | None = None
    labels: dict[str, str] = field(default_factory=lambda: {k: s.label for k, s in SEARCHES.items()})

    def names(self) -> list[str]:
        """The searches, in the order they were run."""
        return list(dict.fromkeys(run.search for run in self.runs))

    def of(self, search: str) -> list[Searched]:
        """The runs of one search, a seed each."""
        return [run for run in self.runs if run.search == search]

    def floor(self) -> float:
        """The lowest mean test loss of any setting tested: where the regret is zero."""
        losses = [fmean(found) for run in self.runs for found in run.tested.values()]
        return min(losses, default=math.nan)

    def regret_untrained(self) -> float:
        """Of networks that were not trained."""
        return float(self.settings["untrained"]) - self.floor()

    def ends(self, axis: str) -> float:
        """Where all searches are over: the budget, or the time of the longest one."""
        if axis == "cost":
            return float(self.settings["budget"] * self.settings["steps"])
        return max((getattr(run.tried[-1], axis) for run in self.runs if run.tried), default=1.0)

    def stairs(self, runs: Sequence[Searched], axis: str) -> tuple[np.ndarray, np.ndarray]:
        """(x, regret), the corners of the median over `runs`; inf while half of them have nothing yet."""
        curves = [run.curve(axis) for run in runs]
        at = np.unique(np.concatenate([*(x for x, _ in curves), [self.ends(axis)]]))
        held = [np.append(loss, np.inf)[np.searchsorted(x, at, side="right") - 1] for x, loss in curves]
        middle = np.median(held, axis=0) - self.floor()
        return np.repeat(at, 2)[1:], np.repeat(middle, 2)[:-1]

    def summary(self) -> list[dict[str, Any]]:
        """A dict per search: search, label; tried, pruned, diverged (settings), cost (in whole plain runs),
        seconds and processor, means over seeds; valid_loss (the best that was seen), test_loss and its
        regret, medians over seeds, inf where no run came to its end; test_loss_low and test_loss_high."""
        return [self._summarized(name) for name in self.names()]

    def _summarized(self, name: str) -> dict[str, Any]:
        runs = self.of(name)
        tests = [fmean(run.test_losses()) for run in runs]
        last = [run.tried[-1] for run in runs if run.tried]
        tried = [t for run in runs for t in run.tried]
        test = median(tests)
        return {
            "search": name,
            "label": self.labels.get(name, name),
            "tried": len(tried) / len(runs),
            "pruned": sum(not t.whole and math.isfinite(t.loss) for t in tried) / len(runs),
            "diverged": sum(not math.isfinite(t.loss) for t in tried) / len(runs),
            "valid_loss": median(run.best for run in runs),
            "test_loss": test,
            "test_loss_low": min(tests),
            "test_loss_high": max(tests),
            "regret": test - self.floor() if math.isfinite(test) else math.inf,
            "cost": fmean(t.cost for t in last) / self.settings["steps"] if last else 0.0,
            "seconds": fmean(t.seconds for t in last) if last else 0.0,
            "processor": fmean(t.processor for t in last) if last else 0.0,
        }

    def table(self) -> str:
        """The summary as aligned text, the lowest test loss first."""
        header = ["search", "tried", "pruned", "diverged", "best valid loss", "test loss", "low to high"]
        header += ["regret", "cost, runs", "seconds"]
        rows = [header]
        for row in sorted(self.summary(), key=lambda row: row["test_loss"]):
            spread = f"{row['test_loss_low']:.4f} to {row['test_loss_high']:.4f}"
            rows.append(
                [
                    row["label"],
                    f"{row['tried']:g}",
                    f"{row['pruned']:g}",
                    f"{row['diverged']:g}",
                    f"{row['valid_loss']:.4f}",
                    f"{row['test_loss']:.4f}",
                    spread,
                    f"{row['regret']:.4f}",
                    f"{row['cost']:.1f}",
                    f"{row['seconds']:.1f}",
                ]  # fmt: skip
            )
        widths = [max(len(row[i]) for row in rows) for i in range(len(header))]

        def line(row: list[str]) -> str:
            cells = zip(row[1:], widths[1:], strict=True)
            return "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in cells)])

        lines = list(map(line, rows))
        return "\n".join([lines[0], "  ".join("-" * w for w in widths), *lines[1:]])

    def write(self, folder: str | os.PathLike[str]) -> Path:
        """Writes results.csv (a line per setting tried), results.json and report.html; returns the last."""
        from .report import render

        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        names = value_names(self.settings["counts"])
        with (target / "results.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            head = ["loss", "cost", "seconds", "processor", "whole", "differentiated"]
            writer.writerow(["search", "seed", *head, "test_loss", *names])
            for run in self.runs:
                for i, t in enumerate(run.tried):
                    test = fmean(run.tested[i]) if i in run.tested else ""
                    writer.writerow([run.search, run.seed, *(getattr(t, n) for n in head), test, *t.values])
        facts = {
            "settings": self.settings, "command": self.command, "summary": self.summary(),
            "runs": [asdict(run) for run in self.runs],
        }  # fmt: skip
        # a kill while it is written must not cost what an earlier call has found
        beside = target / f"{RESULTS}.new"
        beside.write_text(json.dumps(_each(facts, _null), allow_nan=False))
        beside.replace(target / RESULTS)
        report = target / "report.html"
        report.write_text(render(self))
        return report


def read_runs(path: Path) -> tuple[dict[str, Any], list[Searched]]:
    """(settings, runs) of a results.json. ValueError or KeyError for another kind of file."""
    facts = json.loads(path.read_text())
    runs = []
    for run in facts["runs"]:
        tried = [
            Tried(**{**t, "values": tuple(t["values"]), "loss": _number(t["loss"])}) for t in run["tried"]
        ]
        tested = {int(i): list(map(_number, losses)) for i, losses in run["tested"].items()}
        runs.append(Searched(run["search"], run["seed"], tried, tested))
    return facts["settings"], runs


def value_names(counts: Sequence[int]) -> list[str]:
    """What the values in a row are called."""
    return [
        f"{family}[{k}]"
        for family, count in zip(("rate", "momentum", "decay"), counts, strict=True)
        for k in range(count)
    ]


def _number(value: float | None) -> float:
    return math.inf if value is None else value


def _null(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    """JSON knows no inf."""
    if isinstance(value, dict):
        return {key: _each(entry, change) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_each(entry, change) for entry in value]
    return change(value)
