"""The report of a comparison of searches: two pictures, a table, and how it was made, in one HTML file."""

from __future__ import annotations

import math
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from ...pictures.svg import Panel
from ..sensitivity_report import COLORS
from .searches import SEARCHES

if TYPE_CHECKING:
    from .results import HpoComparison

# a regret of nothing has no place on a logarithmic axis
LEAST = 1e-2
AXES = {"cost": "Against cost, in whole training runs", "seconds": "Against time, in seconds"}


def panel(result: HpoComparison, axis: str) -> str:
    """Regret of all searches along one axis, a thin line a seed, the thick one through their medians."""
    unit = float(result.settings["steps"]) if axis == "cost" else 1.0
    top = result.regret_untrained()
    thin = [(run.search, "seed", *result.stairs([run], axis)) for run in result.runs]
    thick = [(name, "curve", *result.stairs(result.of(name), axis)) for name in result.names()]
    seen = [y[y < top] for _, _, _, y in thin]
    low = min((float(y.min()) for y in seen if len(y)), default=top / 10)
    chart = Panel(
        (0.0, result.ends(axis) / unit), (max(low, LEAST) / 1.3, top * 1.1),
        log=True, width=520, height=330, title=AXES[axis],
    )  # fmt: skip
    for search, kind, x, y in thin + thick:
        opacity = 0.3 if kind == "seed" else 1.0
        shown = np.where(y < top, np.maximum(y, LEAST), np.nan)
        chart.shapes.append(f'<g style="color:{_color(result, search)}" opacity="{opacity}">')
        chart.line(x / unit, shown, kind)
        chart.shapes.append("</g>")
    return f"<figure><figcaption>{AXES[axis]}</figcaption>{chart.svg()}</figure>"


def _color(result: HpoComparison, search: str) -> str:
    return COLORS[list(SEARCHES).index(search) % len(COLORS)]


def _table(result: HpoComparison) -> str:
    heads = ["Tried", "Stopped", "Diverged", "Validation loss", "Test loss", "Regret"]
    heads += ["Cost, runs", "Seconds"]
    rows = []
    for row in sorted(result.summary(), key=lambda row: row["test_loss"]):
        color = _color(result, row["search"])
        low, high = row["test_loss_low"], row["test_loss_high"]
        spread = f"<br><small>{_text(low)} to {_text(high)}</small>" if low < high else ""
        cells = [
            f"{row['tried']:g}", f"{row['pruned']:.1f}", f"{row['diverged']:.1f}",
            _text(row["valid_loss"]), _text(row["test_loss"]) + spread, _text(row["regret"]),
            f"{row['cost']:.1f}", f"{row['seconds']:.1f}",
        ]  # fmt: skip
        rows.append(
            f'<tr><th scope="row" style="color:{color}">{escape(row["label"])}'
            f"<small>{escape(SEARCHES[row['search']].how)}</small></th>"
            + "".join(f'<td class="number">{cell}</td>' for cell in cells)
            + "</tr>"
        )
    header = "".join(f'<th scope="col" class="number">{head}</th>' for head in heads)
    return (
        f'<div class="wide"><table><thead><tr><th scope="col">Search</th>{header}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _text(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else '<span class="bad">none</span>'


def _settings(s: dict[str, Any], command: str | None) -> str:
    families = zip(("learning rates", "momenta", "weight decays"), s["counts"], s["ranges"], strict=True)
    values = ", ".join(f"{n} {name} in [{low:g}, {high:g}]" for name, n, (low, high) in families)
    clipped = "" if s["clip_gradient"] is None else f", gradients clipped at {s['clip_gradient']:g}"
    costs = s["costs"]
    facts = {
        "Data": f"{s['data']}: {s['train_examples']:,} training, {s['valid_examples']:,} validation and "
        f"{s['test_examples']:,} test examples",
        "Network": f"{s['model']}, {s['parameters']:,} parameters",
        "Training": f"{s['steps']} steps of {s['batch_size']}{clipped}",
        "Schedule": values,
        "Budget": f"{s['budget']:g} training runs a search, seeds {s['first_seed']} to "
        f"{s['first_seed'] + s['seeds'] - 1}",
        "Counted as": f"a step with all derivatives {costs['differentiated']:.3g} plain steps, a validation "
        f"{costs['validation']:.3g}",
        "Networks": f"{s['networks']} for a setting without derivatives, 2 with them; tested on {s['fresh']}",
        "Software": f"lrswift {s['config']['version']}, {s['config']['threads']} threads",
        "Date": s["date"],
    }
    rows = "".join(f"<dt>{key}</dt><dd>{escape(value)}</dd>" for key, value in facts.items())
    made_by = f"<pre><code>{escape(command)}</code></pre>" if command else ""
    return f"{made_by}<dl>{rows}</dl>"


def render(result: HpoComparison) -> str:
    """The whole report as HTML text."""
    style = resources.files("lrswift.pictures").joinpath("report.css").read_text()
    s = result.settings
    title = "Searching for a schedule"
    legend = "".join(
        f'<li style="color:{_color(result, name)}">{escape(result.labels.get(name, name))}</li>'
        for name in result.names()
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} - {escape(s["data"])}, {escape(s["model"])}</title>
<style>{style}
.pair {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 24px;
  margin-top: 18px; }}
tbody th {{ white-space: normal; }} .seed {{ stroke: currentColor; stroke-width: 1; fill: none; }}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p class="lead">{sum(s["counts"])} values decide a training run of {escape(s["model"])} on
{escape(s["data"])}. Every search may spend as much as {s["budget"]:g} such runs cost. How far is what it
would return from the best that any of them has found?</p>
</header>
<main>
<section><ul class="legend">{legend}<li class="plain">thin: a seed; thick: their median</li></ul>
<div class="pair">{panel(result, "cost")}{panel(result, "seconds")}</div>
<p class="note">Regret: test loss of the best validated setting so far, trained anew on fresh networks, above
the lowest such loss, {_text(result.floor())}; at least {LEAST:g}. A line begins where the search has
something better than no training at all, and rises where a setting was luck.</p></section>
<section><h2>What they end with</h2>
<p class="note">Settings tried, of these stopped early, and diverged; validation loss: the lowest seen. Losses
are medians over seeds; of the test loss also the lowest and the highest.</p>
{_table(result)}</section>
<section><h2>How this was made</h2>{_settings(s, result.command)}</section>
</main>
</body>
</html>
"""
