"""The table of a comparison, and its report: one HTML file that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from ..pictures.figure import smoothed
from ..pictures.page import facts, figure, legend, note, page, section
from ..pictures.svg import Panel, strip
from ..pictures.table import Cell, Column, Row, Table
from ..training.methods import KINDS, Method
from .results import Results
from .runs import Run
from .setup import times, told

_TABLE_NOTE = (
    "Sorted by test accuracy: mean and standard deviation over seeds, a dot per seed (an arrow: off the "
    "scale). A rate range holds the middle 90&nbsp;% of the steps of all seeds. Training loss is the mean "
    "over the last epoch. Seconds are those of one training run, with the search for a rate, without "
    "evaluation."
)
# enough for a curve of 260 pixels
_POINTS = 240

Summary = Sequence[dict[str, Any]]


def render(result: Results[Run], summary: Summary, methods: Mapping[str, Method]) -> str:
    """The whole report as HTML text."""
    s = result.settings
    ranked = sorted(
        summary, key=lambda row: -1.0 if row["accuracy"] is None else row["accuracy"], reverse=True
    )
    kinds = {row["kind"] for row in summary}
    return page(
        f"{len(summary)} ways to set the learning rate",
        f"{s['data']}, {s['model']}",
        _lead(s, ranked),
        legend(((text, f'class="{kind}"') for kind, text in KINDS.items() if kind in kinds), "Learning rate"),
        [
            section("Results", table(result, ranked, methods).html(), note(_TABLE_NOTE)),
            _charts(result, methods),
            section("How this was made", made_with(s, result.command)),
        ],
    )


def _lead(s: dict[str, Any], ranked: Summary) -> str:
    what = (
        f"The same network ({escape(s['model'])}, {s['parameters']:,} parameters) was trained on "
        f"{escape(s['data'])} ({s['train_examples']:,} examples) for {times(s['epochs'], 'epoch')} of "
        f"{times(s['steps_per_epoch'], 'step')}, once per method and seed. "
        "Only the learning rate and the direction it scales differ. "
    )
    best = ranked[0] if ranked and ranked[0]["accuracy"] is not None else None
    if best is None:
        return what
    sentence = (
        f"<b>{escape(best['label'])}</b> came out highest, "
        f"with {100 * best['accuracy']:.1f}&nbsp;% of test examples right"
    )
    others = [
        row
        for row in ranked
        if (row["kind"] == "hand") != (best["kind"] == "hand") and row["accuracy"] is not None
    ]
    if others:
        whose = "that chooses its own rate" if best["kind"] == "hand" else "with a rate set by hand"
        reached = f"{100 * others[0]['accuracy']:.1f}&nbsp;%"
        sentence += f"; the best method {whose}, {escape(others[0]['label'])}, reached {reached}"
    return f"{what}{sentence}."


def made_with(s: dict[str, Any], command: str | None) -> str:
    """What was trained on what, and the command that does it again."""
    own = {
        "Training": f"{times(s['epochs'], 'epoch')} of {times(s['steps_per_epoch'], 'step')}, batches of "
        f"{s['batch_size']}, inputs in [0, 1]",
        "Seeds": f"{s['first_seed']} to {s['first_seed'] + s['seeds'] - 1}, "
        "each deciding initial weights and order of batches, alike for all methods",
    }
    return facts(told(s, own), command)


# ---- table -----------------------------------------------------------------------------------------------
def table(result: Results[Run], summary: Summary, methods: Mapping[str, Method]) -> Table:
    """A row per entry of the summary, in its order."""
    values = [run.accuracy for run in result.runs if math.isfinite(run.accuracy)]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    # one run that learned nothing would squeeze all others together
    low = max(low, high - 0.25)
    columns = [
        Column("method", number=False),
        Column("learning rate", number=False),
        Column("train loss"),
        Column("test accuracy %"),
        Column(f"each seed, {100 * low:.0f} to {100 * high:.0f} %", number=False, drawn=True),
        Column("seconds"),
    ]
    rows = []
    for row in summary:
        rate, kind = rate_text(row), row["kind"]
        dots = strip([run.accuracy for run in result.of(row["method"])], low, high, kind)
        cells = [
            Cell(rate, escape(rate).replace(" - ", " &ndash; ")),
            Cell(loss_text(row)),
            Cell(accuracy_text(row), _accuracy_html(row)),
            Cell("", dots),
            Cell(f"{row['seconds']:.1f}"),
        ]
        rows.append(Row(row["label"], cells, methods[row["method"]].how, f'class="{kind}"'))
    return Table(columns, rows)


def rate_text(row: dict[str, Any]) -> str:
    """The rate of a method in a word: 0.1, 0.0021 - 0.4, or found 0.012."""
    low, high = row["low"], row["high"]
    if row["found"] is not None:
        return f"found {row['found']:.2g}" + (
            f" ({low:.2g} - {high:.2g})" if f"{low:.2g}" != f"{high:.2g}" else ""
        )
    if math.isnan(low):
        return "-"
    return f"{low:.2g}" if f"{low:.2g}" == f"{high:.2g}" else f"{low:.2g} - {high:.2g}"


def loss_text(row: dict[str, Any]) -> str:
    """The final training loss with four decimals, in powers of ten when it has gone astray."""
    loss = row["train_loss"]
    return "-" if loss is None else f"{loss:.4f}" if loss < 1000 else f"{loss:.1e}"


def accuracy_text(row: dict[str, Any]) -> str:
    """Mean +- standard deviation over seeds in percent; how many runs diverged, if any."""
    lost = f" ({row['diverged']} diverged)" if row["diverged"] else ""
    return (
        "-" + lost
        if row["accuracy"] is None
        else f"{100 * row['accuracy']:.2f} +- {100 * row['accuracy_std']:.2f}{lost}"
    )


def _accuracy_html(row: dict[str, Any]) -> str:
    if row["accuracy"] is None:
        return '<span class="bad">diverged</span>'
    lost = f'<br><span class="bad">{row["diverged"]} diverged</span>' if row["diverged"] else ""
    return f"{100 * row['accuracy']:.2f} <small>&plusmn; {100 * row['accuracy_std']:.2f}</small>{lost}"


# ---- charts ----------------------------------------------------------------------------------------------
Curve = tuple[np.ndarray, np.ndarray]  # epochs, values


def _thinned(values: np.ndarray, steps_per_epoch: int, smooth: int) -> Curve:
    values = smoothed(values, smooth)
    at = np.unique(np.linspace(0, len(values) - 1, min(len(values), _POINTS)).astype(int))
    return (at + 1) / steps_per_epoch, values[at]


def _rate_curve(run: Run, steps: int) -> Curve:
    return _thinned(run.history.rates[:, 0], steps, 1)


def _loss_curve(run: Run, steps: int) -> Curve:
    return _thinned(run.history.losses, steps, max(1, len(run.history.losses) // 60))


def _accuracy_curve(run: Run, steps: int) -> Curve:
    rows = run.history.rows
    return np.array([row["epoch"] for row in rows], float), np.array([100 * row["accuracy"] for row in rows])


def _charts(result: Results[Run], methods: Mapping[str, Method]) -> str:
    return (
        _chart(
            result, methods, "Learning rate", "Over epochs, logarithmic. Gray: all methods.",
            _rate_curve, log=True, text=lambda v: f"{v:.2g}",
        )
        + _chart(
            result, methods, "Test accuracy", "Percent, after each epoch.",
            _accuracy_curve, log=False, text=lambda v: f"{v:.1f}",
        )
        + _chart(
            result, methods, "Training loss", "Over epochs, a running mean, logarithmic.",
            _loss_curve, log=True, text=lambda v: f"{v:.2g}",
        )
    )  # fmt: skip


def _chart(
    result: Results[Run],
    methods: Mapping[str, Method],
    heading: str,
    about: str,
    curve: Callable[[Run, int], Curve],
    log: bool,
    text: Callable[[float], str],
) -> str:
    steps = result.settings["steps_per_epoch"]
    curves = {name: _over_seeds([curve(run, steps) for run in result.of(name)]) for name in result.names()}
    medians = [c[2] for c in curves.values() if len(c[0])]
    y_range = _range(medians, log)
    if heading == "Training loss" and medians:
        # what blows up leaves the picture instead of flattening the others
        y_range = (y_range[0], min(y_range[1], 3.0 * max(float(c[0]) for c in medians)))
    x_range = (0.0, float(result.settings["epochs"]))
    shared = heading.lower().replace(" ", "-")
    context = Panel(x_range, y_range, log)
    for x, _, middle, _ in curves.values():
        context.line(x, middle, "other")
    panels = [context.shared(shared)]
    for name, (x, low, middle, high) in curves.items():
        method = methods[name]
        panel = Panel(x_range, y_range, log, title=f"{heading}: {method.label}")
        panel.reference(shared)
        panel.band(x, low, high, f"band {method.kind}")
        panel.line(x, middle, f"curve {method.kind}")
        panel.read("", x, middle, lambda at, value: f"epoch {at:.3g}: {text(value)}")
        if len(x):
            panel.end(float(x[-1]), float(middle[-1]), text(float(middle[-1])), method.kind)
        panels.append(figure(method.label, panel.svg(), f'class="{method.kind}"'))
    seeds = "Line: median over seeds; band: lowest to highest." if result.settings["seeds"] > 1 else ""
    return section(heading, note(f"{about} {seeds}"), f'<div class="grid">{"".join(panels)}</div>')


def _over_seeds(curves: list[Curve]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(x, lowest, median, highest) over the part that all seeds have reached."""
    length = min((len(x) for x, _ in curves), default=0)
    if not length:
        empty = np.zeros(0)
        return empty, empty, empty, empty
    values = np.stack([y[:length] for _, y in curves])
    return curves[0][0][:length], values.min(0), np.median(values, 0), values.max(0)


def _range(curves: list[np.ndarray], log: bool) -> tuple[float, float]:
    """What all medians cover, but for the few percent at the far ends, with some air."""
    values = np.concatenate([c[np.isfinite(c)] for c in curves]) if curves else np.ones(1)
    values = values[values > 0] if log else values
    if not len(values):
        return (0.1, 1.0)
    low, high = (float(q) for q in np.quantile(values, (0.002, 0.998)))
    if log:
        return low / 1.3, high * 1.3
    # accuracy: the interesting part is the end of training
    ends = [float(c[-1]) for c in curves if len(c)]
    low = max(low, min(max(ends) - 25.0, float(np.median(ends)) - 10.0))
    air = 0.06 * (high - low) or 1.0
    return low - air, min(high + air, 100.0) if high <= 100 else high + air
