"""The table of a leaderboard, and its page: who is near the tuned references, how fast, and where not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from ...pictures.page import facts, figure, legend, note, page, section
from ...pictures.svg import COLORS, Panel
from ...pictures.table import Cell, Column, Row, Table
from ..setup import times
from .result import RunResult
from .scores import TAUS, TUNED, Reference, Score
from .workload import Workload

_TABLE_NOTE = (
    "Lost: share of the tuned reference's gain in validation loss that is not reached at the end of the "
    "budget, the mean over workloads. Near: workloads with less than 5&nbsp;% lost. Target: 95&nbsp;% of the "
    "gain; reached where all seeds reach it. Steps: gradients until then, the search included, over the "
    "reference's, the median over workloads. Profile: mean height of the curve below. Any method has the "
    "same number of gradients, and none is told anything of the workload."
)


def color(method: str, methods: Sequence[str]) -> str:
    """The method's, the same in all pictures; gray for the reference."""
    if method == TUNED:
        return "var(--soft)"
    at = list(methods).index(method)
    if len(methods) <= len(COLORS):
        return COLORS[at]
    # beyond eight none are as distinct: around the wheel, light and dark in turn, to be read on either paper
    hue, turn = 360 * at // len(methods), at % 2
    return f"light-dark(oklch({45 + 9 * turn}% 0.12 {hue}), oklch({74 + 10 * turn}% 0.12 {hue}))"


def table(scores: Sequence[Score], about: dict[str, str], methods: Sequence[str]) -> Table:
    """A row per score, in their order."""
    heads = ["lost %", "near", "worst %", "reached", "steps", "diverged", "profile"]
    columns = [Column("method", number=False), *map(Column, heads), Column("worst on", number=False)]
    rows = []
    for score in scores:
        tuned = score.method == TUNED
        cells = [
            Cell(_percent(score.lost)), Cell(f"{score.near} of {score.workloads}"),
            Cell(_percent(score.worst)), Cell(f"{score.reached} of {score.workloads}"),
            _ratio(score.ratio), Cell(str(score.diverged)), Cell(f"{score.height:.2f}"),
            Cell("-" if tuned else score.worst_workload),
        ]  # fmt: skip
        mark = f'style="color:{color(score.method, methods)}"'
        rows.append(Row(score.method, cells, about.get(score.method, ""), mark))
    return Table(columns, rows)


def details(scores: Sequence[Score], methods: Sequence[str]) -> Table:
    """What each method loses on each workload: a row per workload."""
    shown = [score for score in scores if score.method != TUNED]
    columns = [Column("workload", number=False), *(Column(score.method, named=True) for score in shown)]
    rows = [
        Row(name, [_loss(score.losses[name]) for score in shown])
        for name in (shown[0].losses if shown else ())
    ]
    return Table(columns, rows)


def _percent(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:.1f}"


def _loss(share: float) -> Cell:
    text = _percent(share)
    return Cell(text, f'<span class="bad">{text}</span>' if share >= 0.05 else text)


def _ratio(value: float) -> Cell:
    return Cell(f"{value:.2f}") if math.isfinite(value) else Cell("-", '<span class="bad">-</span>')


# ---- pictures --------------------------------------------------------------------------------------------
def profile(scores: Sequence[Score], methods: Sequence[str]) -> str:
    """Share of workloads whose target is reached within tau times the steps of the fastest."""
    chart = Panel(
        (1.0, 4.0), (0.0, 1.0), width=760, height=380, title="Performance profile",
        margins=(38.0, 190.0, 8.0, 20.0),
    )  # fmt: skip
    for score in scores:
        with chart.colored(color(score.method, methods)):
            chart.line(TAUS, score.profile, "curve dashed" if score.method == TUNED else "curve")
        chart.read(
            score.method,
            TAUS,
            score.profile,
            lambda tau, share: f"within {tau:.3g} times: {100 * share:.0f} %",
        )
    chart.names([(float(s.profile[-1]), s.method, color(s.method, methods)) for s in scores])
    return figure("Within how many times the steps of the fastest", chart.svg())


def curves(workload: Workload, results: Sequence[RunResult], reference: Reference | None,
           methods: Sequence[str]) -> str:  # fmt: skip
    """Validation losses of a workload, a line per method: the median over seeds; the reference's dashed."""
    lines = [
        (name, *_median([[p[:2] for p in r.curve] for r in results if r.method == name])) for name in methods
    ]
    if reference is not None:
        lines.append((TUNED, *_median(reference.curves)))
    lines = [line for line in lines if len(line[1])]
    low, high = _bounds([y for _, _, y in lines], reference)
    log = low > 0 and high / low > 3
    chart = Panel(
        (0.0, float(workload.steps)), (low, high), log, title=workload.name, margins=(46.0, 12.0, 8.0, 20.0)
    )
    for name, x, y in lines:
        with chart.colored(color(name, methods)):
            chart.line(x, y, "curve dashed" if name == TUNED else "curve")
        chart.read(name, x, y, lambda at, loss: f"step {at:.0f}: {loss:.4g}")
    return figure(f"{workload.name} ({workload.half})", chart.svg())


