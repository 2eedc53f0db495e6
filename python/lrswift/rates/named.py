"""Adapters by name."""

from __future__ import annotations

from collections.abc import Callable

from ..checks import shown, type_of
from ..errors import ArgumentError, ArgumentTypeError
from .adapters import TLR
from .base import Adapter
from .made import RATES


def named(text: str) -> Adapter:
    """Makes the adapter of a name with its defaults, as `lr="l4"` means it.

    Args:
        text: the core's name of a rate, "l4", "tlr", "qlabgrad", ..., in any case.

    Returns:
        The adapter.

    Raises:
        ArgumentError: there is no such rate; the message lists those that there are.
        ArgumentTypeError: text is none, or the adapter has an argument that must be given.
    """
    if not isinstance(text, str):
        raise ArgumentTypeError(f"named: text: got {type_of(text)}; allowed: the name of a rate")
    makers: dict[str, Callable[[], Adapter]] = {**RATES, "ntlr": lambda: TLR(variant="ntlr")}
    if text.lower() not in makers:
        raise ArgumentError(
            f"lr: got {shown(text)}; allowed: a number, or one of {', '.join(sorted(makers))}"
        )
    return makers[text.lower()]()
