"""Every (direction, rate) pair that the cards permit, from the catalogue: new methods join by themselves."""

from __future__ import annotations

import math
from typing import Any

import lrswift as lr
from lrswift.rates.cards import cards

# what a card's argument without a default is given
REQUIRED = {"rate": 0.02, "meta_lr": 1e-4}
# directions that are several rules
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "sgd": [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "rmsprop": [{}, {"momentum": 0.9}],
}
# rates that need an upper bound over some directions: no estimate of theirs knows how far momentum or a
# normalized direction will carry on
BOUNDED = {"tlr", "ntlr", "barzilai_borwein", "dog", "dowg", "lqa", "d_adaptation"}
BOUNDS = {"sgd+0": 0.2, "sgd+1": 0.02, "sgd+2": 0.02, "ema": 0.2, "adadelta": 1.0}
NORMALIZED_BOUND = 0.01
# first lengths that suit steps of a normalized direction, too; a rate without the search that sets it
GIVEN: dict[str, dict[str, Any]] = {
    # longer than any test here; of the search there are tests of its own
    "auto": {"steps": 200, "search": 0.0},
    "periodic_alrs": {"initial": 0.02},
    "dog": {"initial": 1e-3},
    "dowg": {"initial": 0.01},
    "lqa": {"trial": 2e-3},
}


class CardRate(lr.adapt.Adapter):
    """The rate of a card with its defaults; windows are one step long."""

    def __init__(self, card: dict[str, Any], **given: Any) -> None:
        super().__init__()
        values = {a["name"]: REQUIRED[a["name"]] for a in card["arguments"] if a["default"] is None}
        if any(a["name"] == "window_steps" for a in card["arguments"]):
            values["window_steps"] = 1
        object.__setattr__(self, "card", card["name"])
        object.__setattr__(self, "values", values | given)

    @property
    def core_name(self) -> str:
        return self.card

    def attributes(self) -> dict[str, Any]:
        return dict(self.values)


def make(
    pair: tuple[str, str], params: Any, *, clip_value: float = math.inf, clip_norm: float = math.inf
) -> lr.optim.Optimizer:
    """The optimizer of a name in `PAIRS`, for named parameters."""
    direction, rate = pair
    name, _, variant = direction.partition("+")
    options = VARIANTS[name][int(variant)] if variant else {}
    card = next(card for card in cards("rates") if card["name"] == rate)
    given = {"max_lr": BOUNDS.get(direction, NORMALIZED_BOUND)} if rate in BOUNDED else {}
    described = CardRate(card, **given, **GIVEN.get(rate, {}))
    return lr.optim.Optimizer(params, name, described, options, clip_value, clip_norm)


def permitted(pair: tuple[str, str]) -> bool:
    """Whether the core makes such an optimizer."""
    try:
        make(pair, [lr.tensor([1.0], requires_grad=True)])
    except TypeError:
        return False
    return True


DIRECTIONS = [
    f"{card['name']}+{i}" if card["name"] in VARIANTS else card["name"]
    for card in cards("directions")
    for i in range(len(VARIANTS.get(card["name"], [{}])))
]
RATES = [card["name"] for card in cards("rates")]
PAIRS = [(d, r) for d in DIRECTIONS for r in RATES if permitted((d, r))]


def label(pair: tuple[str, str]) -> str:
    return "-".join(pair)
