"""What all descriptions of rate adapters share."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, ClassVar

from ..checks import check_number
from ..errors import ArgumentError, DTypeError

# the core spells out what the papers abbreviate
_SPELLED = {"eps": "epsilon"}


@dataclass(frozen=True)
class Adapter:
    """What all rate adapters share."""

    rate: ClassVar[str]
    texts: ClassVar[dict[str, tuple[str, ...]]] = {}

    _: KW_ONLY
    min_lr: float = 0.0
    max_lr: float = math.inf

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            where = f"{type(self).__name__}: {f.name}"
            if f.name in self.texts:
                if value not in self.texts[f.name]:
                    raise ArgumentError(f"{where}: got {value!r}; allowed: {', '.join(self.texts[f.name])}")
            elif isinstance(f.default, bool):
                if not isinstance(value, bool):
                    raise DTypeError(f"{where}: got {value!r}; allowed: True, False")
            elif not (value is None and f.default is None):
                unbounded = f.name.startswith("max_") or f.name == "min_lr" or f.default == math.inf
                check_number(value, where, infinite=unbounded)
        if self.min_lr > self.max_lr:
            raise ArgumentError(
                f"{type(self).__name__}: min_lr: got {self.min_lr}; allowed: at most max_lr, {self.max_lr}"
            )

    @property
    def core_name(self) -> str:
        """What the core calls this method."""
        return self.rate

    def attributes(self) -> dict[str, Any]:
        """The arguments as the core names them; what is None or infinite is left out."""
        values = {_SPELLED.get(f.name, f.name): getattr(self, f.name) for f in fields(self)}
        return {key: value for key, value in values.items() if value is not None and value != math.inf}


def check_epoch(adapter: Adapter, steps_per_epoch: int | None) -> None:
    """Raises ArgumentError for an epoch without steps."""
    if steps_per_epoch is not None and steps_per_epoch < 1:
        name = type(adapter).__name__
        raise ArgumentError(f"{name}: steps_per_epoch: got {steps_per_epoch!r}; allowed: at least 1")
