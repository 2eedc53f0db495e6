"""What the figures share: the data, networks by seed, and the files a figure leaves."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...data import load

SCALES = ("quick", "small", "paper")
Pair = tuple[np.ndarray, np.ndarray]


def fashion_mnist(root: str | os.PathLike[str] | None) -> tuple[Pair, Pair]:
    """(x, y) of training and test images, with the training pixels' mean 0 and deviation 1, float32."""
    splits = load("fashion-mnist", root).scaled()
    mean, deviation = splits.train.x.mean(), splits.train.x.std()
    train, test = (((part.x - mean) / deviation, part.y) for part in (splits.train, splits.test))
    return train, test


def write_table(path: Path, rows: Sequence[dict[str, Any]], facts: dict[str, Any]) -> None:
    """`path`.csv with a line a row, and `path`.json with the facts beside the rows."""
    with open(path.with_suffix(".csv"), "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    path.with_suffix(".json").write_text(json.dumps({**facts, "rows": list(rows)}, indent=1))


def as_text(rows: Sequence[dict[str, Any]]) -> str:
    """The rows in columns."""
    cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) for line in cells)


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def draw(path: Path, picture: Callable[[], Any]) -> str:
    """Writes the matplotlib figure that `picture` makes; a line that says where, or why not."""
    try:
        picture().savefig(path, dpi=150)
    except ImportError:
        return f"{path.name}: not drawn, matplotlib is not installed"
    return str(path)