def _median(found: Sequence[Sequence[Sequence[float | None]]]) -> tuple[np.ndarray, np.ndarray]:
    """At the steps that all of the curves have."""
    known = [{float(at or 0): math.nan if loss is None else loss for at, loss in curve} for curve in found]
    if not known:
        return np.zeros(0), np.zeros(0)
    steps = sorted(set.intersection(*map(set, known)))
    return np.array(steps), np.median([[losses[at] for at in steps] for losses in known], 0)


def _bounds(losses: Sequence[np.ndarray], reference: Reference | None) -> tuple[float, float]:
    """From the lowest to a little above the start: what blows up leaves the picture."""
    values = np.concatenate([y[np.isfinite(y)] for y in losses]) if losses else np.zeros(0)
    if not len(values):
        return 0.0, 1.0
    low = float(values.min())
    start = max(float(y[0]) for y in losses) if reference is None else reference.start
    high = max(start, low + 1e-9)
    air = 0.03 * (high - low)
    return (low - air if low <= 0 or high / low <= 3 else low / 1.05), high + air


# ---- page ------------------------------------------------------------------------------------------------
def render(
    scores: Sequence[Score],
    workloads: Sequence[Workload],
    results: Sequence[RunResult],
    references: dict[str, Reference],
    about: dict[str, str],
    made: dict[str, str],
    command: str | None,
) -> str:
    """The whole page as HTML text."""
    methods = list(dict.fromkeys(result.method for result in results))
    halves = sorted({workload.half for workload in workloads})
    marks = [(name, f'style="color:{color(name, methods)}"') for name in [*methods, TUNED]]
    panels = "".join(
        curves(w, [r for r in results if r.workload == w.name], references.get(w.name), methods)
        for w in workloads
    )
    judged = [
        section("Results", table(scores, about, methods).html(), note(_TABLE_NOTE)),
        section("Performance profile", profile(scores, methods), note(
            "AlgoPerf's: a curve that is higher is faster on more workloads. The reference is one of them."
        )),
        section(
            "Share of the gain lost, %", details(scores, methods).html(),
            note("By workload; in red what is not near, below 0 what is better than the reference."),
        ),
    ] if scores else [section("Results", note("No workload has a tuned reference to judge by."))]  # fmt: skip
    return page(
        "Methods that nobody tunes",
        ", ".join(halves),
        _lead(scores, workloads),
        legend(marks),
        [
            *judged,
            section("Validation loss", note("Against gradients spent; the median over seeds."),
                    f'<div class="grid">{panels}</div>'),
            section("References", _references(workloads, references).html()),
            section("How this was made", facts(made, command)),
        ],
    )  # fmt: skip


def _lead(scores: Sequence[Score], workloads: Sequence[Workload]) -> str:
    what = (
        f"{times(len(workloads), 'workload')}, each trained within a budget of gradients. A tuned reference "
        "is the best of some sixty runs of momentum SGD and Adam."
    )
    best = next((score for score in scores if score.method != TUNED), None)
    if best is None:
        return what
    return (
        f"{what} Untuned, <b>{escape(best.method)}</b> comes nearest: it loses "
        f"{_percent(best.lost)}&nbsp;% of the reference's gain in the mean and "
        f"{_percent(best.worst)}&nbsp;% at worst."
    )


def _references(workloads: Sequence[Workload], references: dict[str, Reference]) -> Table:
    heads = ["start", "reached", "spread %", "steps to the target"]
    columns = [Column("workload", number=False), Column("reference", number=False), *map(Column, heads)]
    rows = []
    for workload in workloads:
        known = references.get(workload.name)
        cells = [Cell("none")] + [Cell("-")] * 4 if known is None else [
            Cell(known.setting), Cell(f"{known.start:.4g}"), Cell(f"{known.final:.4g}"),
            Cell(_percent(known.spread)), Cell(f"{known.to_target:.0f}"),
        ]  # fmt: skip
        size = f"{times(workload.steps, 'step')} of {workload.batch}"
        rows.append(Row(workload.name, cells, f"{workload.about}; {size}"))
    return Table(columns, rows)
