"""What `learn_schedule` found, in words: the table of outer steps, and why the best one is the best."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np

from ..learning.finalists import Finals
from ..learning.learned_schedule import LearnedSchedule
from ..pictures.table import Cell, Column, Row, Table
from ..pictures.terminal import WIDTH


def table(learned: LearnedSchedule) -> str:
    """A row per outer step, the best one marked; a range of rates where all would be too wide."""
    wide = _table(learned, each=True)
    return wide if max(map(len, wide.splitlines())) <= WIDTH else _table(learned, each=False)


def _table(learned: LearnedSchedule, each: bool) -> str:
    rates, momenta = learned.learning_rates.size, len(learned.momentums)
    others = [*_names("momentum", momenta), *_names("decay", len(learned.weight_decays))]
    heads = [*_names("rate", rates, numbered=True)] if each else ["rates"]
    rows = []
    for outer, (loss, values) in enumerate(zip(learned.valid_losses, learned.values, strict=True)):
        own = values[:rates]
        shown = [f"{v:.4f}" for v in own] if each else [f"{own.min():.4f} to {own.max():.4f}"]
        texts = [f"{loss:.4f}", *shown, *(f"{v:.4f}" for v in values[rates:])]
        mark = "best" if outer == learned.best else ""
        rows.append(Row(str(outer + 1), [Cell(text) for text in (*texts, mark)]))
    return Table([Column(head) for head in ("outer", "loss", *heads, *others, "")], rows).text(rule=False)


def _names(name: str, count: int, numbered: bool = False) -> list[str]:
    return [name] * count if count == 1 and not numbered else [f"{name} {k}" for k in range(count)]


def verdict(learned: LearnedSchedule) -> str:
    """Why the best outer step is the best, where its loss in the table is not the lowest, too."""
    if learned.best < 0:
        return _filled("no outer step ended at a loss that is finite: none is the best")
    best, losses = learned.best, learned.valid_losses
    lowest = int(np.nanargmin(np.where(np.isfinite(losses), losses, np.inf)))
    seeds = _networks(learned.seed_losses.shape[1])
    if not len(learned.finalists):
        return _filled(f"best: outer step {best + 1}, the lowest loss in the table, a mean over {seeds}")
    scores = dict(zip(learned.finalists.tolist(), _scores(learned), strict=True))
    networks = learned.final_losses.shape[1]
    text = (
        f"best: outer step {best + 1}, of the {len(scores)} with the lowest losses the best on "
        f"{networks} networks that had no say before (mean loss and a standard error: {scores[best]:.4f})"
    )
    if lowest != best:
        text += f". Outer step {lowest + 1} has the lowest loss of {seeds}, {losses[lowest]:.4f}, " + (
            f"but {scores[lowest]:.4f} on those {networks}"
            if np.isfinite(scores[lowest])
            else f"but diverges on some of those {networks}"
        )
    return _filled(text)


def _networks(count: int) -> str:
    return f"{count} network{'' if count == 1 else 's'}"


def _filled(text: str) -> str:
    return textwrap.fill(text, WIDTH)


def _scores(learned: LearnedSchedule) -> np.ndarray:
    return Finals(learned.finalists, learned.final_losses, learned.final_penalties).scores()


def facts(learned: LearnedSchedule) -> dict[str, Any]:
    """The same as a record: the best schedule, and a row per outer step."""
    scores = dict(zip(learned.finalists.tolist(), _scores(learned).tolist(), strict=True))
    return {
        "best": learned.best + 1,
        "steps": learned.steps,
        "learning_rates": learned.learning_rates.tolist(),
        "momentums": learned.momentums.tolist(),
        "weight_decays": learned.weight_decays.tolist(),
        "outer_steps": [
            {"outer": o + 1, "loss": float(loss), "values": values.tolist(), "score": scores.get(o)}
            for o, (loss, values) in enumerate(zip(learned.valid_losses, learned.values, strict=True))
        ],
    }
