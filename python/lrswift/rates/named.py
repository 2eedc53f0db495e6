"""Adapters by name."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import ArgumentError
from .base import Adapter
from .tlr import TLR


def named(text: str) -> Adapter:
    """The adapter of that name ("l4", "tlr", "qlabgrad", ...) with its defaults: what `lr="l4"` means.

    Names are the core's; case is ignored. Raises ArgumentError listing them.
    """
    makers: dict[str, Callable[[], Adapter]] = {"ntlr": lambda: TLR(variant="ntlr")}
    makers |= {cls.rate: cls for cls in Adapter.__subclasses__() if "rate" in vars(cls)}
    if text.lower() not in makers:
        raise ArgumentError(f"lr: got {text!r}; allowed: a number, or one of {', '.join(sorted(makers))}")
    return makers[text.lower()]()
