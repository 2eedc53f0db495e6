"""What the native core says of its methods: their cards."""

from __future__ import annotations

import functools
import json
import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .._core import catalogue
from ..checks import shown
from ..errors import ArgumentError, ArgumentTypeError

# what the papers abbreviate and the core spells out
_ABBREVIATED = {"epsilon": "eps"}


@dataclass(frozen=True)
class Argument:
    """An argument of a method: its default, what it may be, and what it means.

    core: its name in the core. choices: the words that it may be; empty: a number, or True and False where
    `flag`. allowed: its bounds in words. usual: direction -> value, where the default does not suit one; the
    argument is None then, until the direction is known.
    """

    name: str
    core: str
    default: Any
    allowed: str
    meaning: str
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    whole: bool = False
    choices: tuple[str, ...] = ()
    optional: bool = False
    required: bool = False
    usual: Mapping[str, float] = field(default_factory=dict)

    @property
    def flag(self) -> bool:
        """Whether it is True or False."""
        return self.whole and not self.choices and (self.low, self.high) == (0, 1)

    @property
    def annotation(self) -> Any:
        """The type of its values."""
        if self.choices:
            return Literal[self.choices]
        # infinity is a float
        kind: Any = bool if self.flag else int if self.whole and self.high < math.inf else float
        # one that is required is None until it is refused
        return kind | None if self.optional or self.required or self.usual else kind

    def check(self, value: Any, owner: str) -> None:
        """Raises ArgumentError or DTypeError, naming owner and argument, unless it may be `value`."""
        where = f"{owner}: {self.name}: "
        if self.required and value is None:
            raise ArgumentTypeError(f"{where}not given; allowed: {self.allowed}")
        if (self.optional or self.usual) and value is None:
            return
        if self.choices:
            if not isinstance(value, str) or value not in self.choices:
                raise ArgumentError(f"{where}got {shown(value)}; allowed: {', '.join(self.choices)}")
        elif self.flag:
            if not isinstance(value, bool):
                raise ArgumentTypeError(f"{where}got {shown(value)}; allowed: True, False")
        elif not isinstance(value, numbers.Real) or isinstance(value, bool):
            raise ArgumentTypeError(f"{where}got {shown(value)} ({type(value).__name__}); allowed: a number")
        elif not self.holds(float(value)):
            none = ", or None" if self.optional else ""
            raise ArgumentError(f"{where}got {shown(value)}; allowed: {self.allowed}{none}")

    def holds(self, value: float) -> bool:
        """Whether a number is within the bounds."""
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below and (not self.whole or math.isinf(value) or value == math.floor(value))


@dataclass(frozen=True)
class Card:
    """A method: name, title, what it is about, paper, cost per step, and arguments.

    common: the arguments of every rate. directions: those it goes with; empty: all. probes: it evaluates the
    loss at other points. whole: it changes its direction's recursion. validates: it needs a validation loss.
    first_rate: the argument that says from which rate it begins.
    """

    name: str
    title: str
    about: str
    paper: str
    cost: str
    arguments: tuple[Argument, ...]
    common: tuple[Argument, ...] = ()
    directions: tuple[str, ...] = ()
    probes: bool = False
    uses_window: bool = False
    whole: bool = False
    validates: bool = False
    first_rate: str | None = None

    def __getitem__(self, name: str) -> Argument:
        """The argument of that name."""
        return next(argument for argument in (*self.arguments, *self.common) if argument.name == name)


def cards(kind: str) -> list[dict[str, Any]]:
    """The cards of "rates", "schedules" or "directions" as the core writes them."""
    return json.loads(catalogue(kind))


@functools.cache
def read_cards(kind: Literal["rates", "schedules", "directions"]) -> Mapping[str, Card]:
    """Name -> card, in the catalogue's order."""
    return {written["name"]: _card(written) for written in cards(kind)}


def _card(written: dict[str, Any]) -> Card:
    lists: dict[str, Any] = {
        key: tuple(map(_argument, written.get(key, ()))) for key in ("arguments", "common")
    }
    texts = {key: written[key] for key in ("name", "title", "about", "paper", "cost")}
    facts = {key: written.get(key, False) for key in ("probes", "uses_window", "whole", "validates")}
    return Card(
        **texts,
        **lists,
        **facts,
        directions=tuple(written.get("directions", ())),
        first_rate=written.get("first_rate"),
    )


def _argument(written: dict[str, Any]) -> Argument:
    core, default, choices = written["name"], written["default"], tuple(written["choices"])
    low, high, whole = float(written["low"]), float(written["high"]), written["whole"]
    if written["optional"] and float(default) == 0:
        default = None
    elif default is not None and not choices:
        kind = bool if whole and (low, high) == (0, 1) else int if whole else float
        default = kind(float(default))
    return Argument(
        _ABBREVIATED.get(core, core), core, default, written["bounds"], written["meaning"], low, high,
        written["open_low"], written["open_high"], whole, choices, written["optional"],
        required=written["default"] is None, usual=written["usual"],
    )  # fmt: skip
