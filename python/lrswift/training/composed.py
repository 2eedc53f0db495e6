"""Methods composed of a rate and a direction by their names, as people type them.

l4                      the rate over its usual direction
l4+adam                 over another one
adamw                   a direction with a rate set by hand, its usual one
l4:alpha=0.2+adam       arguments follow the name that they belong to
l4+adam:alpha=0.2       or the last one, where only one of the two has them
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from .. import optim
from ..checks import shown
from ..errors import ArgumentError
from ..optim.directions import directions
from ..rates.base import Adapter, arguments_of
from ..rates.cards import Card, read_cards
from ..rates.made import RATES
from ..tensors.creation import zeros
from .method import Method

Arguments = dict[str, Any]
MOMENTUM = 0.9
# a rate of its own, a number, and so no adapter
CONSTANT = "constant"


# name -> optimizer over that direction; "momentum" is SGD's, as it is called
DIRECTIONS: dict[str, Callable[..., optim.Optimizer]] = {
    **directions(),
    "momentum": functools.partial(optim.SGD, momentum=MOMENTUM),
}


@functools.cache
def composed(text: str, listed: tuple[str, ...] = ()) -> Method:
    """The method of such a text.

    listed: names that are no compositions, for messages. Raises ArgumentError or DTypeError saying what
    there is.
    """
    parts = [_read(part, text) for part in re.split(r"\+(?=[a-z_])", text)]
    names = [name for name, _ in parts]
    if len(parts) == 1 and names[0] in DIRECTIONS:
        found = _by_hand(*parts[0])
    elif names[0] in (*RATES, CONSTANT) and (len(parts) == 1 or (len(parts) == 2 and names[1] in DIRECTIONS)):
        direction, options = parts[1] if len(parts) == 2 else (_usual_direction(names[0]), {})
        found = _pair(names[0], parts[0][1], direction, options)
    else:
        raise ArgumentError(f"methods: got {text}; allowed: {', '.join([*listed, _known()])}")
    # what does not go together shows now, not in the middle of a comparison
    found.make([zeros(1, requires_grad=True)])
    return found


def _known() -> str:
    return (
        f"a rate ({', '.join(sorted((*RATES, CONSTANT)))}), a direction ({', '.join(DIRECTIONS)}) or "
        "rate+direction, with arguments as in l4+adam:alpha=0.2"
    )


def direction(text: str) -> Callable[..., optim.Optimizer]:
    """The optimizer (params, lr=) of a direction with arguments, as in "rmsprop:alpha=0.9"."""
    name, options = _read(text, text)
    if name not in DIRECTIONS:
        raise ArgumentError(f"direction: got {shown(text)}; allowed: {', '.join(DIRECTIONS)}")
    _refuse(name, options, _options(name))
    return functools.partial(DIRECTIONS[name], **options)


def _read(part: str, text: str) -> tuple[str, Arguments]:
    name, *given = part.split(":")
    arguments: Arguments = {}
    for pair in given:
        key, equals, value = pair.partition("=")
        if not equals or not key or not value:
            raise ArgumentError(f"{name}: got {shown(text)}; allowed: arguments as in {name}:name=value")
        arguments[key] = _value(value)
    return name, arguments


def _value(text: str) -> Any:
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _by_hand(name: str, options: Arguments) -> Method:
    make = DIRECTIONS[name]
    _refuse(name, options, ["lr", *_options(name)])
    rate = options.get("lr", inspect.signature(make).parameters["lr"].default)
    rest = {key: value for key, value in options.items() if key != "lr"}
    label = _label(_title(name), rest)
    return Method(
        label, "hand", f"{rate:g} throughout", functools.partial(make, lr=rate, **rest),
        lambda initial: functools.partial(make, lr=initial, **rest),
    )  # fmt: skip


def _pair(rate: str, given: Arguments, direction: str, options: Arguments) -> Method:
    card = read_cards("rates")[rate]
    core = "sgd" if direction == "momentum" else direction
    if card.directions and core not in card.directions:
        raise ArgumentError(f"{rate}: got {shown(direction)}; allowed: {', '.join(card.directions)}")
    taken: Mapping[str, Any] = {"rate": card["rate"]} if rate == CONSTANT else arguments_of(RATES[rate])
    here, there = _options(direction), list(taken)
    # what follows both belongs to the one that has it
    moved = {key: value for key, value in options.items() if key not in here and key in there}
    kept = {key: value for key, value in options.items() if key not in moved}
    _refuse(f"{rate}+{direction}", kept, [*here, *there], here)
    given = {**given, **moved}
    _refuse(rate, given, there)
    if rate == CONSTANT:
        card["rate"].check(given.get("rate"), rate)
        return _by_hand(direction, {**kept, "lr": given["rate"]})
    usual = {key: a.usual[core] for key, a in taken.items() if core in a.usual}
    make = functools.partial(_made, DIRECTIONS[direction], RATES[rate], {**usual, **given}, kept)
    first = card.first_rate
    begun = None if first is None else lambda initial: functools.partial(make, first={first: initial})
    label = _label(f"{card.title}, {_title(direction)}", {**given, **kept})
    return Method(label, "adapts", _how(card), make, begun)


def _made(
    direction: Callable[..., optim.Optimizer],
    rate: type[Adapter],
    given: Arguments,
    options: Arguments,
    params: Any,
    first: Arguments | None = None,
) -> optim.Optimizer:
    return direction(params, lr=rate(**{**given, **(first or {})}), **options)


def _usual_direction(rate: str) -> str:
    return next(iter(read_cards("rates")[rate].directions), "sgd")


def _options(direction: str) -> list[str]:
    return [key for key in inspect.signature(DIRECTIONS[direction]).parameters if key not in ("params", "lr")]


def _refuse(owner: str, given: Arguments, allowed: list[str], known: list[str] | None = None) -> None:
    unknown = [key for key in given if key not in (allowed if known is None else known)]
    if unknown:
        raise ArgumentError(f"{owner}: got {', '.join(unknown)}; allowed: {', '.join(allowed)}")


def _title(direction: str) -> str:
    if direction == "momentum":
        return f"SGD, momentum {MOMENTUM}"
    return read_cards("directions")[direction].title


def _label(title: str, given: Arguments) -> str:
    return ", ".join([title, *(f"{key} {value}" for key, value in given.items())])


def _how(card: Card) -> str:
    """The first sentence of the card, to stand after a comma."""
    sentence = card.about.split("\n\n")[0].replace("\n", " ").rstrip(".")
    return sentence if sentence[:2].isupper() else sentence[0].lower() + sentence[1:]
