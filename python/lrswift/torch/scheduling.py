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
    """Makes a scheduler of torch that sets the rate of step t to a schedule's.

    Args:
        optimizer: whose own lr is replaced.
        rates: a schedule; or learned rates, which may be negative: a sequence, or an object that has them as
            `learning_rates`, of which entry floor(n t / steps) is used at step t.
        steps: over which a sequence is spread, at least 1; needed for one. Default None.

    Returns:
        A torch.optim.lr_scheduler.LambdaLR; call its step() once a step.

    Raises:
        ArgumentError: a bound of the schedule does not hold, or `steps` is needed and not given.
        ArgumentTypeError: an argument of the schedule is no number.
        DTypeError: `rates` are neither a schedule nor finite numbers.
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
