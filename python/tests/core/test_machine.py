"""`_core.Machine`: the decisions of the native optimizer from numbers alone; no number traps."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lrswift as lr
from lrswift import _core

CARDS = json.loads(_core.catalogue("rates"))
NAMES = [
    "loss", "precision", "slope", "smoothed_slope", "gradient_norm2", "steps_per_epoch", "window_dot",
    "window_norm2", "previous_dot", "previous_gradient_norm2", "previous_direction_norm2", "change_dot",
    "change_norm2", "previous_rate", "travelled2", "start_dot", "start2", "entries",
]  # fmt: skip
NUMBERS = st.one_of(
    st.floats(), st.sampled_from([0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 1e308, 5e-324])
)


def make(name: str) -> _core.Machine:
    card = next(card for card in CARDS if card["name"] == name)
    return _core.Machine(name, {a["name"]: 0.1 for a in card["arguments"] if a["default"] is None})


# whole methods name their directions, and their step is prepared and concluded
WHOLE = {card["name"] for card in CARDS if card["directions"]}
# these keep vectors of their own with any direction
NATIVE = {"sgd_bb", "marthe"}


@pytest.mark.parametrize("name", [card["name"] for card in CARDS if card["name"] not in NATIVE | WHOLE])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_number_traps(name: str, data: st.DataObject) -> None:
    machine = make(name)
    for _ in range(3):
        given = data.draw(st.dictionaries(st.sampled_from(NAMES), NUMBERS))
        try:
            kind, value = machine.begin({"loss": data.draw(NUMBERS), **given})
            for _ in range(5):
                if kind in (0, 1):
                    break
                number, slope = data.draw(NUMBERS), data.draw(NUMBERS)
                kind, value = machine.answer(
                    {"curvature": number} if kind == 4 else {"loss": number, "slope": slope}
                )
            assert kind != 0 or math.isfinite(value)
            machine.abort()
            machine.load({key: data.draw(NUMBERS) for key in machine.state()})
        except lr.Error:
            machine.abort()


@pytest.mark.parametrize("rate", [lr.adapt.L4(), lr.adapt.SPS(), lr.adapt.HD(), lr.adapt.TLR(window=4)])
def test_decides_as_the_optimizer_did(rate: lr.adapt.Adapter) -> None:
    """The numbers that the flight recorder kept, given to a machine, give the rates that were taken."""
    start = np.array([1.0, -2.0, 0.5])
    w = lr.tensor(start, dtype="float64", requires_grad=True)
    optimizer = lr.optim.SGD([w], lr=rate, momentum=0.5)
    optimizer.record()
    for _ in range(20):
        optimizer.minimize(lambda: lr.sum(w * w * lr.tensor([1.0, 4.0, 10.0], dtype="float64")))
    history = optimizer.history
    machine = _core.Machine(rate.core_name, rate.attributes())
    for i, expected in enumerate(history["rate"]):
        keys = [
            "loss",
            "slope",
            "smoothed_slope",
            "gradient_norm2",
            "previous_dot",
            "window_dot",
            "window_norm2",
        ]
        numbers = {key: history[key][i] for key in keys if not np.isnan(history[key][i])}
        twin = machine.clone()
        assert twin.begin(numbers) == machine.begin(numbers) == (0, expected)
        assert twin.state() == machine.state()


@pytest.mark.parametrize("name", sorted(NATIVE))
def test_methods_with_vectors_are_refused(name: str) -> None:
    with pytest.raises(lr.DTypeError, match="vectors of its own"):
        make(name)


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_a_whole_method_begins_no_step_of_another_kind(name: str) -> None:
    machine = make(name)
    with pytest.raises(lr.Error, match="whole method: its step is prepared and concluded"):
        machine.begin({"loss": 1.0})


def test_wrong_arguments_are_errors() -> None:
    machine = make("l4")
    for call in [
        lambda: _core.Machine("none", {}),
        lambda: _core.Machine("l4", {"alpha": -1}),
        lambda: _core.Machine(1, {}),
        lambda: machine.begin({}),
        lambda: machine.begin({"loss": "1"}),
        lambda: machine.begin(1),
        lambda: machine.begin({"loss": 1, "colour": 1}),
        lambda: machine.answer({"loss": 1}),
        lambda: machine.get("colour"),
        lambda: machine.factor(-1),
        lambda: machine.load({}),
        lambda: machine.check(-1.0),
        lambda: machine.check(None),
    ]:
        with pytest.raises(lr.Error):
            call()
