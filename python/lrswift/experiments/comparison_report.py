"""The report of a comparison: one HTML file that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from ..pictures.figure import smoothed
from ..pictures.svg import Panel, strip
from ..training.methods import KINDS

if TYPE_CHECKING:
    from .comparison import Comparison, Run

_TABLE_NOTE = (
    "Sorted by test accuracy: mean and standard deviation over seeds, a dot per seed (an arrow: off the "
    "scale). A rate range holds the middle 90&nbsp;% of the steps of all seeds. Training loss is the mean "
    "over the last epoch. Seconds are those of one training run, with the search for a rate, without "
    "evaluation."
)
# enough for a curve of 260 pixels
_POINTS = 240


def render(comparison: Comparison) -> str:
    """The whole report as HTML text."""
    style = resources.files("lrswift.pictures").joinpath("report.css").read_text()
    s = comparison.settings
    title = f"{len(comparison.names())} ways to set the learning rate"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} - {escape(s["data"])}, {escape(s["model"])}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<p class="lead">{_lead(comparison)}</p>
{_legend(comparison)}
</header>
<main>
<section><h2>Results</h2>{_table(comparison)}<p class="note">{_TABLE_NOTE}</p></section>
{_charts(comparison)}
<section><h2>How this was made</h2>{settings_table(comparison.settings, comparison.command)}</section>
</main>
</body>
</html>
"""


