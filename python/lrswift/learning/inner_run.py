"""One seed of one outer step: a fresh network, trained and differentiated. Picklable, for any executor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .. import random
from ..checks import refuse_torch
from ..data.batches import permutation
from ..errors import Diverged
from ..hypergradients.episode import IndexedBatches
from ..hypergradients.hypergradient import Hypergradient, hypergradient
from ..hypergradients.options import HypergradientOptions
from ..tensors.tensor import Tensor

VALIDATION_BATCH = 500


def seeded(make_model: Callable[[int], Any], seed: int) -> Any:
    """A fresh network, decided by `seed`; the global generator stays as it is."""
    state = random.get_state()
    random.seed(seed)
    try:
        return make_model(seed)
    finally:
        random.set_state(state)


@dataclass(frozen=True)
class Job:
    """One network to train, as a worker gets it.

    values: rates (or rows of them, by layer), momenta, decays; seed: of weights, batches and random numbers.
    columns: numbers of the values to differentiate by, all if None.
    """

    make_model: Callable[[int], Any]
    loss: Callable[..., Tensor]
    train: tuple[np.ndarray, ...]
    valid: tuple[np.ndarray, ...]
    steps: int
    batch_size: int
    values: tuple[Any, tuple[float, ...], tuple[float, ...]]
    seed: int
    columns: tuple[int, ...] | None
    options: HypergradientOptions


@dataclass(frozen=True)
class Outcome:
    """valid_loss and hypergradients float64 [N] at the end; inf and nan when `failure` says so.

    train_losses: of each step, empty when unknown. failed_at: the inner step at which it failed, from 0.
    """

    valid_loss: float
    hypergradients: np.ndarray
    shapes: dict[str, tuple[int, ...]]
    failure: str | None = None
    train_losses: np.ndarray = field(default_factory=lambda: np.zeros(0))
    failed_at: int | None = None

    @property
    def whereabouts(self) -> str:
        """Of a failure: its step, or all that is known of it."""
        return str(self.failure) if self.failed_at is None else f"step {self.failed_at}"


def row_numbers(rows: int, steps: int, batch: int, seed: int) -> np.ndarray:
    """int64 [steps, batch]: whole batches of one random order of the rows after another."""
    per_epoch = rows // batch
    epochs = -(-steps // per_epoch)
    orders = [permutation(rows, seed, e)[: per_epoch * batch].reshape(-1, batch) for e in range(epochs)]
    return np.ascontiguousarray(np.concatenate(orders)[:steps], np.int64)


def run(job: Job) -> Outcome:
    """Trains and differentiates; a run that diverges is an outcome, too."""
    state = random.get_state()
    random.seed(job.seed)
    try:
        model = job.make_model(job.seed)
        refuse_torch(model, "make_model", "an nn.Module; lrswift.torch.learn_schedule takes modules of torch")
        floating = next(iter(model.parameters())).dtype
        rows, validated = len(job.train[0]), len(job.valid[0])
        train = IndexedBatches(job.train, row_numbers(rows, job.steps, job.batch_size, job.seed), floating)
        valid = [
            tuple(a[i : i + VALIDATION_BATCH] for a in job.valid)
            for i in range(0, validated, VALIDATION_BATCH)
        ]
        return outcome(job, model, train, valid, hypergradient, floating)
    finally:
        random.set_state(state)


def outcome(
    job: Job, model: Any, train: Any, valid: Any, differentiate: Callable[..., Hypergradient], floating: Any
) -> Outcome:
    """What becomes of a network under `differentiate`, which is called as `hypergradient`."""
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    try:
        found = differentiate(
            model, job.loss, train, valid, *job.values, dtype=floating, columns=job.columns,
            options=job.options,
        )  # fmt: skip
    except Diverged as error:
        count = sum(np.size(v) for v in job.values)
        return Outcome(np.inf, np.full(count, np.nan), shapes, str(error), failed_at=error.step)
    parts = (found.learning_rates.ravel(), found.momentums, found.weight_decays)
    return Outcome(found.valid_loss, np.concatenate(parts), shapes, train_losses=found.losses)


def joined(outcomes: Sequence[Outcome], blocks: int) -> list[Outcome]:
    """The outcomes of whole seeds: a block has zeros where others have hypergradients."""
    return [
        replace(
            outcomes[i], hypergradients=np.sum([o.hypergradients for o in outcomes[i : i + blocks]], axis=0)
        )
        for i in range(0, len(outcomes), blocks)
    ]
