"""Adapter classes, made of cards: fields in the card's order, defaults, checks and docstring."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from .base import Adapter
from .cards import Argument, Card, read_cards
from .docstrings import docstring

A = TypeVar("A", bound=Adapter)


class Rates(Mapping[str, type[Adapter]]):
    """Core's name -> the class that describes it, made of its card when first asked for: 21 take 50 ms."""

    def __init__(self) -> None:
        self.classes: dict[str, type[Adapter]] = {}
        # a constant rate is a number
        self.cards = {name: card for name, card in read_cards("rates").items() if name != "constant"}

    def __getitem__(self, name: str) -> type[Adapter]:
        if name not in self.classes:
            made(self.cards[name])
        return self.classes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.cards)

    def __len__(self) -> int:
        return len(self.cards)


RATES = Rates()


def register(cls: type[A]) -> type[A]:
    """Makes a class the one that its rate's name means."""
    RATES.classes[cls.rate] = cls
    return cls


class _Composed:
    """A docstring that is composed when it is read, as imports are many and readers few."""

    def __init__(self, compose: Callable[[], str]) -> None:
        self.compose = compose

    def __get__(self, instance: object, owner: type) -> str:
        return self.compose()


def described(
    name: str, *, own: Iterable[Argument] = (), order: str | None = None
) -> Callable[[type[A]], type[A]]:
    """Gives a class what the card of the rate `name` says, as a frozen dataclass.

    Its own docstring stands below what the card is about.

    Args:
        name: the core's name of the rate.
        own: arguments beside the card's, or in place of those of the same name.
        order: names of the positional fields; None: all of the card, then the others that are own.

    Returns:
        What makes the dataclass of a class.
    """
    card = read_cards("rates")[name]

    def make(cls: type[A]) -> type[A]:
        held = {argument.name: argument for argument in (*card.arguments, *card.common, *own)}
        common = [argument.name for argument in card.common]
        positional = order.split() if order else [key for key in held if key not in common]
        arguments = {key: held[key] for key in (*positional, *common)}
        cls.rate, cls._arguments = name, arguments
        cls.texts = {key: argument.choices for key, argument in arguments.items() if argument.choices}
        cls.__annotations__ = {key: argument.annotation for key, argument in arguments.items()}
        for key, argument in arguments.items():
            keyword, default = key in common, None if argument.usual else argument.default
            setattr(cls, key, dataclasses.field(default=default, kw_only=keyword))
        written, cls.__doc__ = cls.__doc__ or "", card.title
        described = register(dataclasses.dataclass(frozen=True)(cls))
        composed = _Composed(lambda: docstring(card, arguments.values(), written))
        type.__setattr__(described, "__doc__", composed)
        return described

    return make


def made(card: Card) -> type[Adapter]:
    """The class of a card that says all; it is found in `adapters`."""
    return described(card.name)(type(card.title, (Adapter,), {"__module__": f"{__package__}.adapters"}))
