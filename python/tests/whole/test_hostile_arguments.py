"""Numbers of absurd size, in every argument of every operation and setting: an exception, never a crash."""

from __future__ import annotations

import json

import numpy as np
import pytest

import lrswift as lr
from lrswift import _core

ABSURD = [-(2**63), -(2**31), -1, 2**31, 2**62, 1e18, 1e30, -1e30, 0.5, float("nan"), float("inf")]
CARDS = json.loads(_core.catalogue("operations"))


def inputs(shapes: list[list[int]]) -> tuple[lr.Tensor, ...]:
    return tuple(lr.tensor(np.ones(shape), dtype="float64", requires_grad=True) for shape in shapes)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card["name"])
def test_operations(card: dict) -> None:
    for example in card["examples"]:
        for name in card["arguments"]:
            given = example["attributes"].get(name, [1])
            if isinstance(given, str):
                continue
            for place in range(len(given)):
                for value in ABSURD:
                    changed = [*given[:place], value, *given[place + 1 :]]
                    try:
                        _core.apply(
                            card["name"], inputs(example["shapes"]), example["attributes"] | {name: changed}
                        )
                    except (lr.Error, MemoryError):
                        continue


@pytest.mark.parametrize("shape", [[2**31 - 1] * 4, [-1, 2], [2**62, 4], [3] * 60, [1e18, 1e18]], ids=str)
@pytest.mark.parametrize("name", ["broadcast", "reshape"])
def test_shapes(name: str, shape: list[float]) -> None:
    with pytest.raises((lr.Error, MemoryError)):
        _core.apply(name, inputs([[3]]), {"shape": shape})


@pytest.mark.parametrize("kind", ["directions", "rates"])
def test_settings_of_optimizers(kind: str) -> None:
    for card in json.loads(_core.catalogue(kind)):
        needed = {a["name"]: 0.1 for a in card["arguments"] if a["default"] is None}
        for argument in card["arguments"]:
            for value in ABSURD:
                given = needed | {argument["name"]: value}
                direction, rate = (
                    (card["name"], "constant") if kind == "directions" else ("sgd", card["name"])
                )
                mine, other = (given, {"rate": 0.1}) if kind == "directions" else ({}, given)
                parameter = inputs([[2]])[0]
                try:
                    optimizer = _core.Optimizer(direction, mine, rate, other)
                    optimizer.add_group((parameter,), ("p",), {})
                    lr.sum(parameter * parameter).backward()
                    request = optimizer.begin(2.0, True)
                    for _ in range(300):
                        if request[0] == 0:
                            break
                        request = optimizer.answer(2.0)
                    optimizer.abort()
                except (lr.Error, OverflowError):
                    continue


@pytest.mark.parametrize("key", ["max_skipped", "steps_per_epoch"])
@pytest.mark.parametrize("value", ABSURD)
def test_properties(key: str, value: float) -> None:
    optimizer = _core.Optimizer("sgd", {}, "constant", {"rate": 0.1})
    with pytest.raises((lr.Error, OverflowError)):
        optimizer.set(key, float(value))


@pytest.mark.parametrize("key", ["window", "accumulate", "count_first_zero", "restart"])
@pytest.mark.parametrize("value", ABSURD)
def test_alrs(key: str, value: float) -> None:
    search = _core.Search(start=1.0)
    try:
        alrs = _core.ALRS(search, {"window": 2} | {key: value})
    except lr.Error:
        return
    for derivative in (-1.0, *ABSURD, float("-inf")):
        alrs.observe(float(derivative))
    assert search.get("value") >= 0


@pytest.mark.parametrize("value", ABSURD)
def test_finalists(value: float) -> None:
    lists = {"losses": [1.0, value, 2.0, value], "penalties": [value] * 4}
    try:
        _, best = _core.judge_finalists(lists | {"networks": 2})
        assert best in (None, 0, 1)
    except lr.Error:
        pass
    with pytest.raises(lr.Error):
        _core.judge_finalists(lists | {"networks": value})
    for given in (
        {"train_losses": [value, 1.0], "valid_loss": 0.0},
        {"train_losses": [1.0], "valid_loss": value},
    ):
        assert _core.finalist_penalty(given) >= 0
    for wrong in ({}, {"train_losses": [], "valid_loss": [1, 2]}, {"train_losses": "a", "valid_loss": 1}):
        with pytest.raises(lr.Error):
            _core.finalist_penalty(wrong)
