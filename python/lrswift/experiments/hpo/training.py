"""Training with one schedule, in stretches, and what it costs: everything counted in plain training steps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...errors import Diverged
from ...hypergradients.episode import Episode, IndexedBatches, source
from ...learning.inner_run import VALIDATION_BATCH, Job, Outcome, row_numbers, seeded
from ...learning.options import RANGES
from ...learning.settings import Settings
from ...optim.rules import FAMILIES
from ...progress import Progress
from ...tensors.tensor import Tensor

Arrays = tuple[np.ndarray, ...]
Values = tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]

# enough steps for the columns of all windows to begin, repeated against the noise of a busy machine
MEASURED_STEPS, MEASURED_TIMES = 40, 3


@dataclass(frozen=True)
class Costs:
    """In plain training steps: a step that is differentiated by all values, and a validation."""

    differentiated: float
    validation: float


@dataclass(frozen=True)
class Problem:
    """What all searches get: networks, data, the form of the schedule and its ranges.

    networks: how many are trained for a setting by searches without derivatives.
    """

    make_model: Callable[[int], Any]
    loss: Callable[..., Tensor]
    train: Arrays
    valid: Arrays
    settings: Settings
    networks: int = 1
    ranges: Sequence[Sequence[float]] = RANGES
    costs: Costs = field(default_factory=lambda: Costs(1.0, 0.0))

    def job(self, values: Values, seed: int, held: Arrays | None = None) -> Job:
        """One network under `values`, validated on `held`."""
        s = self.settings
        valid = self.valid if held is None else held
        return Job(
            self.make_model, self.loss, self.train, valid, s.steps, s.batch_size, values, seed, (), s.options
        )

    def parted(self, row: Sequence[float]) -> Values:
        """Rates, momenta, decays."""
        ends = np.cumsum(self.settings.counts)[:-1].tolist()
        rates, momenta, decays = (tuple(map(float, p)) for p in np.split(np.asarray(row, float), ends))
        return rates, momenta, decays


class Training:
    """The run of a Job, without derivatives, that can be validated on the way."""

    def __init__(self, job: Job, mode: str = "plain") -> None:
        model = seeded(job.make_model, job.seed)
        floating = next(iter(model.parameters())).dtype
        orders = row_numbers(len(job.train[0]), job.steps, job.batch_size, job.seed)
        self._train = IndexedBatches(job.train, orders, floating)
        pieces = range(0, len(job.valid[0]), VALIDATION_BATCH)
        batches = [tuple(a[i : i + VALIDATION_BATCH] for a in job.valid) for i in pieces]
        self._valid = source(batches, "valid", floating)
        values = dict(zip(FAMILIES, job.values, strict=False))
        self._episode = Episode(model, job.loss, job.steps, values, job.options, mode, dtype=floating)
        self._silent = Progress(None, "", False)
        self.step = 0

    def advance(self, step: int) -> bool:
        """Trains up to `step`; False when a loss on the way is not finite, where the run then stays."""
        try:
            self._episode.train(self._train, self.step, step, self._silent)
        except Diverged as error:
            self.step = _steps_done(error.step, step)
            return False
        self.step = step
        return True

    def validate(self) -> float:
        """Mean loss on the held-out rows, inf where it is not finite."""
        try:
            self._episode.validate(self._valid)
            self._episode.collect()
        except Diverged:
            return math.inf
        loss = self._episode.valid_loss
        return loss if math.isfinite(loss) else math.inf


def untrained_loss(job: Job) -> float:
    """Held-out loss before the first step."""
    return Training(job).validate()


def whole_loss(job: Job) -> float:
    """Held-out loss after the whole run, inf when it diverges."""
    training = Training(job)
    return training.validate() if training.advance(job.steps) else math.inf


def measured_costs(problem: Problem, seed: int) -> Costs:
    """By processor time on this machine, other work on it notwithstanding; the least of three.

    All values are zero, so that nothing diverges; which columns are in use when is that of a whole run.
    """
    count = max(MEASURED_STEPS, *problem.settings.counts)
    steps = min(problem.settings.steps, count)
    shortened = replace(problem, settings=replace(problem.settings, steps=steps))
    job = shortened.job(shortened.parted([0.0] * sum(problem.settings.counts)), seed)
    spent: dict[str, list[float]] = {"plain": [], "forward": [], "validation": []}
    for _ in range(MEASURED_TIMES):
        for mode in ("plain", "forward"):
            training = Training(job, mode)
            begun = time.process_time()
            training.advance(steps)
            trained = time.process_time()
            spent[mode].append((trained - begun) / steps)
            if mode == "plain":
                training.validate()
                spent["validation"].append(time.process_time() - trained)
    plain = min(spent["plain"])
    return Costs(max(1.0, min(spent["forward"]) / plain), min(spent["validation"]) / plain)


@dataclass(frozen=True)
class TriedSetting:
    """A setting that a search tried.

    values: rates, momenta, decays in a row. loss: its validation loss, mean over networks, inf where one
    diverged. cost, seconds, processor: of the search until this was known, in plain training steps, wall
    clock and processor time. whole: trained to the end, not pruned. differentiated: with hypergradients.
    """

    values: tuple[float, ...]
    loss: float
    cost: float
    seconds: float
    processor: float
    whole: bool
    differentiated: bool


class Meter:
    """What a search has spent, and what it has tried."""

    def __init__(self, problem: Problem, bar: Progress) -> None:
        self.problem, self._bar = problem, bar
        self.cost = 0.0
        self.best = math.inf
        self.tried: list[TriedSetting] = []
        self._begun = time.perf_counter(), time.process_time()

    def spend(self, steps: float, validations: int = 0, differentiated: bool = False) -> None:
        """Counts training steps and validations."""
        costs = self.problem.costs
        more = steps * (costs.differentiated if differentiated else 1.0) + validations * costs.validation
        before = int(self.cost)
        self.cost += more
        self._bar.advance(int(self.cost) - before)

    def note(self, values: Values, loss: float, whole: bool = True, differentiated: bool = False) -> None:
        """A setting has been tried, at what was spent so far."""
        seconds, processor = time.perf_counter() - self._begun[0], time.process_time() - self._begun[1]
        row = tuple(value for family in values for value in family)
        self.tried.append(TriedSetting(row, loss, self.cost, seconds, processor, whole, differentiated))
        if whole and loss < self.best:
            self.best = loss
            self._bar.note({"best": loss})


class Spent(Exception):
    """The next setting would cost more than is left."""


class MeteredExecutor:
    """Runs the tasks of `learn_schedule` here and now; `replicas` of them in a row are one setting."""

    def __init__(self, meter: Meter, replicas: int, budget: float) -> None:
        self._meter, self._replicas, self._budget = meter, replicas, budget
        self._losses: list[float] = []

    def submit(self, function: Callable[[Job], Outcome], job: Job) -> Future[Outcome]:
        """A finished future; Spent at the first replica of a setting that does not fit in the budget."""
        costs, differentiated = self._meter.problem.costs, job.columns != ()
        most = job.steps * (costs.differentiated if differentiated else 1.0) + costs.validation
        # a sum of many costs is not exact
        if not self._losses and self._meter.cost + self._replicas * most > self._budget * (1 + 1e-9):
            raise Spent
        outcome = function(job)
        steps = job.steps if outcome.failure is None else _steps_done(outcome.failed_at, job.steps)
        self._meter.spend(steps, outcome.failure is None, differentiated)
        self._losses.append(outcome.valid_loss)
        if len(self._losses) == self._replicas:
            loss = float(np.mean(self._losses))
            loss = loss if math.isfinite(loss) else math.inf
            self._meter.note(job.values, loss, differentiated=differentiated)
            self._losses = []
        future: Future[Outcome] = Future()
        future.set_result(outcome)
        return future


def _steps_done(failed_at: int | None, steps: int) -> int:
    """How many steps of `steps` were done, or begun, when a run failed."""
    return steps if failed_at is None else min(failed_at + 1, steps)
