"""The base of all descriptions of rate adapters."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from ..errors import ArgumentError
from .cards import Argument, read_cards


@dataclass(frozen=True)
class Adapter:
    """A rate adapter by its arguments: a value, which can be compared, hashed and copied.

    The adapters of `lrswift.adapt` derive from it.

    Args:
        min_lr: no rate is below it.
        max_lr: no rate is above it.

    Raises:
        ArgumentError: an argument is out of its bounds, or min_lr above max_lr.
        ArgumentTypeError: an argument is of another type.
    """

    rate: ClassVar[str]
    texts: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    _arguments: ClassVar[Mapping[str, Argument]] = {
        argument.name: argument for argument in read_cards("rates")["constant"].common
    }

    _: KW_ONLY
    min_lr: float = 0.0
    max_lr: float = math.inf

    def __post_init__(self) -> None:
        title = type(self).__name__
        for name, argument in self._arguments.items():
            argument.check(getattr(self, name), title)
        if self.min_lr > self.max_lr:
            raise ArgumentError(f"{title}: min_lr: got {self.min_lr}; allowed: at most max_lr, {self.max_lr}")

    @property
    def core_name(self) -> str:
        """The core's name of this method."""
        return self.rate

    def over(self, direction: str) -> Adapter:
        """Adapter with what is usual over a direction, where that was left open.

        Args:
            direction: the core's name of it.

        Returns:
            An adapter of the same class.
        """
        open_ = {
            name: argument.usual.get(direction, argument.default)
            for name, argument in self._arguments.items()
            if argument.usual and getattr(self, name) is None
        }
        return dataclasses.replace(self, **open_) if open_ else self

    def attributes(self) -> dict[str, Any]:
        """The arguments as the core names them; what is None, or infinite by default, is left out."""
        values = [(argument, getattr(self, name)) for name, argument in self._arguments.items()]
        # none of what has a default is 0 to the core; left out it would be the default
        none = {a.core: 0.0 for a, value in values if value is None and a.optional and a.default is not None}
        return none | {
            argument.core: value
            for argument, value in values
            if value is not None and not (value == math.inf == argument.default)
        }


def arguments_of(adapter: type[Adapter]) -> Mapping[str, Argument]:
    """Name -> argument, of all that the class of an adapter takes."""
    return adapter._arguments
