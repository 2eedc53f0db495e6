"""A schedule of `lrswift.schedule`, learned ones among them, as a scheduler of torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from .._core import Machine as CoreMachine
from ..errors import ArgumentError, DTypeError
from ..optim.attributes import rate_card
from ..schedule import Schedule


def schedule(optimizer: torch.optim.Optimizer, rates: Any, steps: int | None = None) -> Any:
    """A torch LambdaLR that sets the rate of step t to the schedule's; call its step() once a step.

    rates: a schedule, or learned rates: a sequence, or an object that has them as `learning_rates`, of
    which entry floor(n t / steps) is used at step t; steps must then be given. They may be negative. The
    optimizer's own lr is replaced.
    """
    if isinstance(rates, Schedule):
        machine = CoreMachine(*rate_card(rates))
        wanted = machine.factor
    else:
        values = np.asarray(getattr(rates, "learning_rates", rates), np.float64)
        if values.ndim != 1 or not values.size or not np.isfinite(values).all():
            raise DTypeError(f"rates: got {rates!r}; allowed: a schedule, or a list of finite rates")
        if steps is None or steps < 1:
            raise ArgumentError(f"steps: got {steps!r}; allowed: the steps that the rates are spread over")
        total = steps

        def wanted(t: float, /) -> float:
            return float(values[min(len(values) - 1, int(len(values) * t // total))])

    for group in optimizer.param_groups:
        group["lr"] = 1.0
        group["initial_lr"] = 1.0
    return torch.optim.lr_scheduler.LambdaLR(optimizer, wanted)
