"""Adapter classes against the native catalogue as it is written: names, order, defaults, bounds, docs."""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
import pickle
from typing import Any

import pytest
from card_arguments import default, spelled, wrong

import lrswift as lr
from lrswift import _core
from lrswift.rates.made import RATES

CARDS = {card["name"]: card for card in json.loads(_core.catalogue("rates")) if card["name"] != "constant"}
# what Python says otherwise than the core: TLR's windows are one argument, and its variant is another method;
# SPS bounds one of its modes unless told otherwise
ELSEWHERE = {"tlr": {"window_steps"}, "ntlr": {"window_steps"}}
OWN = {"tlr": {"variant": "paper"}, "sps": {"max_lr": 10.0}}
REQUIRED = {"naive_tlr": {"meta_lr": 1e-4}}


def arguments(name: str, kind: str = "arguments") -> dict[str, dict[str, Any]]:
    listed = CARDS[name][kind]
    return {spelled(a): a for a in listed if a["name"] not in ELSEWHERE.get(name, ())}


ARGUMENTS = [(name, key) for name in CARDS for key in (*arguments(name), *arguments(name, "common"))]


def argument_of(name: str, key: str) -> dict[str, Any]:
    return {**arguments(name), **arguments(name, "common")}[key]


def make(name: str, **given: Any) -> lr.adapt.Adapter:
    return RATES[name](**{**REQUIRED.get(name, {}), **given})


def test_every_card_has_its_class() -> None:
    assert RATES.keys() == CARDS.keys()
    for name, card in CARDS.items():
        cls = getattr(lr.adapt, card["title"])
        assert cls is RATES[name] and card["title"] in lr.adapt.__all__
        assert issubclass(cls, lr.adapt.Adapter) and cls.rate == name
        assert dataclasses.is_dataclass(cls) and cls.__dataclass_params__.frozen


