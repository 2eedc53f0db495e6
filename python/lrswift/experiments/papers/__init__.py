"""Figures of papers in small: `lrswift reproduce NAME`, a file a figure and one list."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ...errors import ArgumentError
from ...files.atomic import make_folder
from . import fds_figure1, fds_figure2, fds_figure3
from .problem import SCALES

# name -> make(scale, data folder, output folder, seed, progress), which returns lines to print
FIGURES: dict[str, Callable[[str, str | os.PathLike[str] | None, Path, int, bool], str]] = {
    "fds-figure1": fds_figure1.make,
    "fds-figure2": fds_figure2.make,
    "fds-figure3": fds_figure3.make,
}


def reproduce(
    figure: str,
    scale: str = "small",
    data: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] = "figures",
    seed: int = 0,
    progress: bool = True,
) -> str:
    """Writes the table (CSV, JSON), the raw numbers and, with matplotlib, the picture of a paper's figure.

    figure: a name of `FIGURES`. scale: "quick" (seconds, to try it), "small" (minutes) or "paper" (as many
    seeds and steps as the paper's; hours). data: folder of data sets, as `lr.data.load`'s root. out: folder
    for files named after the figure; a run that was interrupted goes on from what is there. seed: of all
    random numbers. Returns the table as text.
    Raises ArgumentError (names; files of other settings in `out`), and MissingFiles.
    """
    for name, given, allowed in (("figure", figure, FIGURES), ("scale", scale, SCALES)):
        if given not in allowed:
            raise ArgumentError(f"{name}: got {given!r}; allowed: {', '.join(allowed)}")
    return FIGURES[figure](scale, data, make_folder(out, "out"), seed, progress)


__all__ = ["FIGURES", "SCALES", "reproduce"]
