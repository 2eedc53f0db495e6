"""Training steps on given batches, replayed by the core or run by Python."""

from __future__ import annotations

import functools
import time
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
# of the time of all steps, what checks of the record may take after the first few
CHECK_SHARE, CHECKED_EPOCHS = 0.01, 3


class TrainingSteps:
    """Training steps on given batches, and the history of them."""

    def __init__(self, recorder: Recorder, optimizer: Optimizer) -> None:
        self.recorder = recorder
        self.valid: list[tuple[Batch, np.ndarray]] = []
        self.optimizer = optimizer
        self.history = History()
        # how many steps each program has taken
        self._taken: dict[int, int] = {}
        self._epochs, self._due = 0, False
        self._stepping = self._checking = 0.0

    def begin_epoch(self, watchful: bool = False) -> None:
        """An epoch's first batch is checked against Python's loss while that is cheap; always if watchful."""
        self._epochs += 1
        self._due = (
            watchful or self._epochs <= CHECKED_EPOCHS or self._checking <= CHECK_SHARE * self._stepping
        )

    def take(self, program: Any, tensors: Batch, indices: np.ndarray, bar: Progress) -> None:
        """A step for every row of `indices`; by `program`, or eagerly where it is None."""
        if program is None:
            self._eagerly(tensors, indices, bar)
        else:
            self._replay(program, tensors, indices, bar)

    def _replay(self, program: Any, tensors: Batch, indices: np.ndarray, bar: Progress) -> None:
        done = 0
        while done < len(indices):
            taken = self._taken.get(id(program), 0)
            due = taken == 1 or (taken > 0 and self._due)
            if due and not self._agrees(program, tensors, indices[done]):
                self.recorder.distrust(
                    "its record gives another loss than Python. In it stands still what changes between "
                    "batches: Python numbers, arrays of NumPy, tensors that the loss keeps"
                )
                return self._eagerly(tensors, indices[done:], bar)
            # the second batch is checked, so the first one goes alone
            part = indices[done:] if taken else indices[done : done + 1]
            start = time.perf_counter()
            steps, losses, rates = program.run(self.optimizer._core, tensors, part, CHUNK_SECONDS)
            self._stepping += time.perf_counter() - start
            self._taken[id(program)] = taken + steps
            self._add(np.frombuffer(losses)[:steps], np.frombuffer(rates).reshape(-1, 3)[:steps], bar)
            done += steps
        return None

    def _agrees(self, program: Any, tensors: Batch, numbers: np.ndarray) -> bool:
        start = time.perf_counter()
        self._due = False
        try:
            return self.recorder.agrees(program, tensors, numbers)
        finally:
            self._checking += time.perf_counter() - start

    def _eagerly(self, tensors: Batch, indices: np.ndarray, bar: Progress) -> None:
        for numbers in indices:
            batch = rows(tensors, numbers)
            loss = self.optimizer.minimize(functools.partial(self.recorder, *batch), self._validation())
            rates = np.array(self.optimizer._core.rates())
            self._add(np.array([loss]), np.array([[rates.mean(), rates.min(), rates.max()]]), bar)

    def _validation(self) -> Callable[[], Tensor] | None:
        """The loss of the batch whose turn it is by the number of steps, which a resumed run goes on with."""
        if not self.valid:
            return None
        tensors, numbers = self.valid[int(self.optimizer._core.get("step")) % len(self.valid)]
        return functools.partial(self.recorder, *rows(tensors, numbers))

    def _add(self, losses: np.ndarray, rates: np.ndarray, bar: Progress) -> None:
        self.history.add(losses, rates)
        if len(losses):
            bar.advance(len(losses), loss=losses[-1], lr=rates[-1, 0])