def _lead(comparison: Comparison) -> str:
    s = comparison.settings
    ranked = _ranked(comparison)
    what = (
        f"The same network ({escape(s['model'])}, {s['parameters']:,} parameters) was trained on "
        f"{escape(s['data'])} ({s['train_examples']:,} examples) for {_times(s['epochs'], 'epoch')} of "
        f"{_times(s['steps_per_epoch'], 'step')}, once per method and seed. "
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


def _times(count: int, word: str) -> str:
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def _legend(comparison: Comparison) -> str:
    present = {comparison.methods[name].kind for name in comparison.names()}
    items = "".join(
        f'<li class="{kind}">{escape(text)}</li>' for kind, text in KINDS.items() if kind in present
    )
    return f'<ul class="legend"><li class="plain">Learning rate</li>{items}</ul>'


def _ranked(comparison: Comparison) -> list[dict[str, Any]]:
    return sorted(
        comparison.summary(),
        key=lambda row: -1.0 if row["accuracy"] is None else row["accuracy"],
        reverse=True,
    )


def _table(comparison: Comparison) -> str:
    from .comparison import loss_text, rate_text

    values = [run.accuracy for run in comparison.runs if math.isfinite(run.accuracy)]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    # one run that learned nothing would squeeze all others together
    low = max(low, high - 0.25)
    rows = []
    for row in _ranked(comparison):
        method, kind = comparison.methods[row["method"]], row["kind"]
        if row["accuracy"] is None:
            accuracy = '<span class="bad">diverged</span>'
        else:
            accuracy = f"{100 * row['accuracy']:.2f} <small>&plusmn; {100 * row['accuracy_std']:.2f}</small>"
            if row["diverged"]:
                accuracy += f'<br><span class="bad">{row["diverged"]} diverged</span>'
        loss = escape(loss_text(row))
        dots = strip([run.accuracy for run in comparison.of(row["method"])], low, high, kind)
        rate = escape(rate_text(row)).replace(" - ", " &ndash; ")
        rows.append(
            f'<tr><th scope="row" class="{kind}">{escape(method.label)}'
            f"<small>{escape(method.how)}</small></th>"
            f"<td>{rate}</td><td class='number'>{loss}</td><td class='number'>{accuracy}</td>"
            f"<td>{dots}</td><td class='number'>{row['seconds']:.1f}</td></tr>"
        )
    scale = f"{100 * low:.0f} to {100 * high:.0f} %"
    return (
        '<div class="wide"><table><thead><tr><th scope="col">Method</th><th scope="col">Learning rate</th>'
        '<th scope="col" class="number">Training loss</th>'
        '<th scope="col" class="number">Test accuracy, %</th>'
        f'<th scope="col">Each seed, {scale}</th><th scope="col" class="number">Seconds</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


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


def _charts(comparison: Comparison) -> str:
    return (
        _chart(
            comparison, "Learning rate", "Over epochs, logarithmic. Gray: all methods.",
            _rate_curve, log=True, text=lambda v: f"{v:.2g}",
        )
        + _chart(
            comparison, "Test accuracy", "Percent, after each epoch.",
            _accuracy_curve, log=False, text=lambda v: f"{v:.1f}",
        )
        + _chart(
            comparison, "Training loss", "Over epochs, a running mean, logarithmic.",
            _loss_curve, log=True, text=lambda v: f"{v:.2g}",
        )
    )  # fmt: skip


def _chart(
    comparison: Comparison,
    heading: str,
    note: str,
    curve: Callable[[Run, int], Curve],
    log: bool,
    text: Callable[[float], str],
) -> str:
    steps = comparison.settings["steps_per_epoch"]
    curves = {
        name: _over_seeds([curve(run, steps) for run in comparison.of(name)]) for name in comparison.names()
    }
    medians = [c[2] for c in curves.values() if len(c[0])]
    y_range = _range(medians, log)
    if heading == "Training loss" and medians:
        # what blows up leaves the picture instead of flattening the others
        y_range = (y_range[0], min(y_range[1], 3.0 * max(float(c[0]) for c in medians)))
    x_range = (0.0, float(comparison.settings["epochs"]))
    shared = heading.lower().replace(" ", "-")
    context = Panel(x_range, y_range, log)
    for x, _, middle, _ in curves.values():
        context.line(x, middle, "other")
    panels = [context.shared(shared)]
    for name, (x, low, middle, high) in curves.items():
        method = comparison.methods[name]
        panel = Panel(x_range, y_range, log, title=f"{heading}: {method.label}")
        panel.reference(shared)
        panel.band(x, low, high, f"band {method.kind}")
        panel.line(x, middle, f"curve {method.kind}")
        if len(x):
            panel.end(float(x[-1]), float(middle[-1]), text(float(middle[-1])), method.kind)
        panels.append(
            f'<figure><figcaption class="{method.kind}">{escape(method.label)}</figcaption>'
            f"{panel.svg()}</figure>"
        )
    seeds = "Line: median over seeds; band: lowest to highest." if comparison.settings["seeds"] > 1 else ""
    return (
        f'<section><h2>{heading}</h2><p class="note">{note} {seeds}</p>'
        f'<div class="grid">{"".join(panels)}</div></section>'
    )


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


def settings_table(s: dict[str, Any], made_by: str | None) -> str:
    """What was trained on what, and the command that does it again."""
    features = s["config"].get("cpu", "")
    facts = {
        "Data": f"{s['data']}, {s['train_examples']:,} training and {s['test_examples']:,} test examples, "
        "inputs in [0, 1]",
        "Network": f"{s['model']}, {s['parameters']:,} parameters",
        "Training": f"{s['epochs']} epochs of {s['steps_per_epoch']} steps, batches of {s['batch_size']}",
        "Seeds": f"{s['first_seed']} to {s['first_seed'] + s['seeds'] - 1}, "
        "each deciding initial weights and order of batches, alike for all methods",
        "Software": f"lrswift {s['config']['version']}, {_times(s['config']['threads'], 'thread')}",
        "Processor": " ".join(map(str, features)) if isinstance(features, list) else str(features),
        "Date": s["date"],
    }
    rows = "".join(f"<dt>{key}</dt><dd>{escape(value)}</dd>" for key, value in facts.items() if value)
    command = f"<pre><code>{escape(made_by)}</code></pre>" if made_by else ""
    return f"{command}<dl>{rows}</dl>"
