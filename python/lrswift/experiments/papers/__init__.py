"""The papers' figures and tables, again: `lrswift reproduce NAME`, a few lines each and one list."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import ArgumentError
from ...files.atomic import make_folder
from . import (
    alrs_cifar,
    alrs_mnist,
    alrs_text,
    cost,
    fds_figure1,
    fds_figure2,
    fds_figure3,
    fds_figure4,
    l4_dnc,
    l4_fashion,
    l4_mnist,
    l4_regression,
    l4_resnet,
    qlab_cifar,
    qlab_functions,
    qlab_mnist,
    tlr_cifar,
    tlr_detection,
    tlr_mnist,
    tlr_translation,
)
from .problem import SCALES
from .study import Study, index, run_study

STUDIES: dict[str, Study] = {
    study.name: study
    for study in (
        alrs_mnist.TABLE1, alrs_mnist.TABLE4, alrs_mnist.FIGURE1, alrs_mnist.FRACTION, alrs_mnist.PERIODIC,
        alrs_mnist.SEARCH, alrs_mnist.READING, alrs_text.STUDY, alrs_cifar.TABLE2, alrs_cifar.TABLE3,
        tlr_mnist.ROBUSTNESS, tlr_mnist.WINDOW, tlr_mnist.AGAINST_HD, tlr_mnist.PEERS, tlr_mnist.PER_LAYER,
        tlr_mnist.BOUND, tlr_mnist.SCHEDULE, tlr_cifar.STUDY, tlr_translation.STUDY, tlr_detection.STUDY,
        qlab_functions.FUNCTIONS, qlab_functions.FIND_PLR, qlab_mnist.RATES, qlab_mnist.TABLE,
        qlab_cifar.STUDY, cost.STUDY,
        l4_regression.STUDY, l4_mnist.MNIST, l4_mnist.BATCH, l4_fashion.STUDY, l4_resnet.STUDY, l4_dnc.STUDY,
    )
}  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """What can be reproduced: its paper, the item there, the scales it has, and what makes it.

    make: (scale, data folder, output folder, seed, progress, executor) -> lines to print.
    """

    paper: str
    item: str
    scales: Sequence[str]
    make: Callable[..., str]


def _of_study(study: Study) -> Figure:
    def make(scale: str, data: Any, out: Path, seed: int, progress: bool, executor: Any) -> str:
        return run_study(study, scale, data, out, seed, progress, executor)

    return Figure(study.paper, study.item, list(study.scales), make)


def _alone(item: str, module: Any) -> Figure:
    """One that runs by itself, without cells."""

    def make(scale: str, data: Any, out: Path, seed: int, progress: bool, executor: Any) -> str:
        return str(module.make(scale, data, out, seed, progress))

    return Figure("FDS", item, ("quick", "small", "medium"), make)


FIGURES: dict[str, Figure] = {
    "fds-figure1": _alone("figure 1", fds_figure1),
    "fds-figure2": _alone("figure 2", fds_figure2),
    "fds-figure3": _alone("figure 3", fds_figure3),
    "fds-figure4": _alone("figure 4", fds_figure4),
    **{name: _of_study(study) for name, study in STUDIES.items()},
}
ALL = "all"


def reproduce(
    figure: str,
    scale: str = "small",
    data: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] = "figures",
    seed: int = 0,
    progress: bool = True,
    executor: Any = None,
) -> str:
    """Writes table (CSV, JSON), raw numbers, page and, with matplotlib, picture of a paper's figure or table.

    figure: a name of `FIGURES`, or "all", which also writes index.html. scale: "quick" (seconds, to try it),
    "small" (minutes), "medium" (hours) or "paper", the paper's own settings, where there are such. data:
    folder of data sets, as `lr.data.load`'s root. out: folder for files named after the figure; a run that
    was interrupted goes on from what is there. seed: of all random numbers. executor: spreads the runs, as
    for `learn_schedule`. Returns the table as text.
    Raises ArgumentError (names; files of other settings in `out`), and MissingFiles.
    """
    if figure not in FIGURES and figure != ALL:
        raise ArgumentError(f"figure: got {figure!r}; allowed: {', '.join((*FIGURES, ALL))}")
    wanted = list(FIGURES) if figure == ALL else [figure]
    if scale not in SCALES or (figure != ALL and scale not in FIGURES[figure].scales):
        allowed = SCALES if figure == ALL else FIGURES[figure].scales
        raise ArgumentError(f"scale: got {scale!r}; allowed: {', '.join(allowed)}")
    folder = make_folder(out, "out")
    told = []
    for name in wanted:
        if scale in FIGURES[name].scales:
            told.append(FIGURES[name].make(scale, data, folder, seed, progress, executor))
    if figure == ALL:
        told.append(str(index(wanted, STUDIES, folder)))
    return "\n\n".join(told)


def contents() -> str:
    """The figures by name, with paper, item and scales."""
    widths = max(map(len, FIGURES)), max(len(f.paper) for f in FIGURES.values())
    return "\n".join(
        f"{name:<{widths[0]}}  {f.paper:<{widths[1]}}  {f.item} ({', '.join(f.scales)})"
        for name, f in FIGURES.items()
    )


__all__ = ["FIGURES", "SCALES", "STUDIES", "contents", "reproduce"]
