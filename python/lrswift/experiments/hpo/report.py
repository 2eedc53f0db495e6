"""The table of a comparison of searches, and its report: two pictures, the table, and how it was made."""

from __future__ import annotations

import math
from html import escape
from typing import Any

import numpy as np

from ...pictures.page import facts, figure, legend, note, page, section
from ...pictures.svg import COLORS, Panel
from ...pictures.table import Cell, Column, Row, Table
from ..setup import told
from .regret import LEAST, Regret
from .searches import SEARCHES

AXES = {"cost": "Against cost, in whole training runs", "seconds": "Against time, in seconds"}


def panel(result: Regret, axis: str) -> str:
    """Regret of all searches along one axis, a thin line a seed, the thick one through their medians."""
    unit = float(result.settings["steps"]) if axis == "cost" else 1.0
    thin = [(run.search, "seed", *result.shown([run], axis)) for run in result.runs]
    thick = [(name, "curve", *result.shown(result.of(name), axis)) for name in result.names()]
    low = min((float(y[np.isfinite(y)].min(initial=math.inf)) for _, _, _, y in thin), default=math.inf)
    chart = Panel(
        (0.0, result.ends(axis) / unit), (min(low, result.top()) / 1.3, result.top() * 1.1),
        log=True, width=520, height=330, title=AXES[axis],
    )  # fmt: skip
    for search, kind, x, y in thin + thick:
        with chart.colored(_color(search), 0.3 if kind == "seed" else 1.0):
            chart.line(x / unit, y, kind)
        if kind == "curve":
            chart.read(search, x / unit, y, lambda at, regret: f"at {at:.3g}: regret {regret:.3g}")
    return figure(AXES[axis], chart.svg())


def _color(search: str) -> str:
    return COLORS[list(SEARCHES).index(search) % len(COLORS)]


def table(result: Regret) -> Table:
    """A row per search, the lowest test loss first."""
    heads = ["tried", "pruned", "diverged", "best valid loss", "test loss", "low to high", "regret"]
    heads += ["cost, runs", "seconds"]
    rows = []
    for row in sorted(result.summary(), key=lambda row: row["test_loss"]):
        low, high = _loss(row["test_loss_low"]), _loss(row["test_loss_high"])
        spread = Cell(f"{low.text} to {high.text}", f"<small>{_html(low)} to {_html(high)}</small>")
        cells = [
            *(Cell(f"{row[name]:g}") for name in ("tried", "pruned", "diverged")),
            _loss(row["valid_loss"]), _loss(row["test_loss"]), spread, _loss(row["regret"]),
            Cell(f"{row['cost']:.1f}"), Cell(f"{row['seconds']:.1f}"),
        ]  # fmt: skip
        mark = f'style="color:{_color(row["search"])}"'
        rows.append(Row(row["label"], cells, SEARCHES[row["search"]].how, mark))
    return Table([Column("search", number=False), *map(Column, heads)], rows)


def _loss(value: float) -> Cell:
    return Cell(f"{value:.4f}", None if math.isfinite(value) else '<span class="bad">none</span>')


def _html(cell: Cell) -> str:
    return cell.text if cell.html is None else cell.html


def _made_with(s: dict[str, Any], command: str | None) -> str:
    families = zip(("learning rates", "momenta", "weight decays"), s["counts"], s["ranges"], strict=True)
    values = ", ".join(f"{n} {name} in [{low:g}, {high:g}]" for name, n, (low, high) in families)
    clipped = "" if s["clip_gradient"] is None else f", gradients clipped at {s['clip_gradient']:g}"
    costs = s["costs"]
    own = {
        "Training": f"{s['steps']} steps of {s['batch_size']}{clipped}",
        "Schedule": values,
        "Budget": f"{s['budget']:g} training runs a search, seeds {s['first_seed']} to "
        f"{s['first_seed'] + s['seeds'] - 1}",
        "Counted as": f"a step with all derivatives {costs['differentiated']:.3g} plain steps, a validation "
        f"{costs['validation']:.3g}",
        "Networks": f"{s['networks']} for a setting without derivatives, 2 with them; tested on {s['fresh']}",
    }
    return facts(told(s, own), command)


def render(result: Regret) -> str:
    """The whole report as HTML text."""
    s = result.settings
    names = [(result.labels.get(name, name), f'style="color:{_color(name)}"') for name in result.names()]
    return page(
        "Searching for a schedule",
        f"{s['data']}, {s['model']}",
        f"{sum(s['counts'])} values decide a training run of {escape(s['model'])} on {escape(s['data'])}. "
        f"Every search may spend as much as {s['budget']:g} such runs cost. How far is what it would return "
        "from the best that any of them has found?",
        legend(names, after="thin: a seed; thick: their median"),
        [
            section(
                "",
                f'<div class="pair">{"".join(panel(result, axis) for axis in AXES)}</div>',
                note(
                    "Regret: test loss of the best validated setting so far, trained anew on fresh networks, "
                    f"above the lowest such loss, {_html(_loss(result.floor()))}; at least {LEAST:g}. A line "
                    "begins where the search has something better than no training at all, and rises where a "
                    "setting was luck."
                ),
            ),
            section(
                "What they end with",
                note(
                    "Settings tried, of these pruned (stopped early), and diverged. Losses are medians over "
                    "seeds; of the test loss also the lowest and the highest."
                ),
                table(result).html(),
            ),
            section("How this was made", _made_with(s, result.command)),
        ],
    )
