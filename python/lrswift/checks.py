"""Checks of arguments: what was given, and what is allowed."""

from __future__ import annotations

import math
import numbers
import reprlib
from typing import Any

import numpy as np

from .errors import ArgumentError, ArgumentTypeError

_SHORT = reprlib.Repr()
_LONGEST = _SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 80


def shown(value: Any) -> str:
    """A value as messages show it: on one line and short, whatever was given."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and math.prod(shape) > 4:
        return f"an array of shape {tuple(shape)}"
    text = " ".join(_SHORT.repr(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def type_of(value: Any) -> str:
    """What a value is, as messages say it: the name of its type, or `the class X` for a class itself."""
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def refuse_torch(value: Any, name: str, instead: str) -> None:
    """ArgumentTypeError for an object of torch where one of lrswift's is meant.

    It is told by its classes, as torch need not be there. name: the argument; instead: what is allowed.
    """
    if any(kind.__module__.partition(".")[0] == "torch" for kind in type(value).__mro__):
        raise ArgumentTypeError(f"{name}: got a {type(value).__name__} of torch; allowed: {instead}")


def check_number(value: Any, name: str, *, infinite: bool = False) -> float:
    """Checks a number.

    Args:
        value: what was given.
        name: the argument, as messages call it.
        infinite: whether infinities are allowed; False.

    Returns:
        `value` as a float.

    Raises:
        ArgumentTypeError: it is no real number, or a bool.
        ArgumentError: it is nan, or infinite where that is not allowed.
    """
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise ArgumentTypeError(f"{name}: got {shown(value)} ({type(value).__name__}); allowed: a number")
    if math.isnan(value) or (math.isinf(value) and not infinite):
        raise ArgumentError(f"{name}: got {shown(value)}; allowed: a finite number")
    return float(value)


def check_whole(value: Any, name: str, least: int, most: int | None = None) -> int:
    """Checks a whole number: `value` as an int, ArgumentError unless it is one of `least` to `most`."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        allowed = f"an integer of at least {least}" if most is None else f"an integer of {least} to {most}"
        raise ArgumentError(f"{name}: got {shown(value)}; allowed: {allowed}")
    return int(value)


def check_positive(value: Any, name: str) -> float:
    """`value` as a float above 0 and finite. DTypeError for no number, ArgumentError for others."""
    number = check_number(value, name)
    if number <= 0:
        raise ArgumentError(f"{name}: got {shown(value)}; allowed: a number above 0")
    return number


def check_fraction(value: Any, name: str, *, one: bool = True) -> float:
    """`value` as a float of 0 to 1, 1 only if `one`. DTypeError for no number, ArgumentError for others."""
    number = check_number(value, name)
    if not 0 <= number <= 1 or (number == 1 and not one):
        allowed = "0 to 1" if one else "at least 0 and below 1"
        raise ArgumentError(f"{name}: got {shown(value)}; allowed: {allowed}")
    return number
