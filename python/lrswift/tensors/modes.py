"""Modes of the current Python thread that the native core does not keep itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Modes(threading.local):
    """Whether batch norm in train mode advances its running statistics, and dropout drops."""

    update_statistics: bool = True
    dropout: bool = True


modes = _Modes()


@contextmanager
def frozen_statistics() -> Iterator[None]:
    """Within: running statistics stay as they are.

    Probes of a step's loss use this, since only the first evaluation of a step may be seen by the statistics.
    """
    before = modes.update_statistics
    modes.update_statistics = False
    try:
        yield
    finally:
        modes.update_statistics = before


@contextmanager
def without_dropout() -> Iterator[None]:
    """Within: dropout is off in train mode too, so that a loss depends on parameters and batch alone."""
    before = modes.dropout
    modes.dropout = False
    try:
        yield
    finally:
        modes.dropout = before
