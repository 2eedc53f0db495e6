"""Rates known before training starts: descriptions of the native schedules, for `lr=` of any optimizer.

    lr=lr.schedule.WarmUp(100) * lr.schedule.Cosine(0.1, steps=1000)     # a product of schedules
    lr=lr.schedule.WarmUp(100) * lr.adapt.L4()                           # an adapter's rate times a factor

A schedule is a function of t, the number of steps taken so far, skipped ones not counted; values may be
negative. Types are checked at once, bounds by the native card when an optimizer is made of it. Formulas
are those of PyTorch's `lr_scheduler` of the same name; all keep their last value once they have ended.
"""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from .checks import check_number, shown
from .errors import ArgumentError, ArgumentTypeError
from .rates.base import Adapter

__all__ = [
    "Constant", "Cosine", "Exponential", "Linear", "MultiStep", "OneCycle", "Piecewise", "Product",
    "Reciprocal", "Scaled", "Schedule", "Step", "WarmUp",
]  # fmt: skip


class Schedule:
    """Base of all schedules: `schedule * schedule`, `number * schedule`, `schedule * adapter`."""

    # NumPy's scalars would otherwise multiply element by element
    __array_ufunc__ = None

    @property
    def factors(self) -> tuple[NamedSchedule, ...]:
        """The schedules whose product this is."""
        raise NotImplementedError

    def attributes(self, prefix: str = "schedule") -> dict[str, Any]:
        """Tells the factors and their arguments under the core's names.

        Args:
            prefix: put before all names. Default "schedule".

        Returns:
            Name -> value.
        """
        found: dict[str, Any] = {}
        for i, factor in enumerate(self.factors):
            found[f"{prefix}.{i}"] = factor.name
            found |= {f"{prefix}.{i}.{f.name}": getattr(factor, f.name) for f in fields(factor)}
        return found

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Schedule):
            return Product(self, other)
        if isinstance(other, Adapter):
            return Scaled(other, self)
        if isinstance(other, numbers.Real):
            return Product(Constant(float(other)), self)
        return NotImplemented

    __rmul__ = __mul__


@dataclass(frozen=True)
class NamedSchedule(Schedule):
    """A schedule that the core has a name for."""

    name: ClassVar[str]
    lists: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for f in fields(self):
            where, value = f"{type(self).__name__}: {f.name}", getattr(self, f.name)
            if f.name in self.lists:
                object.__setattr__(self, f.name, _numbers(value, where))
            else:
                check_number(value, where)

    @property
    def factors(self) -> tuple[NamedSchedule, ...]:
        """The schedule itself."""
        return (self,)


