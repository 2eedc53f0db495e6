"""ALRS repeated during training."""

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
class PeriodicALRS(Described):
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
