"""A schedule of `lrswift.schedule`, learned ones among them, as a scheduler of torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from .._core import Machine as CoreMachine
from ..checks import shown, type_of
from ..errors import ArgumentError, DTypeError
from ..learning.learned_schedule import LearnedSchedule
from ..optim.attributes import rate_card
from ..schedule import Schedule


def schedule(
    optimizer: torch.optim.Optimizer, rates: Any, steps: int | None = None, *, whole: bool = False
) -> Any:
    """Makes a scheduler of torch that sets the rate of step t to a schedule's.

    Args:
        optimizer: whose own lr is replaced.
        rates: a schedule; or learned rates, which may be negative: a sequence, or an object that has them as
            `learning_rates`, of which entry floor(n t / steps) is used at step t.
        steps: over which a sequence is spread, at least 1; needed for one. Default None.
        whole: whether a learned schedule also sets the momentum, weight decay and Nesterov's form of the
            groups, which are then those of `torch.optim.SGD`. Default False.

    Returns:
        A torch.optim.lr_scheduler.LambdaLR; call its step() once a step.

    Raises:
        ArgumentError: a bound of the schedule does not hold, `steps` is needed and not given, or `whole`
            asks for more than the schedule or the optimizer has.
        ArgumentTypeError: an argument of the schedule is no number.
        DTypeError: `rates` are neither a schedule nor finite numbers.
    """
    if whole:
        return _whole(optimizer, rates, steps)
    if isinstance(rates, Schedule):
        machine = CoreMachine(*rate_card(rates))
        wanted = machine.factor
    else:
        try:
            values = np.asarray(getattr(rates, "learning_rates", rates), np.float64)
        except (TypeError, ValueError):
            values = np.empty(0)
        if values.ndim != 1 or not values.size or not np.isfinite(values).all():
            raise DTypeError(
                f"rates: got {shown(rates)}; allowed: a schedule (a learned one without layers), or a list "
                "of finite rates"
            )
        total = _steps(steps)

        def wanted(t: float, /) -> float:
            return _entry(values, t, total)

    _begin(optimizer)
    return torch.optim.lr_scheduler.LambdaLR(optimizer, wanted)


class _Whole(torch.optim.lr_scheduler.LambdaLR):
    """Rates, momenta and weight decays of a learned schedule, and whether they are Nesterov's."""

    def __init__(self, optimizer: torch.optim.Optimizer, learned: LearnedSchedule, steps: int) -> None:
        self._rates = np.array(learned.learning_rates)
        self._others = {"momentum": learned.momentums, "weight_decay": learned.weight_decays}
        self._nesterov, self._steps = learned.nesterov, steps
        super().__init__(optimizer, self._rate)

    def _rate(self, t: float, /) -> float:
        return _entry(self._rates, t, self._steps)

    def get_lr(self) -> list[Any]:
        """The rates; the groups have the other values from here on."""
        for group in self.optimizer.param_groups:
            for name, values in self._others.items():
                group[name] = _entry(values, self.last_epoch, self._steps) if len(values) else 0.0
            group["nesterov"], group["dampening"] = self._nesterov and group["momentum"] != 0, 0.0
        return super().get_lr()

    def state_dict(self) -> dict[str, Any]:
        """What a run needs to go on, with the same schedule."""
        return {k: v for k, v in super().state_dict().items() if k not in ("_rates", "_others")}


def _whole(optimizer: torch.optim.Optimizer, learned: Any, steps: int | None) -> Any:
    if not isinstance(learned, LearnedSchedule) or learned.layers:
        raise ArgumentError(
            f"whole: got {type_of(learned)} as rates; allowed: a LearnedSchedule without layers"
        )
    if type(optimizer) is not torch.optim.SGD:
        raise ArgumentError(f"whole: got a {type(optimizer).__name__}; allowed: a torch.optim.SGD")
    total = _steps(steps)
    _begin(optimizer)
    return _Whole(optimizer, learned, total)


def _steps(steps: int | None) -> int:
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 1:
        raise ArgumentError(
            f"steps: got {shown(steps)}; allowed: the steps that the rates are spread over, at least 1"
        )
    return int(steps)


def _entry(values: np.ndarray, t: float, steps: int) -> float:
    """Entry floor(n t / steps), the last one from there on."""
    return float(values[min(len(values) - 1, int(len(values) * t // steps))])


def _begin(optimizer: torch.optim.Optimizer) -> None:
    for group in optimizer.param_groups:
        group["lr"] = 1.0
        group["initial_lr"] = 1.0
