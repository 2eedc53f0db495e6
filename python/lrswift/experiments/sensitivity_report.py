"""The report of a sensitivity study: one picture, a table, and how it was made, in one HTML file."""

from __future__ import annotations

import math
from html import escape
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from ..pictures.svg import Scale, label, path
from ..training.methods import METHODS
from .comparison_report import settings_table

if TYPE_CHECKING:
    from .sensitivity import Sensitivity

WIDTH, HEIGHT = 980.0, 460.0
LEFT, RIGHT, TOP, BOTTOM = 62.0, 286.0, 26.0, 46.0
# Okabe and Ito's colors, distinct for the color-blind; the second round is dashed
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#7a5195", "#e69f00", "#56b4e9", "#444b57")


def picture(study: Sensitivity) -> str:
    """Final loss over the initial rate, both logarithmic; a cross at the top is a run that failed."""
    known = [run.train_loss for run in study.runs if not study.failed(run)]
    top = 1.15 * study.untrained()
    # a run of zero loss has no place on a logarithmic axis
    low = max(min((loss for loss in known if loss > 0), default=0.1 * top) / 1.4, 1e-8)
    first, last = study.initial[0], study.initial[-1]
    x = Scale(first / 1.6, last * 1.6, LEFT, WIDTH - RIGHT, log=True)
    y = Scale(low, top, HEIGHT - BOTTOM, TOP, log=True)
    shapes = [_axes(study, x, y)]
    ends: list[tuple[float, str, str, str]] = []
    for place, name in enumerate(study.ranked()):
        color = COLORS[place % len(COLORS)]
        dash = "" if place < len(COLORS) else ' stroke-dasharray="6 3"'
        rates: list[float | None] = list(study.initial) if study.has_initial(name) else [None]
        losses = np.array([study.loss(name, rate) for rate in rates])
        finite = np.isfinite(losses)
        at = np.where(finite, y(np.where(finite, losses, top)), TOP)
        if study.has_initial(name):
            across = x(np.array(study.initial))
            shapes.append(
                f'<path d="{path(across, at)}" fill="none" stroke="{color}" stroke-width="2.2"{dash}/>'
            )
        else:
            across = np.array([WIDTH - RIGHT])
            level = f"M{LEFT:.1f},{at[0]:.1f}H{WIDTH - RIGHT:.1f}"
            shapes.append(
                f'<path d="{level}" fill="none" stroke="{color}" stroke-width="2.2" stroke-dasharray="2 5"/>'
            )
        for rate, px, py, loss in zip(rates, across, at, losses, strict=True):
            shapes.append(_mark(px + _aside(study, name, rate), py, math.isfinite(loss), color))
        for rate, px in zip(rates, across, strict=True):
            for run in study.of(name, rate):
                if not study.failed(run):
                    py = float(y(np.array(run.train_loss)))
                    shapes.append(
                        f'<circle cx="{px:.1f}" cy="{py:.1f}" r="1.6" fill="{color}" opacity="0.55"/>'
                    )
        ends.append(
            (
                float(at[-1]),
                METHODS[name].label,
                color,
                "" if study.has_initial(name) else ", no initial rate",
            )
        )
    shapes += _labels(ends)
    title = "Final training loss against the initial learning rate"
    return (
        f'<svg viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img" aria-label="{title}" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{title}</title>{"".join(shapes)}</svg>'
    )


def _aside(study: Sensitivity, name: str, rate: float | None) -> float:
    """Methods that fail at the same rate stand beside each other there."""
    failing = [n for n in study.names() if study.of(n, rate) and not math.isfinite(study.loss(n, rate))]
    return 13.0 * (failing.index(name) - (len(failing) - 1) / 2) if name in failing else 0.0


def _mark(x: float, y: float, fine: bool, color: str) -> str:
    if fine:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}"/>'
    cross = f"M{x - 5:.1f},{y - 5:.1f}l10,10m0,-10l-10,10"
    return f'<path d="{cross}" stroke="{color}" stroke-width="2.4" fill="none"/>'


