"""Cards as people read them: the docstring of a class, and the list of all methods."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

from .cards import Argument, Card, read_cards

_WIDTH = 100
_SECTIONS = {
    "rates": "Learning rates: lr=lrswift.adapt....",
    "schedules": "Schedules: lr=lrswift.schedule....",
    "directions": "Directions: lrswift.optim....",
}


def docstring(card: Card, arguments: Iterable[Argument], note: str = "") -> str:
    """The card with these arguments, in Google's form; `note` below what it is about."""
    given = list(arguments)
    missing = "".join(f", or {argument.name} is not given" for argument in given if argument.required)
    raised = {
        "ArgumentError": "an argument is out of its bounds, or min_lr above max_lr",
        "ArgumentTypeError": f"an argument is of another type{missing}",
    }
    parts = [
        _wrapped(card.about),
        note,
        "\n".join(_wrapped(fact) for fact in _facts(card)),
        _section("Args", {argument.name: _meaning(argument) for argument in given}),
        _section("Raises", raised),
        _section("Source", {"": card.paper}),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def describe_methods() -> str:
    """Every card as text: name, rule, source, cost per step, and arguments with default and bounds."""
    parts = []
    for kind, heading in _SECTIONS.items():
        parts.append(f"{heading}\n{'=' * len(heading)}")
        parts += [_described(card) for card in read_cards(kind).values()]  # type: ignore[arg-type]
    return "\n\n".join(parts)


def _described(card: Card) -> str:
    lines = [f"{card.name}: {card.title}"]
    if card.about:
        lines.append(textwrap.indent(_wrapped(card.about), "  "))
    if card.paper:
        lines.append(_filled(f"source: {card.paper}", "  ", "    "))
    if card.cost:
        lines.append(_filled(f"extra per step: {card.cost}", "  ", "    "))
    if card.directions:
        lines.append(f"  goes with: {', '.join(card.directions)}")
    lines += [_filled(f"{a.name}: {_meaning(a)}", "    ", "      ") for a in (*card.arguments, *card.common)]
    return "\n".join(lines)


def _facts(card: Card) -> list[str]:
    facts = [f"Extra per step: {card.cost}."]
    if card.directions:
        directions = read_cards("directions")
        names = [directions[name].title for name in card.directions]
        facts.append(f"Goes with {_listed(names)}; another direction raises TypeError.")
    if card.probes and not card.validates:
        facts.append("Evaluates the loss at points of its own: drive it by `minimize` or `fit`.")
    return facts


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _meaning(argument: Argument) -> str:
    return f"{argument.meaning} ({_allowed(argument)}; {_default(argument)})"


def _allowed(argument: Argument) -> str:
    if argument.choices:
        return "one of " + ", ".join(f'"{word}"' for word in argument.choices)
    # counts end where 32 bits do, which tells a reader nothing
    words = "True or False" if argument.flag else argument.allowed.removesuffix(" and at most 2147483647")
    return f"{words}, or None" if argument.optional or argument.usual else words


def _default(argument: Argument) -> str:
    if argument.required:
        return "required"
    value: Any = argument.default
    if argument.usual:
        usual = "".join(f", {number:g} over {name}" for name, number in argument.usual.items())
        return f"default None: {value:g}{usual}"
    shown = f'"{value}"' if isinstance(value, str) else f"{value:g}" if type(value) is float else str(value)
    return f"default {shown}"


def _wrapped(text: str) -> str:
    """Paragraphs filled; lines that are indented are formulas and stay."""
    parts = text.split("\n\n")
    return "\n\n".join(part if part.startswith(" ") else _filled(" ".join(part.split())) for part in parts)


def _section(title: str, entries: dict[str, str]) -> str:
    texts = [f"{key}: {text}." if key else f"{text}." for key, text in entries.items() if text]
    lines = [_filled(text, "    ", "        ") for text in texts]
    return "\n".join([f"{title}:", *lines]) if lines else ""


def _filled(text: str, first: str = "", then: str = "") -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=first, subsequent_indent=then)
