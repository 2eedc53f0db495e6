"""ALRS repeated during training."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import ArgumentError, ArgumentTypeError, Diverged, warn
from ..optim import Optimizer
from ..rates.base import Adapter
from ..tensors.tensor import Tensor
from .find import FoundRate, find_lr


@dataclass(frozen=True)
class PeriodicALRS(Adapter):
    """`find_lr` before epoch 0 of `fit` and after every `every` epochs; constant in between.

    A search is made at the model's present state with the optimizer's own direction, whose vectors start
    anew for it, without clipping, guard and schedule; the training goes on with its own. Model, batch
    statistics, optimizer state and random state are left as they were, and the batches are those of `fit`
    in an order of their own, from (seed + epoch).
    every: epochs, 1. fraction: of the value found, 0.1. start: the first value of each search; None
    (default): the value found before, at first 1. initial: the rate before the first search, which a bare
    loop needs unless it calls `search`; None. max_epochs: at most so many passes over the data a search, 5.
    Costs a forward and a backward pass per batch of a search, which takes about 40 signals of
    max(1, int(batches per epoch / 50)) batches: near an epoch where there are 50 batches or more, and two
    copies of the parameters beside the direction's vectors; nothing in a step.
    Source: the ALRS paper, which searches once and names the repetition as future work.
    """

    rate: ClassVar[str] = "periodic_alrs"
    every: int = 1
    fraction: float = 0.1
    start: float | None = None
    initial: float | None = None
    max_epochs: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("start", "initial"):
            value = getattr(self, name)
            # 0 is the core's word for none
            if value is not None and value <= 0:
                raise ArgumentError(f"PeriodicALRS: {name}: got {value!r}; allowed: above 0, or None")
        if math.isinf(self.max_epochs):
            raise ArgumentError(f"PeriodicALRS: max_epochs: got {self.max_epochs!r}; allowed: a whole number")

    def search(
        self,
        optimizer: Optimizer,
        model: Any,
        loss: Callable[..., Tensor],
        data: Any,
        batch_size: int = 64,
        seed: int = 0,
        progress: bool = False,
    ) -> FoundRate:
        """One search now: sets the rate of the steps that `optimizer` takes from here on.

        optimizer: one made with this rate, alone or times a schedule. model, loss, data, batch_size, seed: as
        in `find_lr`, whose result it returns; `FoundRate.lr` is before min_lr, max_lr and a schedule.
        Where the loss or its gradient was finite at no batch, the rate before is kept, with a warning;
        Diverged if there is none. Raises DTypeError for another optimizer, and what `find_lr` raises; the
        rate is then the one before.
        """
        if periodic(getattr(optimizer, "rate", None)) != self:
            raise ArgumentTypeError(
                f"optimizer: got {optimizer!r}; allowed: an optimizer made with lr={self!r}, "
                "alone or times a schedule"
            )
        before = optimizer._core.get("found")
        start = self.start if self.start is not None else before if np.isfinite(before) else 1.0
        found = find_lr(
            model, loss, data, lambda _, lr: optimizer._anew(lr), batch_size, start, self.fraction,
            max_epochs=int(self.max_epochs), seed=seed, progress=progress,
        )  # fmt: skip
        if np.isfinite(found.gradients).any() and 0 < found.value < np.inf:
            optimizer._core.set("found", found.value)
            return found
        message = "PeriodicALRS: the loss or its gradient was not finite at any rate of the search"
        if np.isnan(before) and self.initial is None:
            error = Diverged(
                f"{message}, and there is no rate before to keep; check the data, or pass initial"
            )
            error.step = int(optimizer._core.get("step"))
            raise error
        warn(f"{message}; the rate before is kept")
        return found


def periodic(rate: Any) -> PeriodicALRS | None:
    """The repeated search that a rate is, alone or times a schedule; None where it is another."""
    inner = getattr(rate, "adapter", rate)
    return inner if isinstance(inner, PeriodicALRS) else None
