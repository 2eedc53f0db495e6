"""Rates and options under the names and in the form of the core."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from ..checks import check_number, shown
from ..errors import ArgumentError, DTypeError
from ..rates.base import Adapter
from ..rates.cards import read_cards
from ..schedule import Piecewise, Schedule


def rate_card(rate: Any) -> tuple[str, dict[str, Any]]:
    """The core's name and attributes of a rate."""
    if isinstance(rate, Adapter):
        return rate.core_name, rate.attributes()
    if isinstance(rate, Schedule):
        return "constant", {"rate": 1.0, **rate.attributes()}
    if isinstance(rate, type) and issubclass(rate, (Adapter, Schedule)):
        raise DTypeError(f"lr: got the class {rate.__name__}; allowed: an instance, {rate.__name__}()")
    try:
        value = check_number(rate, "lr")
    except DTypeError:
        raise DTypeError(
            f"lr: got {shown(rate)}; allowed: a number of at least 0, a schedule of lrswift.schedule, "
            "an adapter of lrswift.adapt or its name"
        ) from None
    if value < 0:
        raise ArgumentError(f"lr: got {shown(value)}; allowed: a number of at least 0")
    return "constant", {"rate": value}


def spelled(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options under the core's names."""
    found: dict[str, Any] = {}
    for key, value in options.items():
        if key == "betas":
            if not isinstance(value, Sequence) or len(value) != 2:
                raise ArgumentError(f"betas: got {shown(value)}; allowed: two numbers")
            found["beta1"], found["beta2"] = (check_number(b, "betas") for b in value)
        elif isinstance(value, bool) and key in _flags():
            found[key] = value
        elif isinstance(value, Piecewise) and key != "eps":
            found |= {key: value.values, f"{key}.steps": value.steps}
        else:
            found["epsilon" if key == "eps" else key] = check_number(value, key)
    return found


@functools.cache
def _flags() -> frozenset[str]:
    """Options that are True or False; no other one takes these for numbers."""
    arguments = [a for card in read_cards("directions").values() for a in card.arguments]
    return frozenset(argument.name for argument in arguments if argument.flag)


def unspelled(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by the core's names, under the names of options: `betas`, a pair, and `eps`."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if key == "beta1" and "beta2" in values:
            found["betas"] = (value, values["beta2"])
        elif key != "beta2" or "beta1" not in values:
            found["eps" if key == "epsilon" else key] = value
    return found
