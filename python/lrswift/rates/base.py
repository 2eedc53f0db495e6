"""The base of all descriptions of rate adapters."""

from __future__ import annotations

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

    def attributes(self) -> dict[str, Any]:
        """The arguments as the core names them; what is None or infinite is left out."""
        values = {argument.core: getattr(self, name) for name, argument in self._arguments.items()}
        for argument in self._arguments.values():
            # left out it would be its default
            if values[argument.core] is None and argument.default is not None:
                values[argument.core] = 0.0
        return {key: value for key, value in values.items() if value is not None and value != math.inf}


def arguments_of(adapter: type[Adapter]) -> Mapping[str, Argument]:
    """Name -> argument, of all that the class of an adapter takes."""
    return adapter._arguments
