"""What the native core says of its methods: their cards, for people."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from .._core import catalogue

_SECTIONS = {
    "rates": "Learning rates: lr=lrswift.adapt....",
    "schedules": "Schedules: lr=lrswift.schedule....",
    "directions": "Directions: lrswift.optim....",
}


def cards(kind: str) -> list[dict[str, Any]]:
    """The cards of "rates", "schedules" or "directions": name, title, paper, cost, arguments."""
    return json.loads(catalogue(kind))


def describe_methods() -> str:
    """Every card as text: name, source, cost per step, and each argument with default and bounds."""
    parts = []
    for kind, heading in _SECTIONS.items():
        parts.append(f"{heading}\n{'=' * len(heading)}")
        parts += [_described(card) for card in cards(kind)]
    return "\n\n".join(parts)


def _described(card: dict[str, Any]) -> str:
    lines = [f"{card['name']}: {card['title']}"]
    if card.get("paper"):
        lines.append(f"  source: {card['paper']}")
    if card.get("cost"):
        lines.append(f"  extra per step: {card['cost']}")
    if card.get("directions"):
        lines.append(f"  goes with: {', '.join(card['directions'])}")
    for argument in card["arguments"]:
        default = "required" if argument["default"] is None else f"default {_number(argument['default'])}"
        about = f"{argument['name']} ({default}; {argument['bounds']}): {argument['meaning']}"
        lines.append(textwrap.fill(about, 100, initial_indent="    ", subsequent_indent="      "))
    return "\n".join(lines)


def _number(value: float | str) -> str:
    return f"{float(value):g}"
