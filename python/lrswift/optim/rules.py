"""The native core's update rules, as their cards tell them."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._core import catalogue
from ..checks import shown
from ..errors import ArgumentError
from ..rates.cards import cards
from .attributes import unspelled

# what a training run can be differentiated by, in the order in which values are counted
FAMILIES: tuple[str, ...] = tuple(json.loads(catalogue("hyperparameters")))


@dataclass(frozen=True)
class Rule:
    """An update rule.

    rate: where the user gives none. options, meanings, bounds: by the names that they have in
    `lrswift.optim`.
    families: the family of hyperparameters -> default of the argument that takes its values. variants: other
    names under which runs are differentiated.
    """

    name: str
    title: str
    paper: str
    cost: str
    rate: float
    options: Mapping[str, Any]
    meanings: Mapping[str, str]
    bounds: Mapping[str, str]
    families: Mapping[str, float]
    variants: tuple[str, ...]


@functools.cache
def rules() -> Mapping[str, Rule]:
    """Name -> rule, in the catalogue's order."""
    return {card["name"]: _rule(card) for card in cards("directions")}


def _rule(card: dict[str, Any]) -> Rule:
    arguments = card["arguments"]
    flags = {a["name"] for a in arguments if a["bounds"] == "true or false"}
    defaults = {a["name"]: bool(a["default"]) if a["name"] in flags else a["default"] for a in arguments}
    of_family = {a["family"]: a["default"] for a in arguments if a["family"]}
    meanings, bounds = (
        {key: _joined(text) for key, text in unspelled({a["name"]: a[fact] for a in arguments}).items()}
        for fact in ("meaning", "bounds")
    )
    return Rule(
        card["name"], card["title"], card["paper"], card["cost"], card["rate"],
        options=unspelled(defaults),
        meanings=meanings,
        bounds=bounds,
        families={family: of_family[family] for family in FAMILIES if family in of_family},
        variants=tuple(card["variants"]),
    )  # fmt: skip


def _joined(texts: str | tuple[str, ...]) -> str:
    """One text of a pair's two."""
    return texts if isinstance(texts, str) else "; ".join(dict.fromkeys(texts))


@functools.cache
def run_rules() -> Mapping[str, Rule]:
    """What runs are differentiated with: every rule by its name, and by those of its variants."""
    return {name: rule for rule in rules().values() for name in (rule.name, *rule.variants)}


def run_rule(optimizer: str) -> Rule:
    """ArgumentError for a name that none has."""
    known = run_rules()
    if optimizer not in known:
        raise ArgumentError(f"optimizer: got {shown(optimizer)}; allowed: {', '.join(known)}")
    return known[optimizer]
