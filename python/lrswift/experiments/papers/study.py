"""An experiment of a paper as cells, a method, a setting and a seed each, beside the paper's numbers."""

from __future__ import annotations

import base64
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from ... import random, store
from ...config import config
from ...learning.workers import Workers
from ...pictures import page as html
from ...pictures.figure import saved
from ...pictures.table import Cell as TableCell
from ...pictures.table import Column, Row, Table
from ...progress import Progress
from ..results import write_table
from .lines import append, read

# scales of fewer data or steps than the paper's
SHORT = ("quick", "small")
Root = str | os.PathLike[str] | None
Numbers = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """One run of a study."""

    method: str
    setting: str = ""
    seed: int = 0

    @property
    def key(self) -> str:
        """Its name in the file of runs."""
        return f"{self.method}|{self.setting}|{self.seed}"


class Outcome:
    """What the cells of a study gave: for a method in a setting, the numbers of its seeds."""

    def __init__(self, cells: Sequence[Cell], numbers: Mapping[str, Numbers]) -> None:
        self.cells, self.numbers = list(cells), dict(numbers)

    def pairs(self) -> list[tuple[str, str]]:
        """(method, setting), in the order of the cells."""
        return list(dict.fromkeys((cell.method, cell.setting) for cell in self.cells))

    def methods(self) -> list[str]:
        """In the order of the cells."""
        return list(dict.fromkeys(cell.method for cell in self.cells))

    def settings(self, method: str | None = None) -> list[str]:
        """Of a method, or of all, in the order of the cells."""
        return list(dict.fromkeys(c.setting for c in self.cells if method in (None, c.method)))

    def of(self, method: str, setting: str = "") -> list[Numbers]:
        """A seed each."""
        wanted = [c for c in self.cells if (c.method, c.setting) == (method, setting)]
        return [self.numbers[cell.key] for cell in wanted]

    def values(self, method: str, setting: str = "", key: str = "") -> np.ndarray:
        """float64 [seeds]; NaN where a seed has no such number."""
        found = [numbers.get(key) for numbers in self.of(method, setting)]
        return np.array([math.nan if value is None else value for value in found], np.float64)

    def mean(self, method: str, setting: str = "", key: str = "") -> float:
        """Over the seeds."""
        values = self.values(method, setting, key)
        return float(values.mean()) if len(values) else math.nan


@dataclass(frozen=True)
class Judgement:
    """Whether a claim holds in what was measured (None: it cannot say), and the numbers that say so."""

    holds: bool | None
    ours: str

    def told(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"holds": None if self.holds is None else bool(self.holds), "ours": self.ours}


@dataclass(frozen=True)
class Study:
    """An experiment of a paper.

    Attributes:
        name: of the command, `lrswift reproduce NAME`.
        paper: "L4", "QLABGrad", "TLR", "ALRS" or "FDS".
        item: the paper's figures, tables or sections.
        about: what is done, and what differs from the paper, in a few sentences.
        scales: scale -> settings, a frozen dataclass.
        cells: (settings, first seed) -> the cells.
        run: (settings, cell, folder of data sets) -> numbers of a cell, which JSON can hold.
        metric: the number that the table shows, and its unit.
        published: (method, setting) -> the paper's number.
        claims: name in the ledger -> judgement of the outcome.
        whole: those of the claims that are of the paper's own length and data; a smaller scale gives the
            numbers, and no judgement.
        picture: (settings, outcome) -> a matplotlib Figure.
        extra: further numbers of the table, by key.
    """

    name: str
    paper: str
    item: str
    about: str
    scales: Mapping[str, Any]
    cells: Callable[[Any, int], Sequence[Cell]]
    run: Callable[[Any, Cell, Root], Numbers]
    metric: tuple[str, str]
    published: Mapping[tuple[str, str], float] = field(default_factory=dict)
    claims: Mapping[str, Callable[[Outcome], Judgement]] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()
    picture: Callable[[Any, Outcome], Any] | None = None
    extra: Sequence[str] = ()


@dataclass(frozen=True)
class Job:
    """One cell, as another process is told of it: by the names of study and scale."""

    study: str
    scale: str
    cell: Cell
    root: Root

    def run(self) -> tuple[str, Numbers]:
        """The key of the cell and its numbers."""
        from . import STUDIES

        study = STUDIES[self.study]
        state = random.get_state()
        try:
            return self.cell.key, store.plain(study.run(study.scales[self.scale], self.cell, self.root))
        finally:
            random.set_state(state)


def run_study(
    study: Study, scale: str, data: Root, out: Path, seed: int, progress: bool, executor: Any = None
) -> str:
    """Runs the cells that out/NAME.jsonl does not have yet; writes table, picture, page; returns the table.

    Raises:
        ArgumentError: the file was made with other settings.
        MissingFiles: a data set is not there.
    """
    settings = study.scales[scale]
    cells = list(study.cells(settings, seed))
    identity = {"study": study.name, "scale": scale, "settings": asdict(settings)}
    path = out / f"{study.name}.jsonl"
    kept = read(path, identity)
    left = [cell for cell in cells if cell.key not in kept]
    with Progress(len(cells), study.name, progress, "run") as bar:
        bar.advance(len(cells) - len(left))

        def done(found: tuple[str, Numbers]) -> None:
            kept[found[0]] = found[1]
            append(path, identity, *found)
            bar.advance(1)

        Workers(executor).map(Job.run, [Job(study.name, scale, cell, data) for cell in left], done)
    return report(study, scale, Outcome(cells, kept), out, seed)