def _numbers(value: Any, where: str) -> tuple[float, ...]:
    """A list of numbers, as a tuple: descriptions can be compared and hashed."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        array = np.empty(())
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iuf"):
        raise ArgumentTypeError(
            f"{where}: got {shown(value)} ({type(value).__name__}); allowed: a list of numbers"
        )
    if not array.size:
        raise ArgumentError(f"{where}: empty; allowed: at least one number")
    elements = tuple(array.tolist())
    for i, element in enumerate(elements):
        check_number(element, f"{where}[{i}]")
    return elements


@dataclass(frozen=True)
class Constant(NamedSchedule):
    """A rate that never changes.

    Args:
        rate: the rate.

    Raises:
        ArgumentError: it is not finite.
        ArgumentTypeError: it is no number.
    """

    name: ClassVar[str] = "constant"
    rate: float


@dataclass(frozen=True)
class Step(NamedSchedule):
    """A drop every `step_size` steps: initial gamma^floor(t / step_size).

    Args:
        initial: the value at t = 0.
        step_size: steps from one drop to the next, at least 1.
        gamma: factor of a drop. Default 0.1.

    Raises:
        ArgumentError: a number is not finite.
        ArgumentTypeError: an argument is no number.
    """

    name: ClassVar[str] = "step"
    initial: float
    step_size: int
    gamma: float = 0.1


@dataclass(frozen=True)
class MultiStep(NamedSchedule):
    """A drop at each milestone: initial gamma^(number of milestones up to t).

    Args:
        initial: the value at t = 0.
        milestones: steps of the drops, increasing.
        gamma: factor of a drop. Default 0.1.

    Raises:
        ArgumentError: a number is not finite, or there are no milestones.
        ArgumentTypeError: an argument is no number, or milestones no list of numbers.
    """

    name: ClassVar[str] = "multi_step"
    lists: ClassVar[tuple[str, ...]] = ("milestones",)
    initial: float
    milestones: Sequence[int]
    gamma: float = 0.1


@dataclass(frozen=True)
class Exponential(NamedSchedule):
    """A constant factor from step to step: initial gamma^t.

    Args:
        initial: the value at t = 0.
        gamma: the factor; above 1 the rate grows.

    Raises:
        ArgumentError: a number is not finite.
        ArgumentTypeError: an argument is no number.
    """

    name: ClassVar[str] = "exponential"
    initial: float
    gamma: float


@dataclass(frozen=True)
class Reciprocal(NamedSchedule):
    """A hyperbola: initial / (1 + decay t).

    Args:
        initial: the value at t = 0.
        decay: half of it is reached after 1 / decay steps.

    Raises:
        ArgumentError: a number is not finite.
        ArgumentTypeError: an argument is no number.
    """

    name: ClassVar[str] = "reciprocal"
    initial: float
    decay: float


@dataclass(frozen=True)
class Linear(NamedSchedule):
    """A straight line from `initial` at t = 0 to `final` at t = steps.

    Args:
        initial: the first value.
        final: the last one.
        steps: from the first to the last, at least 1.

    Raises:
        ArgumentError: a number is not finite.
        ArgumentTypeError: an argument is no number.
    """

    name: ClassVar[str] = "linear"
    initial: float
    final: float
    steps: int


@dataclass(frozen=True)
class Cosine(NamedSchedule):
    """Half a cosine: final + (initial - final) (1 + cos(pi t / steps)) / 2.

    Args:
        initial: the value at t = 0.
        final: the value at t = steps. Default 0.0.
        steps: of the first cycle, at least 1; by keyword.
        cycle_mult: 0: one cycle. Otherwise t counts from the last restart, and every cycle takes so many
            times the steps of the one before. By keyword; default 0.

    Raises:
        ArgumentError: a number is not finite.
        ArgumentTypeError: an argument is no number.

    Source:
        Loshchilov and Hutter, "SGDR: Stochastic gradient descent with warm restarts" (arXiv 1608.03983), eq.
        5.
    """

    name: ClassVar[str] = "cosine"
    initial: float
    final: float = 0.0
    _: KW_ONLY
    steps: int
    cycle_mult: int = 0


@dataclass(frozen=True)
class OneCycle(NamedSchedule):
    """Up from max / div to max, then down to max / (div final_div), each along half a cosine.

    The momentum stays as it is.

    Args:
        max: the largest value.
        steps: of the whole cycle, at least 1.
        warm_fraction: which part of them goes up, between 0 and 1. Default 0.3.
        div: how far below max the first value is. Default 25.
        final_div: how far below the first value the last one is. Default 1e4.

    Raises:
        ArgumentError: a number is not finite.
        ArgumentTypeError: an argument is no number.

    Source:
        Smith and Topin, "Super-convergence" (arXiv 1708.07120), in PyTorch's form of two phases.
    """

    name: ClassVar[str] = "one_cycle"
    max: float
    steps: int
    warm_fraction: float = 0.3
    div: float = 25.0
    final_div: float = 1e4


@dataclass(frozen=True)
class WarmUp(NamedSchedule):
    """A factor that rises in a straight line from `start_factor` at t = 0 to 1 at t = steps.

    Made to be multiplied: WarmUp(100) * Cosine(0.1, steps=1000), WarmUp(100) * 0.1, WarmUp(100) * L4().

    Args:
        steps: until it is 1, at least 1.
        start_factor: the first factor. Default 1 / 3.

    Raises:
        ArgumentError: a number is not finite.
        ArgumentTypeError: an argument is no number.

    Source:
        Goyal et al., "Accurate, large minibatch SGD" (arXiv 1706.02677), section 2.2.
    """

    name: ClassVar[str] = "warm_up"
    steps: int
    start_factor: float = 1 / 3


@dataclass(frozen=True)
class Trapezoid(NamedSchedule):
    """Up in a straight line, level, and down to 0 in a straight line, which is reached at t = steps.

        rate min(1, (t + 1) / warmup, (steps - t) / decay)

    Args:
        rate: the value where it is level.
        steps: until the value is 0, at least 1.
        warmup: steps of the rise. Default 0.
        decay: steps of the fall. Default 0.

    Raises:
        ArgumentError: a number is not finite.
        ArgumentTypeError: an argument is no number.

    Source:
        Hägele et al., "Scaling laws and compute-optimal training beyond fixed training durations" (arXiv
        2405.18392).
    """

    name: ClassVar[str] = "trapezoid"
    rate: float
    steps: int
    warmup: int = 0
    decay: int = 0


@dataclass(frozen=True)
class Piecewise(NamedSchedule):
    """Values that hold for equal shares of the steps: values[floor(n t / steps)], n how many there are.

    This is the form that FDS learns.

    Args:
        values: at least one.
        steps: of all together, at least 1.

    Raises:
        ArgumentError: a number is not finite, or there are no values.
        ArgumentTypeError: an argument is no number, or values no list of numbers.

    Source:
        Micaelli and Storkey, "Gradient-based hyperparameter optimization over long horizons" (arXiv
        2007.07869).
    """

    name: ClassVar[str] = "piecewise"
    lists: ClassVar[tuple[str, ...]] = ("values",)
    values: Sequence[float]
    steps: int


@dataclass(frozen=True, init=False)
class Product(Schedule):
    """Schedules multiplied: Product(a, b), Product([a, b]) or a * b.

    Args:
        *schedules: schedules, or lists of them; at least one.

    Raises:
        ArgumentError: there is none.
        ArgumentTypeError: one is no schedule.
    """

    schedules: tuple[NamedSchedule, ...]

    def __init__(self, *schedules: Schedule | Iterable[Schedule]) -> None:
        flat: list[NamedSchedule] = []
        for given in schedules:
            for item in [given] if isinstance(given, Schedule) or not isinstance(given, Iterable) else given:
                if not isinstance(item, Schedule):
                    raise ArgumentTypeError(
                        f"Product: got {shown(item)} ({type(item).__name__}); allowed: schedules"
                    )
                flat += item.factors
        if not flat:
            raise ArgumentError("Product: empty; allowed: at least one schedule")
        object.__setattr__(self, "schedules", tuple(flat))

    @property
    def factors(self) -> tuple[NamedSchedule, ...]:
        """The schedules that are multiplied, those of products one by one."""
        return self.schedules


@dataclass(frozen=True)
class Scaled(Adapter):
    """An adapter's rate times a schedule's value, made by `schedule * adapter`.

    The adapter's own `min_lr` and `max_lr` bound its rate before the multiplication.

    Args:
        adapter: of `lrswift.adapt`; one that is scaled already is scaled by both schedules.
        schedule: of `lrswift.schedule`.

    Raises:
        ArgumentError: what the schedule raises.
        ArgumentTypeError: an argument is of another type.
    """

    adapter: Adapter
    schedule: Schedule
    _: KW_ONLY
    min_lr: float = field(default=0.0, init=False, repr=False, compare=False)
    max_lr: float = field(default=0.0, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.adapter, Adapter):
            raise ArgumentTypeError(
                f"Scaled: adapter: got {shown(self.adapter)}; allowed: an adapter of lrswift.adapt"
            )
        if not isinstance(self.schedule, Schedule):
            raise ArgumentTypeError(
                f"Scaled: schedule: got {shown(self.schedule)}; allowed: a schedule of lrswift.schedule"
            )
        # an adapter that is scaled already: one product
        if isinstance(self.adapter, Scaled):
            object.__setattr__(self, "schedule", Product(self.adapter.schedule, self.schedule))
            object.__setattr__(self, "adapter", self.adapter.adapter)
        object.__setattr__(self, "min_lr", self.adapter.min_lr)
        object.__setattr__(self, "max_lr", self.adapter.max_lr)

    @property
    def core_name(self) -> str:
        """The adapter's name in the core."""
        return self.adapter.core_name

    @property
    def steps_per_epoch(self) -> int | None:
        """The adapter's own; 0 where it counts no epochs."""
        return getattr(self.adapter, "steps_per_epoch", 0)

    def attributes(self) -> dict[str, Any]:
        """Tells adapter and schedule under the core's names, as name -> value."""
        return self.adapter.attributes() | self.schedule.attributes()

    def over(self, direction: str) -> Scaled:
        """Adapter with what is usual over a direction, where that was left open, scaled.

        Args:
            direction: the core's name of it.

        Returns:
            A scaled adapter.
        """
        return dataclasses.replace(self, adapter=self.adapter.over(direction))
