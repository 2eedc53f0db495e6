"""What `group["lr"]` holds: a rate that remembers what schedulers multiplied it by."""

from __future__ import annotations

import numbers
from types import FrameType
from typing import Any

import torch
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from ..checks import shown
from ..errors import DTypeError
from ..files.torch_rates import rate


class Rate(float):
    """The effective rate, `value`, and the factor in it that is not the adapter's, `multiplier`.

    reference: the rate that the adapter starts from, which a factor of 1 stands for. A scheduler computes
    what it would of the rate multiplier * reference, so that an absolute number in its formula, such as
    CosineAnnealingLR's eta_min, is the factor eta_min / reference; what it writes back is known as a factor
    and goes on multiplying later rates.
    """

    multiplier: float
    reference: float

    def __new__(cls, value: float, multiplier: float = 1.0, reference: float | None = None) -> Rate:
        made = super().__new__(cls, value)
        made.multiplier = float(multiplier)
        if reference is None:
            reference = value / multiplier if multiplier != 0 and value != 0 else 1.0
        made.reference = float(reference)
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return rate, (float(self), self.multiplier, self.reference)

    @property
    def nominal(self) -> float:
        """The rate if the adapter's had stayed where it starts from."""
        return self.multiplier * self.reference

    def _with(self, value: Any, multiplier: float) -> Any:
        return Rate(value, multiplier, self.reference)

    # the value is that of floats, for whoever only looks at it
    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Rate) or not isinstance(other, numbers.Real):
            return float.__mul__(self, other)
        return self._with(float(self) * float(other), self.multiplier * float(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, Rate) or not isinstance(other, numbers.Real):
            return float.__truediv__(self, other)
        return self._with(float(self) / float(other), self.multiplier / float(other))

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, numbers.Real):
            return NotImplemented
        return self._with(float(self) + float(other), self._part(self.nominal + _nominal(other)))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        if not isinstance(other, numbers.Real):
            return NotImplemented
        return self._with(float(self) - float(other), self._part(self.nominal - _nominal(other)))

    def __rsub__(self, other: Any) -> Any:
        if not isinstance(other, numbers.Real):
            return NotImplemented
        return self._with(float(other) - float(self), self._part(_nominal(other) - self.nominal))

    def _part(self, nominal: float) -> float:
        return nominal / self.reference


# older checkpoints of schedulers name the class itself
torch.serialization.add_safe_globals([Rate])


def _nominal(value: Any) -> float:
    return value.nominal if isinstance(value, Rate) else float(value)


def as_rate(written: Any, where: str) -> float:
    """A number, a tensor of one, or a `Rate`; DTypeError otherwise."""
    if isinstance(written, Rate):
        return written
    if isinstance(written, torch.Tensor) and written.numel() == 1 and not written.is_complex():
        return float(written)
    if isinstance(written, numbers.Real):
        return float(written)
    raise DTypeError(f"{where}: got {shown(written)}; allowed: a number")


def multiplier_of(written: float, plain: float, reference: float, absolute: bool = False) -> float:
    """The factor that `written` stands for where the adapter's own rate is `plain`.

    A plain number is the rate to continue from; absolute: one that a scheduler computed without looking at
    the rate.
    """
    if isinstance(written, Rate):
        return written.multiplier * (written.reference / reference)
    return float(written) / (reference if absolute or plain == 0 else plain)


def scheduler_of(frame: FrameType | None) -> LRScheduler | None:
    """The scheduler of torch in whose code a frame is, if it writes rates by a formula of its own.

    ReduceLROnPlateau goes on from the rate that it has read.
    """
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith("torch.optim."):
        found = frame.f_locals.get("self")
        if isinstance(found, LRScheduler):
            return None if isinstance(found, ReduceLROnPlateau) else found
        frame = frame.f_back
    return None
