"""Rates known before training starts: descriptions of the native schedules, for `lr=` of any optimizer.

    lr=lr.schedule.WarmUp(100) * lr.schedule.Cosine(0.1, steps=1000)     # a product of schedules
    lr=lr.schedule.WarmUp(100) * lr.adapt.L4()                           # an adapter's rate times a factor

A schedule is a function of t, the number of steps taken so far, skipped ones not counted; values may be
negative. Types are checked at once, bounds by the native card when an optimizer is made of it. Formulas
are those of PyTorch's `lr_scheduler` of the same name; all keep their last value once they have ended.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from .checks import check_number
from .errors import ArgumentError, ArgumentTypeError
from .rates.base import Adapter

__all__ = [
    "Constant", "Cosine", "Exponential", "Linear", "MultiStep", "OneCycle", "Piecewise", "Product",
    "Reciprocal", "Scaled", "Schedule", "Step", "WarmUp",
]  # fmt: skip


class Schedule:
    """What all schedules share: `schedule * schedule`, `number * schedule`, `schedule * adapter`."""

    # NumPy's scalars would otherwise multiply element by element
    __array_ufunc__ = None

    @property
    def factors(self) -> tuple[NamedSchedule, ...]:
        """The schedules whose product this is."""
        raise NotImplementedError

    def attributes(self, prefix: str = "schedule") -> dict[str, Any]:
        """What the core calls the factors and their arguments."""
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
        return (self,)


def _numbers(value: Any, where: str) -> tuple[float, ...]:
    """A list of numbers, as a tuple: descriptions can be compared and hashed."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        array = np.empty(())
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iuf"):
        raise ArgumentTypeError(
            f"{where}: got {value!r} ({type(value).__name__}); allowed: a list of numbers"
        )
    if not array.size:
        raise ArgumentError(f"{where}: empty; allowed: at least one number")
    elements = tuple(array.tolist())
    for i, element in enumerate(elements):
        check_number(element, f"{where}[{i}]")
    return elements


@dataclass(frozen=True)
class Constant(NamedSchedule):
    """The same at every step."""

    name: ClassVar[str] = "constant"
    rate: float


@dataclass(frozen=True)
class Step(NamedSchedule):
    """A drop every `step_size` steps: initial gamma^floor(t / step_size). gamma 0.1."""

    name: ClassVar[str] = "step"
    initial: float
    step_size: int
    gamma: float = 0.1


@dataclass(frozen=True)
class MultiStep(NamedSchedule):
    """A drop at each milestone: initial gamma^(milestones <= t). milestones: increasing. gamma 0.1."""

    name: ClassVar[str] = "multi_step"
    lists: ClassVar[tuple[str, ...]] = ("milestones",)
    initial: float
    milestones: Sequence[int]
    gamma: float = 0.1


@dataclass(frozen=True)
class Exponential(NamedSchedule):
    """The same factor every step: initial gamma^t. gamma above 1 grows."""

    name: ClassVar[str] = "exponential"
    initial: float
    gamma: float


@dataclass(frozen=True)
class Reciprocal(NamedSchedule):
    """initial / (1 + decay t): half the first value after 1 / decay steps."""

    name: ClassVar[str] = "reciprocal"
    initial: float
    decay: float


@dataclass(frozen=True)
class Linear(NamedSchedule):
    """A straight line from `initial` at t = 0 to `final` at t = steps."""

    name: ClassVar[str] = "linear"
    initial: float
    final: float
    steps: int


@dataclass(frozen=True)
class Cosine(NamedSchedule):
    """Half a cosine: final + (initial - final) (1 + cos(pi t / steps)) / 2. final 0.

    cycle_mult: 0, no restarts. Otherwise t counts from the last restart, and every cycle takes
    cycle_mult times the steps of the one before.
    Source: Loshchilov and Hutter, "SGDR: Stochastic gradient descent with warm restarts"
    (arXiv 1608.03983), eq. 5.
    """

    name: ClassVar[str] = "cosine"
    initial: float
    final: float = 0.0
    _: KW_ONLY
    steps: int
    cycle_mult: int = 0


