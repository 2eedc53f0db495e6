"""The table of a sensitivity study, and its report: one picture, the table, and how it was made."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from html import escape

import numpy as np

from ..pictures.page import note, page, section
from ..pictures.svg import COLORS, Panel
from ..pictures.table import Cell, Column, Row, Table
from ..training.methods import METHODS
from .comparison_report import made_with
from .final_losses import FinalLosses
from .setup import times


def picture(study: FinalLosses) -> str:
    """Final loss over the initial rate, both logarithmic; a cross at the top is a run that failed."""
    known = [run.train_loss for run in study.runs if not study.failed(run)]
    top = 1.15 * study.untrained()
    # a run of zero loss has no place on a logarithmic axis
    low = max(min((loss for loss in known if loss > 0), default=0.1 * top) / 1.4, 1e-8)
    panel = Panel(
        (study.initial[0] / 1.6, study.initial[-1] * 1.6), (low, top),
        log=True, log_x=True, width=980, height=460, margins=(62, 286, 26, 46), x_ticks=study.initial,
        title="Final training loss against the initial learning rate",
    )  # fmt: skip
    across = np.array(panel.x_range)
    panel.line(across, np.full(2, study.untrained()), "reference")
    x, y = panel.at(across[0], study.untrained())
    panel.text(x + 6, y + 14, "before training", "words")
    panel.text(
        (panel.x.start + panel.x.stop) / 2, panel.height - 6, "initial learning rate", "words", "middle"
    )
    panel.text(8, 14, "final training loss; crosses: diverged, or above the start", "words")
    ends: list[tuple[float, str, str]] = []
    for name, color in _colored(study):
        begun = study.has_initial(name)
        losses = [study.loss(name, rate) for rate in study.rates(name)]
        # what failed lies at the top
        shown = np.minimum(losses, top)
        at = np.array(study.initial) if begun else across[1:]
        kind = "dotted" if not begun else "dashed" if len(ends) >= len(COLORS) else ""
        with panel.colored(color):
            panel.line(at if begun else across, np.repeat(shown, 1 if begun else 2), f"curve {kind}")
            whole = losses if begun else losses * 2
            panel.read(METHODS[name].label, at if begun else across, np.array(whole), _told(begun))
            for rate, x, y, loss in zip(study.rates(name), at, shown, losses, strict=True):
                if math.isfinite(loss):
                    panel.dot(x, y, radius=4)
                else:
                    panel.cross(x, y, _aside(study, name, rate))
        with panel.colored(color, 0.55):
            for rate, x in zip(study.rates(name), at, strict=True):
                for run in study.of(name, rate):
                    if not study.failed(run):
                        panel.dot(x, run.train_loss, radius=1.6)
        ends.append((float(shown[-1]), METHODS[name].label + ("" if begun else ", no initial rate"), color))
    panel.names(ends)
    return panel.svg()


def _told(begun: bool) -> Callable[[float, float], str]:
    def told(rate: float, loss: float) -> str:
        reached = f"loss {loss:.4g}" if math.isfinite(loss) else "failed"
        return f"from {rate:.4g}: {reached}" if begun else f"whatever the rate: {reached}"

    return told


def _colored(study: FinalLosses) -> list[tuple[str, str]]:
    """The methods in their order, each with its color."""
    return list(zip(study.ranked(), itertools.cycle(COLORS), strict=False))


def _aside(study: FinalLosses, name: str, rate: float | None) -> float:
    """Methods that fail at the same rate stand beside each other there."""
    failing = [n for n in study.names() if study.of(n, rate) and not math.isfinite(study.loss(n, rate))]
    return 13.0 * (failing.index(name) - (len(failing) - 1) / 2)


def table(study: FinalLosses) -> Table:
    """A row per method in the order of `ranked`, a column per initial rate."""
    rows = []
    for name, color in _colored(study):
        method = METHODS[name]
        if study.has_initial(name):
            cells = [_cell(study.loss(name, rate)) for rate in study.initial]
        else:
            cells = [_cell(study.loss(name, None), len(study.initial), "whatever the rate: ")]
        how = "set by hand, as each column says" if method.kind == "hand" else method.how
        rows.append(Row(method.label, cells, how, f'style="color:{color}"'))
    return Table([Column("method", number=False), *(Column(f"{rate:g}") for rate in study.initial)], rows)


def _cell(loss: float, span: int = 1, before: str = "") -> Cell:
    if not math.isfinite(loss):
        return Cell("failed", f'{before}<span class="bad">failed</span>', span)
    return Cell(f"{loss:.4f}", f"{before}{loss:.4g}", span)


def render(study: FinalLosses) -> str:
    """The whole report as HTML text."""
    s = study.settings
    seeds = "a dot per seed, the line through their medians" if s["seeds"] > 1 else "one seed"
    return page(
        "How much the initial learning rate matters",
        f"{s['data']}, {s['model']}",
        f"The same network ({escape(s['model'])}, {s['parameters']:,} parameters) trained on "
        f"{escape(s['data'])} for {times(s['epochs'], 'epoch')} from "
        f"{times(len(study.initial), 'initial rate')}. The flatter and the lower a line, the less there is "
        "to tune.",
        "",
        [
            section(
                "",
                picture(study),
                note(
                    f"Mean loss of the last epoch; {seeds}. The initial rate is the rate itself where it is "
                    "set by hand, TLR's first rate, QLABGrad's trial rate, and where the search of ALRS "
                    "begins."
                ),
            ),
            section("Final training loss", table(study).html()),
            section("How this was made", made_with(s, study.command)),
        ],
    )