@pytest.mark.parametrize("name", CARDS)
def test_names_order_and_defaults_are_the_cards(name: str) -> None:
    signature = inspect.signature(RATES[name]).parameters
    positional = [key for key, p in signature.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    keywords = [key for key, p in signature.items() if p.kind is p.KEYWORD_ONLY]
    assert [key for key in positional if key not in OWN.get(name, {})] == (
        list(arguments(name)) if name not in ELSEWHERE else sorted(arguments(name), key=positional.index)
    )
    assert keywords == list(arguments(name, "common"))
    for key, parameter in signature.items():
        own = OWN.get(name, {})
        expected = own[key] if key in own else default(argument_of(name, key))
        assert (parameter.default, type(parameter.default)) == (expected, type(expected)), key


@pytest.mark.parametrize(("name", "key"), ARGUMENTS)
def test_what_is_out_of_bounds_raises_when_the_adapter_is_made(name: str, key: str) -> None:
    title = CARDS[name]["title"]
    for value, error in wrong(argument_of(name, key)):
        with pytest.raises(error) as raised:
            make(name, **{key: value})
        told = str(raised.value)
        assert told.startswith(f"{title}: {key}: ") and "allowed: " in told, told
        assert value is None or f"got {value!r}" in told


@pytest.mark.parametrize(("name", "key"), ARGUMENTS)
def test_what_is_within_bounds_is_taken_by_the_class_and_by_the_core(name: str, key: str) -> None:
    argument = argument_of(name, key)
    if argument["choices"]:
        values: list[Any] = argument["choices"]
    elif argument["bounds"] == "true or false":
        values = [False, True]
    else:
        low, high = max(float(argument["low"]), -1e300), min(float(argument["high"]), 1e300)
        ends = [low] * (not argument["open_low"]) + [high] * (not argument["open_high"])
        values = [int(v) for v in ends] if argument["whole"] else [*ends, (max(low, 0) + min(high, 2)) / 2]
    for value in [*values, *([None] if argument["optional"] else [])]:
        # a lower bound above the upper one is another mistake, and so is a rate for each tensor that probes
        given = {"max_lr": math.inf} if key == "min_lr" else {"min_lr": -math.inf} if key == "max_lr" else {}
        adapter = make(name, **{**given, key: value})
        assert getattr(adapter, key) == value
        direction = next(iter(CARDS[name]["directions"]), "sgd")
        _core.Optimizer(direction, {}, adapter.core_name, adapter.attributes())


def test_the_example_of_the_issue() -> None:
    with pytest.raises(lr.ArgumentError, match=r"^L4: alpha: got -1; allowed: above 0$"):
        lr.adapt.L4(alpha=-1)
    with pytest.raises(lr.DTypeError, match=r"^NaiveTLR: meta_lr: not given; allowed: above 0$"):
        lr.adapt.NaiveTLR()
    with pytest.raises(lr.ArgumentError, match="min_lr: got 2; allowed: at most max_lr, 1"):
        lr.adapt.L4(min_lr=2, max_lr=1)


@pytest.mark.parametrize("window", [0, -1, 0.0, 1.5, math.nan, math.inf])
@pytest.mark.parametrize("cls", [lr.adapt.TLR, lr.adapt.NTLR])
def test_a_window_is_whole_steps_or_a_part_of_an_epoch(cls: Any, window: float) -> None:
    with pytest.raises(lr.ArgumentError, match="an int of at least 1, or a float above 0 and at most 1"):
        cls(window=window)
    assert cls(window=7).attributes()["window_steps"] == 7
    assert "window" not in cls(window=1).attributes() and cls(window=1.0).attributes()["window"] == 1


@pytest.mark.parametrize("name", CARDS)
def test_descriptions_are_values(name: str) -> None:
    adapter, again = make(name), make(name)
    assert adapter == again and hash(adapter) == hash(again) and adapter is not again
    changed = dataclasses.replace(adapter, max_lr=0.5)
    assert changed != adapter and changed.max_lr == 0.5
    assert pickle.loads(pickle.dumps(changed)) == changed
    assert repr(changed).startswith(f"{CARDS[name]['title']}(min_lr=") and "max_lr=0.5" in repr(changed)
    with pytest.raises(dataclasses.FrozenInstanceError):
        adapter.max_lr = 1.0  # type: ignore[misc]


@pytest.mark.parametrize("name", CARDS)
def test_docstrings_say_what_the_card_says(name: str) -> None:
    card = CARDS[name]
    text = " ".join((RATES[name].__doc__ or "").split())
    assert text.startswith(" ".join(card["about"].split("\n\n")[0].split()))
    assert f"Source: {' '.join(card['paper'].split())}." in text
    for key, argument in {**arguments(name), **arguments(name, "common")}.items():
        entry = text[text.index(f" {key}: ") :]
        entry = entry[: entry.index("default" if argument["default"] is not None else "required") + 40]
        if key == "window" and "tlr" in name or key in OWN.get(name, {}):
            continue
        assert argument["meaning"] in entry, key
        value = default(argument)
        shown = f'"{value}"' if isinstance(value, str) else f"{value:g}" if type(value) is float else value
        assert argument["default"] is None or f"default {shown}" in entry, (key, entry)
        bounds = argument["bounds"].removesuffix(" and at most 2147483647")
        assert argument["choices"] or bounds.lower() in entry.lower(), (key, entry)


def test_pairs_and_bridges_take_their_defaults_from_the_card() -> None:
    roles = ("estimator", "beta")
    l4 = {spelled(a): default(a) for a in CARDS["l4"]["arguments"] if a["name"] not in roles}
    makers: list[Any] = [lr.optim.L4Mom, lr.optim.L4Adam]
    try:
        makers.append(lr.optax.scale_by_l4)
    except ImportError:
        pass
    for maker in makers:
        parameters = inspect.signature(maker).parameters
        assert {key: parameters[key].default for key in l4} == l4
    free = inspect.signature(lr.optim.ScheduleFree).parameters
    for argument in CARDS["schedule_free"]["arguments"]:
        if argument["name"] not in ("lr", "beta"):
            assert free[argument["name"]].default == default(argument)
    assert free["betas"].default[0] == default(arguments("schedule_free")["beta"])


@pytest.mark.parametrize(("title", "direction", "expected"), [
    ("MoMo", "SGD", 1.0), ("MoMo", "Adam", 0.01), ("MoMo", "AdamW", 0.01), ("ScheduleFree", "SGD", 1.0),
    ("ScheduleFree", "AdamW", 0.0025),
])  # fmt: skip
def test_what_is_left_open_is_what_is_usual_over_the_direction(title, direction, expected) -> None:
    adapter = getattr(lr.adapt, title)()
    assert adapter.lr is None
    p = [lr.tensor([1.0], requires_grad=True)]
    make = getattr(lr.optim, direction)
    assert make(p, lr=adapter).rate.lr == expected
    assert make(p, lr=lr.schedule.Constant(0.5) * adapter).rate.adapter.lr == expected
    assert make(p, lr=getattr(lr.adapt, title)(lr=0.3)).rate.lr == 0.3
    torch = pytest.importorskip("torch")
    base = getattr(torch.optim, direction)([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    assert lr.torch.Adapted(base, lr=adapter).rate.lr == expected
