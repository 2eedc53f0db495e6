"""What `group["lr"]` holds: a rate that remembers what schedulers multiplied it by."""

from __future__ import annotations

from typing import Any

import torch

from ..torch_files import rate


class Rate(float):
    """The effective rate, `value`, and the factor in it that is not the adapter's, `multiplier`.

    Sums and products with plain numbers act on both, so what a scheduler computes from `group["lr"]` or
    `group["initial_lr"]` and writes back is known as a factor, and goes on multiplying later rates.
    """

    multiplier: float

    def __new__(cls, value: float, multiplier: float = 1.0) -> Rate:
        made = super().__new__(cls, value)
        made.multiplier = float(multiplier)
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return rate, (float(self), self.multiplier)

    def _with(self, value: Any, multiplier: float) -> Any:
        return value if value is NotImplemented else Rate(value, multiplier)

    def __mul__(self, other: Any) -> Any:
        return self._with(float.__mul__(self, other), self.multiplier * other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return self._with(float.__truediv__(self, other), self.multiplier / other)

    def __add__(self, other: Any) -> Any:
        return self._with(float.__add__(self, other), self.multiplier + other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._with(float.__sub__(self, other), self.multiplier - other)

    def __rsub__(self, other: Any) -> Any:
        return self._with(float.__rsub__(self, other), other - self.multiplier)


# older checkpoints of schedulers name the class itself
torch.serialization.add_safe_globals([Rate])


def multiplier_of(written: Any, value: float, multiplier: float) -> float:
    """The factor that `written` stands for, where Rate(value, multiplier) was. A plain number is a rate."""
    if isinstance(written, Rate):
        return written.multiplier
    return multiplier * float(written) / value if value != 0 else multiplier
