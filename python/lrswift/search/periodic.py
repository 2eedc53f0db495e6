"""The search for a rate repeated during training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ArgumentTypeError, Diverged, warn
from ..optim import Optimizer
from ..rates.adapters import PeriodicALRS as Described
from ..rates.made import register
from ..tensors.tensor import Tensor
from .find import FoundRate, find_lr


@register
class PeriodicALRS(Described):  # noqa: D101 its card says what it is
    __doc__ = Described.__doc__

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
        """Searches now, and sets the rate of the steps that the optimizer takes from here on.

        Where the loss or its gradient is finite at no batch, or a result by trials is not reliable, the rate
        before is kept; where there is none, an unreliable one is taken.

        Args:
            optimizer: one made with this rate, alone or times a schedule.
            model: as in `find_lr`, like the arguments below.
            loss: a function as in `fit`.
            data: (x, y) arrays, a `data.Dataset`, or an iterable of batches that can start anew.
            batch_size: rows of a batch, where data are arrays. Default 64.
            seed: of the order of batches and of random numbers. Default 0.
            progress: whether to show a bar. Default False.

        Returns:
            The `FoundRate`, whose `lr` is before min_lr, max_lr and a schedule.

        Raises:
            ArgumentError: what `find_lr` raises, like the errors below. The rate is then the one before.
            ArgumentTypeError: the optimizer was made with another rate, or an argument is of a wrong type.
            BufferError: data lie in another device's memory.
            DTypeError: the dtype of data is not allowed.
            Diverged: the loss is finite at no batch, and there is no rate before.
            ShapeError: arrays are of different lengths, or the loss is no scalar.

        Warns:
            UserWarning: the loss is finite at no batch or the result is not reliable, and the rate before is
                kept.
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
            max_epochs=int(self.max_epochs), seed=seed, progress=progress, rule=str(self.rule),
        )  # fmt: skip
        if np.isfinite(found.gradients).any() and 0 < found.value < np.inf:
            if found.reliable or found.rule == "signs" or np.isnan(before):
                optimizer._core.set("found", found.value)
            else:
                warn("PeriodicALRS: the search could not tell the rate; the rate before is kept")
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
