"""Arguments of the native catalogue as it is written, and values that they do not take."""

from __future__ import annotations

import math
from typing import Any

import lrswift as lr


def spelled(argument: dict[str, Any]) -> str:
    return "eps" if argument["name"] == "epsilon" else argument["name"]


def default(argument: dict[str, Any]) -> Any:
    """What the catalogue says, as Python says it."""
    if argument["usual"]:
        return None
    value = argument["default"]
    if argument["optional"] and float(value) == 0:
        return None
    if value is None or argument["choices"]:
        return value
    if argument["bounds"] == "true or false":
        return value == 1
    return int(value) if argument["whole"] else float(value)


def outside(argument: dict[str, Any]) -> list[Any]:
    """Values beyond each end, between whole numbers, and no number at all."""
    low, high = float(argument["low"]), float(argument["high"])
    values = [math.nan]
    if argument["whole"]:
        values += [low - 1, high + 1, low + 0.5]
    else:
        values += [low if argument["open_low"] else math.nextafter(low, -math.inf)]
        values += [high if argument["open_high"] else math.nextafter(high, math.inf)]
    # no number is beyond an infinite end that is allowed
    values = [v for v in values if not (math.isinf(v) and holds(argument, v))]
    if not holds(argument, math.inf):
        values.append(math.inf)
    return values


def holds(argument: dict[str, Any], value: float) -> bool:
    low, high = float(argument["low"]), float(argument["high"])
    return (low < value if argument["open_low"] else low <= value) and (
        value < high if argument["open_high"] else value <= high
    )


def wrong(argument: dict[str, Any]) -> list[tuple[Any, type[Exception]]]:
    none = [] if argument["optional"] or argument["usual"] else [None]
    if argument["choices"]:
        return [(value, lr.ArgumentError) for value in ("nothing of these", "", 0, math.nan, *none)]
    if argument["bounds"] == "true or false":
        return [(value, lr.DTypeError) for value in (0, 1, 2, 0.5, math.nan, "yes", *none)]
    types = [(value, lr.DTypeError) for value in ("0.5", [0.5], True, 1j, *none)]
    return [(value, lr.ArgumentError) for value in outside(argument)] + types
