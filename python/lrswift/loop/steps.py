"""Training steps on given batches, replayed by the core or run by Python."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..optim import Optimizer
from ..progress import Progress
from ..tensors.tensor import Tensor
from .feed import Batch
from .history import History
from .recorder import Recorder, rows

# Ctrl-C is seen between runs of the core, so none may take long
CHUNK_SECONDS = 0.2


class Steps:
    """Training steps on given batches, and the history of them."""

    def __init__(self, recorder: Recorder, optimizer: Optimizer) -> None:
        self.recorder = recorder
        self.valid: list[tuple[Batch, np.ndarray]] = []
        self.optimizer = optimizer
        self.history = History()

    def take(self, program: Any, tensors: Batch, indices: np.ndarray, bar: Progress) -> None:
        """A step for every row of `indices`; by `program`, or eagerly where it is None."""
        if program is None:
            self._eagerly(tensors, indices, bar)
        else:
            self._replay(program, tensors, indices, bar)

    def _replay(self, program: Any, tensors: Batch, indices: np.ndarray, bar: Progress) -> None:
        done = 0
        while done < len(indices):
            steps, losses, rates = program.run(self.optimizer._core, tensors, indices[done:], CHUNK_SECONDS)
            self._add(np.frombuffer(losses)[:steps], np.frombuffer(rates).reshape(-1, 3)[:steps], bar)
            done += steps

    def _eagerly(self, tensors: Batch, indices: np.ndarray, bar: Progress) -> None:
        for numbers in indices:
            batch = rows(tensors, numbers)
            loss = self.optimizer.minimize(functools.partial(self.recorder, *batch), self._validation())
            rates = np.array(self.optimizer._core.rates())
            self._add(np.array([loss]), np.array([[rates.mean(), rates.min(), rates.max()]]), bar)

    def _validation(self) -> Callable[[], Tensor] | None:
        """Of the batch whose turn it is by the number of steps, so that a resumed run goes on with it."""
        if not self.valid:
            return None
        tensors, numbers = self.valid[int(self.optimizer._core.get("step")) % len(self.valid)]
        return functools.partial(self.recorder, *rows(tensors, numbers))

    def _add(self, losses: np.ndarray, rates: np.ndarray, bar: Progress) -> None:
        self.history.add(losses, rates)
        if len(losses):
            bar.advance(len(losses), loss=losses[-1], lr=rates[-1, 0])
