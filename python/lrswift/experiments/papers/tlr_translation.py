"""TLR on translation: a Transformer on Multi30k.

Source: the TLR paper, appendix, figure 17.
"""

from __future__ import annotations

import collections
import functools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import models, optim
from ...data import load
from ...rates.adapters import SPS, TLR
from .drawings import curves
from .study import Cell, Judgement, Numbers, Outcome, Root, Study
from .training import course, run_of

METHODS = ("TLR", "TLR per tensor", "Adam", "SGD", "SPS")
INITIAL = {"TLR": 1e-2, "TLR per tensor": 1e-2, "Adam": 1e-3, "SGD": 1e-2}
# padding, begin, end, and any other word
SPECIAL = 4
BATCH = 32


@dataclass(frozen=True)
class Settings:
    """epochs of so many sentences (None: all), of words among the commonest `words`; the network's sizes."""

    epochs: int
    sentences: int | None
    seeds: int
    words: int
    width: int
    feedforward: int
    places: int = 20


def tokens(sentences: Sequence[str], words: int, count: int) -> np.ndarray:
    """int64 [N, count]: begin, the words' numbers by how common they are, end, padding."""
    split = [re.findall(r"\w+|[^\w\s]", text.lower())[: count - 2] for text in sentences]
    common = collections.Counter(word for line in split for word in line).most_common(words - SPECIAL)
    number = {word: place + SPECIAL for place, (word, _) in enumerate(common)}
    made = np.zeros((len(split), count), np.int64)
    for row, line in zip(made, split, strict=True):
        row[: len(line) + 2] = [1, *(number.get(word, 3) for word in line), 2]
    return made


@functools.lru_cache(maxsize=1)
def _pairs(root: str | None, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    train = load("multi30k", root).train[: settings.sentences]
    german, english = (tokens(list(part), settings.words, settings.places) for part in (train.x, train.y))
    return german, english


def _cells(settings: Settings, seed: int) -> Sequence[Cell]:
    return [Cell(method, "", seed + k) for method in METHODS for k in range(settings.seeds)]


def _run(settings: Settings, cell: Cell, root: Root) -> Numbers:
    rate = INITIAL.get(cell.method, 1.0)
    sgd = functools.partial(optim.SGD, momentum=0.8)
    made: Mapping[str, Callable[[], Any]] = {
        "TLR": lambda: functools.partial(sgd, lr=TLR(initial=rate)),
        "TLR per tensor": lambda: functools.partial(sgd, lr=TLR(initial=rate, per="tensor")),
        "Adam": lambda: functools.partial(optim.Adam, lr=rate),
        "SGD": lambda: functools.partial(sgd, lr=rate),
        "SPS": lambda: functools.partial(optim.SGD, lr=SPS(c=0.2)),
    }
    network = functools.partial(
        models.transformer, settings.words, settings.words, settings.width, 8, 3, settings.feedforward
    )
    train = _pairs(None if root is None else os.fspath(root), settings)
    _, history, diverged = run_of(
        network, made[cell.method](), train, None, settings.epochs, BATCH, cell.seed, models.translation_loss
    )
    return course(history, diverged)


def _as_adam(outcome: Outcome) -> Judgement:
    found = {m: outcome.mean(m, "", "train_loss") for m in outcome.methods()}
    told = ", ".join(f"{name} {value:.3g}" for name, value in found.items())
    return Judgement(min(found["TLR"], found["TLR per tensor"]) <= found["Adam"], told)


def _per_layer(outcome: Outcome) -> Judgement:
    one, each = (outcome.mean(m, "", "train_loss") for m in ("TLR", "TLR per tensor"))
    return Judgement(each <= one, f"one rate {one:.3g}, one for each tensor {each:.3g}")


STUDY = Study(
    name="tlr-translation",
    paper="TLR",
    item="figure 17",
    about="""Training loss per token, labels smoothed by 0.1, of a Transformer of 3 + 3 layers and 8 heads
    that translates Multi30k's captions from German: TLR with one rate and with one for each tensor
    (momentum 0.8, from 0.01), Adam at 1e-3, momentum at 0.01, and Polyak's step. Words are lower case, rare
    ones one word. At small scale it is 64 wide and has 2000 words.""",
    scales={
        "quick": Settings(1, 256, 1, 200, 16, 32),
        "small": Settings(6, 3000, 1, 2000, 64, 128),
        "medium": Settings(20, None, 1, 6000, 256, 512, 32),
    },
    cells=_cells,
    run=_run,
    metric=("train_loss", "mean of the last epoch, nats a token"),
    claims={"tlr-translation": _as_adam, "tlr-translation-perlayer": _per_layer},
    picture=lambda _, outcome: curves(outcome, "losses", "training loss", log=False),
    extra=("rate", "diverged"),
)
