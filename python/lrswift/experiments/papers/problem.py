"""What the figures share: the data, cosine annealing, and the record that a figure leaves."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...data import load
from ...pictures.figure import saved
from ...pictures.table import Cell, Column, Row, Table
from ..results import write_table

SCALES = ("quick", "small", "medium", "paper")
Pair = tuple[np.ndarray, np.ndarray]


def fashion_mnist(root: str | os.PathLike[str] | None) -> tuple[Pair, Pair]:
    """(x, y) of training and test images, with the training pixels' mean 0 and deviation 1, float32."""
    splits = load("fashion-mnist", root).scaled()
    mean, deviation = splits.train.x.mean(), splits.train.x.std()
    train, test = (((part.x - mean) / deviation, part.y) for part in (splits.train, splits.test))
    return train, test


def cosine(initial: float, steps: int) -> np.ndarray:
    """float64 [steps]: from `initial` down along half a period."""
    return np.asarray(initial * (1 + np.cos(np.pi * np.arange(steps) / steps)) / 2)


@dataclass(frozen=True)
class Figure:
    """What a paper's figure shows. rows: its table. settings: a dataclass. facts: other entries of the JSON.

    picture: makes the matplotlib figure. unprinted: a column that only the files have.
    """

    name: str
    rows: Sequence[Mapping[str, Any]]
    settings: Any
    seed: int
    facts: Mapping[str, Any]
    picture: Callable[[], Any]
    unprinted: str = ""

    def write(self, folder: Path, told: str) -> str:
        """Writes name.csv, .json and .png; returns the table, `told`, and where the picture is."""
        settings = asdict(self.settings) | {"seed": self.seed}
        facts = {"settings": settings, **self.facts, "rows": self.rows}
        write_table(folder / self.name, list(self.rows[0]), self.rows, facts)
        return f"{self.table()}\n{told}\n{saved(folder / f'{self.name}.png', self.picture)}"

    def table(self) -> str:
        """The rows in columns."""
        heads = [head for head in self.rows[0] if head != self.unprinted]
        lines = [[Cell(_text(row[head])) for head in heads] for row in self.rows]
        rows = [Row(first.text, others) for first, *others in lines]
        return Table(list(map(Column, heads)), rows).text(rule=False)


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
