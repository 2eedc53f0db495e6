"""ALRS on a language model: the next character of Shakespeare's plays, by a small transformer.

Source: the ALRS paper, section 6 (language models as further work).
"""

from __future__ import annotations

import functools
import math
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ... import optim, random
from ...errors import Diverged
from ...nn.functional import cross_entropy
from ...search.find import find_lr
from ...training.fit import fit
from ..leaderboard.workloads.characters import Transformer, excerpts
from .drawings import curves
from .study import Cell, Judgement, Numbers, Outcome, Root, Study

METHODS = ("standard", "x 0.1", "x 10", "ALRS", "trials")
STANDARD, BATCH = 1e-3, 16


@dataclass(frozen=True)
class _Settings:
    epochs: int
    seeds: int


def _cells(settings: _Settings, seed: int) -> Sequence[Cell]:
    return [Cell(method, "Adam", seed + k) for method in METHODS for k in range(settings.seeds)]


def _loss(logits: Any, y: Any) -> Any:
    return cross_entropy(logits.reshape((-1, logits.shape[-1])), y.reshape((-1,)))


def _rate(method: str, train: Any, seed: int) -> float:
    if method not in ("ALRS", "trials"):
        return STANDARD * {"standard": 1.0, "x 0.1": 0.1, "x 10": 10.0}[method]
    random.seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return find_lr(
            Transformer(), _loss, train, optim.Adam, BATCH, max_epochs=6, seed=seed, progress=False,
            rule="signs" if method == "ALRS" else "trials",
        ).lr  # fmt: skip


def _run(settings: _Settings, cell: Cell, root: Root) -> Numbers:
    train, valid = excerpts(None if root is None else os.fspath(root))
    rate = _rate(cell.method, train, cell.seed)
    random.seed(cell.seed)
    model = Transformer()
    optimizer = functools.partial(optim.Adam, lr=rate)(model.parameters())
    diverged = False
    try:
        history = fit(
            model, optimizer, train, valid, _loss,
            epochs=settings.epochs, batch_size=BATCH, seed=cell.seed, progress=False, metrics=(),
        )  # fmt: skip
    except Diverged as error:
        history, diverged = error.history, True
    rows = history.rows
    return {
        "train_loss": math.inf if diverged or not rows else rows[-1]["train_loss"],
        "valid_loss": math.inf if diverged or not rows else rows[-1]["valid_loss"],
        "losses": [row["train_loss"] for row in rows],
        "rate": rate,
    }


def _judge(outcome: Outcome) -> Judgement:
    found = {m: outcome.mean(m, "Adam", "train_loss") for m in outcome.methods()}
    told = ", ".join(f"{m} {v:.3g} (rate {outcome.mean(m, 'Adam', 'rate'):.2g})" for m, v in found.items())
    return Judgement(found["ALRS"] <= min(found["x 0.1"], found["x 10"]), told)


STUDY = Study(
    name="alrs-text",
    paper="ALRS",
    item="section 6 (language models)",
    about="""Training loss per character of a transformer of two layers, 32 wide, on 3200 excerpts of 24
    characters from Shakespeare's plays, with Adam at a standard rate, a tenth and ten times of it, and
    at the rates that find_lr finds by signs (ALRS) and by trials.""",
    scales={"quick": _Settings(1, 1), "small": _Settings(6, 1), "medium": _Settings(20, 3)},
    cells=_cells,
    run=_run,
    metric=("train_loss", "mean of the last epoch, nats per character"),
    claims={"alrs-text": _judge},
    picture=lambda _, outcome: curves(outcome, "losses", "training loss", log=False),
    extra=("valid_loss", "rate"),
)
