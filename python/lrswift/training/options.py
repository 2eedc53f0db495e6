"""What `fit` does beside training: metrics, a bar, a log, checkpoints and callbacks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np

from ..loop.history import History
from ..records import Record

Metric = str | Callable[[np.ndarray, np.ndarray], float]
Log = str | os.PathLike[str] | Callable[[dict[str, Any]], object]


@dataclass(frozen=True, kw_only=True, repr=False)
class FitOptions(Record):
    """Options of `fit` beside training: metrics, a bar, a log, checkpoints and callbacks.

    `fit` takes the record as `options`, or its fields one by one; a field given beside it replaces its own.

    Args:
        metrics: "accuracy" (for integer labels), or functions (outputs, labels) -> float of arrays, on
            `valid` after each epoch. Default ("accuracy",).
        progress: whether to show a bar. Default True.
        log: a CSV file, written after each epoch, or a function of its row. Default None.
        checkpoint: a file, written atomically after each epoch; tried before the first step. It holds what
            the run goes on from, with a checksum, and which run it is (docs/checkpoints.md). Default None.
        resume: whether to go on from `checkpoint`, if it is there, bit by bit as if never interrupted; only
            epochs, callbacks, log, metrics, valid and progress may differ. All of the file is checked before
            anything is changed. Default False.
        callbacks: functions of the history, or a single one, called after each epoch, such as those of
            `lrswift.callbacks`; one that returns a true value ends the training. Default ().
    """

    metrics: Sequence[Metric] = ("accuracy",)
    progress: bool = True
    log: Log | None = None
    checkpoint: str | os.PathLike[str] | None = None
    resume: bool = False
    callbacks: Iterable[Callable[[History], object]] = ()


class FitFields(TypedDict, total=False):
    """The fields of the record, for type checkers and editors."""

    metrics: Sequence[Metric]
    progress: bool
    log: Log | None
    checkpoint: str | os.PathLike[str] | None
    resume: bool
    callbacks: Iterable[Callable[[History], object]]
