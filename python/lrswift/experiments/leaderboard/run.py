"""`Run`: one network under training, within a budget of gradients that also pays for a search."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import random
from ...errors import ArgumentError, Diverged
from ...loop.recorder import Recorder
from ...loop.steps import TrainingSteps
from ...optim import Optimizer
from ...progress import Progress
from ...search.find import find_lr
from ...training.fit import evaluate
from .result import RunResult, Status
from .workload import Prepared, Workload

# shares of the budget after which the validation loss is taken: densely where it falls
MARKS = (0.01, 0.02, 0.03, 0.045, 0.06, 0.08, *(round(0.1 + 0.05 * k, 2) for k in range(19)))
# a run to choose a reference by ends where the loss is so many times its start above it, a third on the way
_HOPELESS, _SURE = 20.0, 0.3


class Hopeless(Exception):
    """The run is not worth its time."""


class Run:
    """One network under training; what a method is given.

    A method may do with `model` what it likes, but has `left` gradients of batches for it. `go` trains with
    an optimizer to the end of the budget and is all that most methods need. Losses without a gradient
    (probes of a line search) are not counted, but the time that they take is.

    Attributes:
        workload: what is trained.
        seed: decides the network and the order of batches, alike for all methods.
        model: the network.
        loss: the workload's.
        data: the arrays to train on, (x, y, ...).
        batch: rows of a batch.
        per_epoch: batches in a pass over the data.
        used: gradients spent so far.
        searched: how many of them a search took.
        facts: what the method wants kept beside the result, by name; JSON.
    """

    def __init__(self, prepared: Prepared, seed: int, impatient: bool = False) -> None:
        self.workload: Workload = prepared.workload
        self.seed = seed
        self.model = self.workload.network(seed)
        self.loss = self.workload.loss
        self.prepared = prepared
        self.data = prepared.arrays
        self.batch, self.per_epoch = prepared.train.batch_size, prepared.per_epoch
        self.used = self.searched = 0
        self.facts: dict[str, Any] = {}
        self.curve: list[tuple[int, float, float]] = []
        self._order = prepared.order(seed)
        self._recorder = Recorder(self.model, self.loss)
        self._steps: dict[int, TrainingSteps] = {}
        self._seconds = 0.0
        self._impatient = impatient
        random.seed(random.derived(seed, 1))
        self.model.train()
        self.validate()

    # ---- budget ----------------------------------------------------------------------------------------
    @property
    def steps(self) -> int:
        """The whole budget, in gradients of batches."""
        return self.workload.steps

    @property
    def left(self) -> int:
        """Gradients that may still be asked for."""
        return self.steps - self.used

    def spend(self, gradients: int, seconds: float = 0.0, searching: bool = False) -> None:
        """Counts gradients and processor time that a method spent by itself.

        Args:
            gradients: how many, of batches of `batch` rows; more than are `left` take all that is left.
            seconds: of processor time. Default 0.
            searching: whether they went into a search. Default False.
        """
        self.used = min(self.steps, self.used + gradients)
        self.searched += gradients if searching else 0
        self._seconds += seconds

    # ---- training --------------------------------------------------------------------------------------
    def go(self, optimizer: Optimizer) -> None:
        """Trains with this optimizer to the end of the budget, and validates on the way."""
        optimizer._know_epoch(self.per_epoch)
        optimizer._know_buffers(self.model)
        with optimizer._training():
            self.to_the_end(lambda count: self.step(optimizer, count), lambda: self.validate(optimizer))

    def to_the_end(self, train: Callable[[int], object], validate: Callable[[], float]) -> None:
        """Calls train(count), which spends `count` gradients, and validate(), until nothing is left."""
        marks = [round(share * self.steps) for share in MARKS]
        while self.left:
            following = next(mark for mark in marks if mark > self.used)
            before = self.used
            train(following - before)
            if self.used <= before:
                raise ArgumentError("train: spent nothing; allowed: a function that spends what it is told")
            loss = validate()
            self._check_hope(loss)

    def step(self, optimizer: Optimizer, count: int) -> np.ndarray:
        """Takes steps on the next batches.

        Args:
            optimizer: over parameters of `model`.
            count: how many, at most what is `left`.

        Returns:
            The loss before each step, float64 [count].

        Raises:
            ArgumentError: count is larger than what is left.
            Diverged: as the optimizer says.
        """
        if count > self.left:
            raise ArgumentError(f"count: got {count}; allowed: at most {self.left}, which is left")
        if id(optimizer) not in self._steps:
            self._steps[id(optimizer)] = TrainingSteps(self._recorder, optimizer)
        steps = self._steps[id(optimizer)]
        since = len(steps.history.losses)
        feed, batches = self.prepared.train, self.batches(count)
        start = time.process_time()
        try:
            program = self._recorder.program(feed.tensors, self.batch)
            steps.take(program, feed.tensors, batches, Progress(None, "", False))
        finally:
            self.spend(count, time.process_time() - start)
        return steps.history.losses[since:]

    def batches(self, count: int) -> np.ndarray:
        """Row numbers of the next batches, int64 [count, batch]; all methods see them in the same order.

        A method that trains twice on the same ones (a race of several rates from one point) keeps them.
        """
        return self._order[self.used : self.used + count]

    def validate(self, optimizer: Optimizer | None = None) -> float:
        """The validation loss now, kept in the curve; at the point where `optimizer` evaluates, if given."""
        if optimizer is None:
            return self.note(self._validation())
        with optimizer._point(evaluating=True):
            return self.note(self._validation())

    def note(self, loss: float) -> float:
        """Keeps a validation loss that a method took by itself."""
        self.curve.append((self.used, loss, round(self._seconds, 4)))
        return loss

    def _validation(self) -> float:
        return evaluate(self._recorder, self.prepared.valid, ())["valid_loss"]

    def _check_hope(self, loss: float) -> None:
        start = self.curve[0][1]
        if self._impatient and self.used > _SURE * self.steps:
            if not loss < start + _HOPELESS * abs(start):
                raise Hopeless(f"validation loss {loss:.4g} after {self.used} steps")

    # ---- search ----------------------------------------------------------------------------------------
    def find(self, optimizer: Callable[..., Optimizer], **options: Any) -> float:
        """Finds a rate with `find_lr`, and pays for it from the budget.

        Args:
            optimizer: as for `find_lr`.
            **options: further arguments of it; `data` are the workload's unless given.

        Returns:
            The rate.
        """
        start = time.process_time()
        given: dict[str, Any] = {
            "data": self.data,
            "batch_size": self.batch,
            "seed": self.seed,
            "progress": False,
        }
        found = find_lr(self.model, self.loss, optimizer=optimizer, **(given | options))
        self.spend(found.steps, time.process_time() - start, searching=True)
        self.facts["found"] = found.lr
        return found.lr

    # ---- result ----------------------------------------------------------------------------------------
    def result(self, method: str, status: Status, note: str, whole_seconds: float) -> RunResult:
        """What became of it."""
        last = self.curve[-1][1]
        status = "diverged" if status == "ok" and not math.isfinite(last) else status
        return RunResult(
            self.workload.name, method, self.seed, self.steps, self.workload.batch, status,
            self.curve[0][1], last if status == "ok" else None, tuple(self.curve), self.searched,
            round(self._seconds, 4), round(whole_seconds, 4), note, self.facts,
        )  # fmt: skip


def trained(
    prepared: Prepared, method: str, train: Callable[[Run], object], seed: int, impatient: bool = False
) -> RunResult:
    """One run of `train`, under the name `method`; what it raises is told in the result.

    impatient: ends a run that is beyond hope, as "diverged".
    """
    start = time.process_time()
    run = Run(prepared, seed, impatient)
    status: Status = "ok"
    note = ""
    try:
        train(run)
        if run.curve[-1][0] != run.used:
            run.validate()
    except (Diverged, Hopeless) as error:
        status, note = "diverged", str(error)
    except Exception as error:
        status, note = "error", f"{type(error).__name__}: {error}"
    return run.result(method, status, note[:300], time.process_time() - start)