def report(study: Study, scale: str, outcome: Outcome, out: Path, seed: int) -> str:
    """Writes NAME.csv, .json, .png and .html of what was measured; returns the table as text."""
    settings = study.scales[scale]
    rows = table_rows(study, outcome)
    judged = {name: judge(outcome).told() for name, judge in study.claims.items()}
    if scale in SHORT:
        judged |= {name: {**judged[name], "holds": None} for name in study.whole}
    facts = {
        "study": study.name,
        "paper": study.paper,
        "item": study.item,
        "scale": scale,
        "settings": asdict(settings) | {"seed": seed},
        "claims": judged,
        "rows": rows,
    }
    write_table(out / study.name, list(rows[0]), rows, facts)
    told = [table_of(rows).text(rule=False)]
    told += [f"{_word(verdict['holds'])}: {name}: {verdict['ours']}" for name, verdict in judged.items()]
    picture = out / f"{study.name}.png"
    if study.picture is not None:
        told.append(saved(picture, lambda: study.picture(settings, outcome)))  # type: ignore[misc]
    store.write_text(out / f"{study.name}.html", _page(study, scale, seed, rows, judged, picture))
    told.append(str(out / f"{study.name}.html"))
    return "\n".join(told)


def table_rows(study: Study, outcome: Outcome) -> list[dict[str, Any]]:
    """A row per method and setting: the paper's number, ours, the difference, and the band of the seeds."""
    key, _ = study.metric
    rows = []
    for method, setting in outcome.pairs():
        values = outcome.values(method, setting, key)
        ours = float(values.mean())
        paper = study.published.get((method, setting))
        rows.append(
            {
                "method": method,
                "setting": setting,
                "measure": key,
                "paper": paper,
                "ours": ours,
                "difference": None if paper is None else ours - paper,
                "low": float(values.min()),
                "high": float(values.max()),
                "seeds": len(values),
                **{name: outcome.mean(method, setting, name) for name in study.extra},
            }
        )
    return rows


def table_of(rows: Sequence[Mapping[str, Any]]) -> Table:
    """The rows in columns; those that say nothing are left out."""
    silent = {name for name in rows[0] if all(row[name] in (None, "") for row in rows)} | {"measure"}
    heads = [name for name in rows[0] if name not in silent]
    lines = [[TableCell(_text(row[head])) for head in heads] for row in rows]
    return Table(list(map(Column, heads)), [Row(first.text, others) for first, *others in lines])


def _text(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _word(holds: bool | None) -> str:
    return "cannot say" if holds is None else "holds" if holds else "does not hold"


def _page(
    study: Study,
    scale: str,
    seed: int,
    rows: Sequence[Mapping[str, Any]],
    judged: Mapping[str, Mapping[str, Any]],
    picture: Path,
) -> str:
    claims = "".join(
        f"<li><b>{_word(verdict['holds'])}</b>: {escape(name)}: {escape(verdict['ours'])}</li>"
        for name, verdict in judged.items()
    )
    drawn = ""
    if picture.exists():
        content = base64.b64encode(picture.read_bytes()).decode()
        drawn = html.figure(
            study.item, f'<img alt="{escape(study.item)}" src="data:image/png;base64,{content}">'
        )
    made_with = config()
    settings = {key: str(value) for key, value in asdict(study.scales[scale]).items()}
    facts = html.facts(
        {**settings, "Seed": str(seed), "Software": f"lrswift {made_with['version']}"},
        f"lrswift reproduce {study.name} --scale {scale} --seed {seed}",
    )
    body = [
        html.section("", drawn),
        html.section("Claims", f"<ul>{claims}</ul>") if claims else "",
        html.section(f"{study.metric[0]} ({study.metric[1]})", table_of(rows).html()),
        html.section("How", facts),
    ]
    return html.page(f"{study.paper}: {study.item}", "lrswift", escape(study.about), "", body)


def index(names: Iterable[str], studies: Mapping[str, Study], out: Path) -> Path:
    """Writes index.html: the studies whose pages are in the folder, with what they say of the claims."""
    lines = []
    for name in names:
        path = out / f"{name}.json"
        if name not in studies or not path.exists():
            continue
        facts = json.loads(path.read_text(encoding="utf-8"))
        claims = "; ".join(f"{_word(v['holds'])}: {key}" for key, v in facts["claims"].items())
        title = f"{studies[name].paper}: {studies[name].item}"
        lines.append(f'<li><a href="{name}.html">{escape(title)}</a> {escape(claims)}</li>')
    path = out / "index.html"
    store.write_text(path, html.page("The papers, again", "lrswift", "", "", [f"<ul>{''.join(lines)}</ul>"]))
    return path


def mean(values: Iterable[float]) -> float:
    """NaN of none."""
    found = list(values)
    return fmean(found) if found else math.nan