@dataclass(frozen=True)
class OneCycle(NamedSchedule):
    """Up from max / div to max within `warm_fraction` of the steps, then down to max / (div final_div).

    Both along half a cosine. warm_fraction 0.3, div 25, final_div 1e4. The momentum stays as it is.
    Source: Smith and Topin, "Super-convergence" (arXiv 1708.07120), in PyTorch's form of two phases.
    """

    name: ClassVar[str] = "one_cycle"
    max: float
    steps: int
    warm_fraction: float = 0.3
    div: float = 25.0
    final_div: float = 1e4


@dataclass(frozen=True)
class WarmUp(NamedSchedule):
    """A factor that rises in a straight line from `start_factor` (1/3) at t = 0 to 1 at t = steps.

    Made to be multiplied: WarmUp(100) * Cosine(0.1, steps=1000), WarmUp(100) * 0.1, WarmUp(100) * L4().
    Source: Goyal et al., "Accurate, large minibatch SGD" (arXiv 1706.02677), section 2.2.
    """

    name: ClassVar[str] = "warm_up"
    steps: int
    start_factor: float = 1 / 3


@dataclass(frozen=True)
class Piecewise(NamedSchedule):
    """n values, each for the same share of `steps`: values[floor(n t / steps)]. What FDS learns.

    Source: Micaelli and Storkey, "Gradient-based hyperparameter optimization over long horizons"
    (arXiv 2007.07869).
    """

    name: ClassVar[str] = "piecewise"
    lists: ClassVar[tuple[str, ...]] = ("values",)
    values: Sequence[float]
    steps: int


@dataclass(frozen=True, init=False)
class Product(Schedule):
    """Schedules multiplied: Product(a, b), Product([a, b]) or a * b."""

    schedules: tuple[NamedSchedule, ...]

    def __init__(self, *schedules: Schedule | Iterable[Schedule]) -> None:
        flat: list[NamedSchedule] = []
        for given in schedules:
            for item in [given] if isinstance(given, Schedule) or not isinstance(given, Iterable) else given:
                if not isinstance(item, Schedule):
                    raise ArgumentTypeError(
                        f"Product: got {item!r} ({type(item).__name__}); allowed: schedules"
                    )
                flat += item.factors
        if not flat:
            raise ArgumentError("Product: empty; allowed: at least one schedule")
        object.__setattr__(self, "schedules", tuple(flat))

    @property
    def factors(self) -> tuple[NamedSchedule, ...]:
        return self.schedules


@dataclass(frozen=True)
class Scaled(Adapter):
    """An adapter's rate times a schedule's value, made by `schedule * adapter`.

    The adapter's own `min_lr` and `max_lr` bound its rate before the multiplication.
    """

    adapter: Adapter
    schedule: Schedule
    _: KW_ONLY
    min_lr: float = field(default=0.0, init=False, repr=False, compare=False)
    max_lr: float = field(default=0.0, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.adapter, Adapter):
            raise ArgumentTypeError(
                f"Scaled: adapter: got {self.adapter!r}; allowed: an adapter of lrswift.adapt"
            )
        if not isinstance(self.schedule, Schedule):
            raise ArgumentTypeError(
                f"Scaled: schedule: got {self.schedule!r}; allowed: a schedule of lrswift.schedule"
            )
        # an adapter that is scaled already: one product
        if isinstance(self.adapter, Scaled):
            object.__setattr__(self, "schedule", Product(self.adapter.schedule, self.schedule))
            object.__setattr__(self, "adapter", self.adapter.adapter)
        object.__setattr__(self, "min_lr", self.adapter.min_lr)
        object.__setattr__(self, "max_lr", self.adapter.max_lr)

    @property
    def core_name(self) -> str:
        return self.adapter.core_name

    @property
    def steps_per_epoch(self) -> int | None:
        """The adapter's own; 0 where it counts no epochs."""
        return getattr(self.adapter, "steps_per_epoch", 0)

    def attributes(self) -> dict[str, Any]:
        return self.adapter.attributes() | self.schedule.attributes()