def _axes(study: Sensitivity, x: Scale, y: Scale) -> str:
    parts = []
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    text = 'font-family="system-ui, sans-serif" font-size="12" fill="#5d6675"'
    decades = range(math.floor(math.log10(y.low)), math.ceil(math.log10(y.high)) + 1)
    multiples = (1, 2, 5) if len(decades) < 5 else (1,)
    every = [m * 10.0**d for d in decades for m in multiples]
    for tick in (t for t in every if y.low <= t <= y.high):
        at = float(y(np.array(tick)))
        parts.append(f'<path d="M{LEFT},{at:.1f}H{right}" stroke="#e3e6ea"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end" {text}>{label(tick)}</text>')
    untrained = float(y(np.array(study.untrained())))
    parts.append(f'<path d="M{LEFT},{untrained:.1f}H{right}" stroke="#aab2bd" stroke-dasharray="3 3"/>')
    parts.append(f'<text x="{LEFT + 6}" y="{untrained + 14:.1f}" {text}>before training</text>')
    for rate in study.initial:
        at = float(x(np.array(rate)))
        parts.append(f'<path d="M{at:.1f},{bottom}v5" stroke="#aab2bd"/>')
        parts.append(f'<text x="{at:.1f}" y="{bottom + 19}" text-anchor="middle" {text}>{label(rate)}</text>')
    parts.append(f'<path d="M{LEFT},{bottom}H{right}" stroke="#aab2bd"/>')
    middle = (LEFT + right) / 2
    parts.append(
        f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle" {text}>initial learning rate</text>'
    )
    heading = "final training loss; crosses: diverged, or above the start"
    parts.append(f'<text x="{LEFT - 54}" y="{TOP - 12}" {text}>{heading}</text>')
    return "".join(parts)


def _labels(ends: list[tuple[float, str, str, str]]) -> list[str]:
    """The methods' names beside the ends of their lines, moved apart."""
    gap = 17.0
    placed: list[float] = []
    for at, *_ in sorted(ends):
        placed.append(max(at, placed[-1] + gap) if placed else at)
    # what was pushed off the bottom pushes back
    limit = HEIGHT - BOTTOM + 4
    for i in reversed(range(len(placed))):
        placed[i] = min(placed[i], limit)
        limit = placed[i] - gap
    shapes = []
    start = WIDTH - RIGHT
    for at, (end, name, color, aside) in zip(placed, sorted(ends), strict=True):
        shapes.append(
            f'<path d="M{start + 8},{end:.1f}L{start + 24},{at:.1f}" stroke="{color}" fill="none"/>'
        )
        shapes.append(
            f'<text x="{start + 29}" y="{at + 4:.1f}" font-family="system-ui, sans-serif" font-size="13" '
            f'font-weight="600" fill="{color}">{escape(name)}'
            f'<tspan font-weight="400" fill="#5d6675">{escape(aside)}</tspan></text>'
        )
    return shapes


def _table(study: Sensitivity) -> str:
    heads = "".join(f'<th scope="col" class="number">{label(rate)}</th>' for rate in study.initial)
    rows = []
    for name in study.ranked():
        method = METHODS[name]
        if study.has_initial(name):
            cells = "".join(_cell(study.loss(name, rate)) for rate in study.initial)
        else:
            cells = _cell(study.loss(name, None), len(study.initial), "whatever the rate: ")
        how = "set by hand, as each column says" if method.kind == "hand" else method.how
        rows.append(
            f'<tr><th scope="row" class="{method.kind}">{escape(method.label)}'
            f"<small>{escape(how)}</small></th>{cells}</tr>"
        )
    return (
        '<div class="wide"><table><thead><tr><th scope="col">Method</th>'
        f"{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(loss: float, span: int = 1, before: str = "") -> str:
    text = f"{loss:.4g}" if math.isfinite(loss) else '<span class="bad">failed</span>'
    return f'<td class="number" colspan="{span}">{before}{text}</td>'


def render(study: Sensitivity) -> str:
    """The whole report as HTML text."""
    style = resources.files("lrswift.pictures").joinpath("report.css").read_text()
    s = study.settings
    title = "How much the initial learning rate matters"
    epochs = f"{s['epochs']} epoch{'s' if s['epochs'] > 1 else ''}"
    seeds = "a dot per seed, the line through their medians" if s["seeds"] > 1 else "one seed"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} - {escape(s["data"])}, {escape(s["model"])}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p class="lead">The same network ({escape(s["model"])}, {s["parameters"]:,} parameters) trained on
{escape(s["data"])} for {epochs} from {len(study.initial)} initial rates. The flatter and
the lower a line, the less there is to tune.</p>
</header>
<main>
<section>{picture(study)}
<p class="note">Mean loss of the last epoch; {seeds}. The initial rate is the rate itself where it is set
by hand, TLR's first rate, QLABGrad's trial rate, and where the search of ALRS begins.</p></section>
<section><h2>Final training loss</h2>{_table(study)}</section>
<section><h2>How this was made</h2>{settings_table(s, study.command)}</section>
</main>
</body>
</html>
"""
