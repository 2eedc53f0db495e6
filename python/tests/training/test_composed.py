"""Methods composed by name: every rate of the catalogue over every direction that its card permits."""

from __future__ import annotations

import json

import numpy as np
import pytest

import lrswift as lr
from lrswift import _core
from lrswift.data import Dataset, Splits
from lrswift.training.composed import DIRECTIONS, composed, direction
from lrswift.training.methods import METHODS

RATES = {card["name"]: card for card in json.loads(_core.catalogue("rates"))}
NAMES = [card["name"] for card in json.loads(_core.catalogue("directions"))]
# what these cannot do without
GIVEN = {"constant": ":rate=0.02", "naive_tlr": ":meta_lr=1e-4"}
PAIRS = [
    (rate, name) for rate, card in RATES.items() for name in NAMES if name in (card["directions"] or NAMES)
]


def parameters() -> list:
    return [lr.tensor([1.0, -2.0], requires_grad=True)]


def test_every_direction_of_the_catalogue_is_there() -> None:
    assert [name for name in DIRECTIONS if name != "momentum"] == NAMES


@pytest.mark.parametrize(("rate", "name"), PAIRS, ids="+".join)
def test_every_permitted_pair_is_a_method(rate: str, name: str) -> None:
    method = METHODS[f"{rate}{GIVEN.get(rate, '')}+{name}"]
    optimizer = method.make(parameters())
    assert optimizer._direction == name
    assert getattr(optimizer.rate, "core_name", "constant") == rate
    assert method.label and method.how and method.kind == ("hand" if rate == "constant" else "adapts")


@pytest.mark.parametrize("rate", RATES)
def test_a_rate_alone_goes_over_its_usual_direction(rate: str) -> None:
    optimizer = METHODS[rate + GIVEN.get(rate, "")].make(parameters())
    # the listed method of that name, optim.Auto
    usual = "adamw" if rate == "auto" else "sgd"
    assert optimizer._direction == next(iter(RATES[rate]["directions"]), usual)


@pytest.mark.parametrize("rate", [name for name, card in RATES.items() if card["directions"]])
def test_directions_that_a_card_does_not_permit_are_refused(rate: str) -> None:
    permitted = RATES[rate]["directions"]
    for name in NAMES:
        if name not in permitted:
            with pytest.raises(lr.ArgumentError, match=f"{rate}: got '{name}'; allowed: {permitted[0]}"):
                METHODS[f"{rate}+{name}"]


@pytest.mark.parametrize("name", [*NAMES, "momentum"])
def test_a_direction_alone_has_its_usual_rate_or_the_one_given(name: str) -> None:
    assert composed(f"{name}:lr=0.25").make(parameters()).rate == 0.25
    method = composed(name)
    assert method.make(parameters()).rate == type(method.make(parameters()))(parameters()).rate
    assert method.how == f"{method.make(parameters()).rate:g} throughout"
    assert direction(name)(parameters(), lr=0.5).rate == 0.5


def test_arguments_go_to_the_part_that_has_them() -> None:
    both = METHODS["l4:eps=1e-6+adam:eps=1e-4:alpha=0.2"].make(parameters())
    assert both.rate == lr.adapt.L4(eps=1e-6, alpha=0.2)
    assert both.param_groups[0]["eps"] == 1e-4
    assert METHODS["l4+adam:alpha=0.2"].make(parameters()).rate == lr.adapt.L4(alpha=0.2)
    assert METHODS["tlr:window=7:per=tensor"].make(parameters()).rate == lr.adapt.TLR(window=7, per="tensor")
    assert METHODS["tlr:window=1.0"].make(parameters()).rate.attributes()["window"] == 1.0
    assert METHODS["hd:multiplicative=true"].make(parameters()).rate == lr.adapt.HD(multiplicative=True)
    assert METHODS["tlr:restart=none"].make(parameters()).rate == lr.adapt.TLR()
    # a plus within a number
    assert METHODS["l4:tau=1e+2+momentum"].make(parameters()).rate == lr.adapt.L4(tau=100.0)
    assert "alpha 0.2" in METHODS["l4+adam:alpha=0.2"].label


def test_what_is_usual_over_a_direction_is_taken_there() -> None:
    assert METHODS["schedule_free+adamw"].make(parameters()).rate.lr == 0.0025
    assert METHODS["schedule_free"].make(parameters()).rate.lr == 1.0
    assert METHODS["schedule_free+adamw:lr=0.01"].make(parameters()).rate.lr == 0.01
    assert METHODS["momo+adam"].make(parameters()).rate.lr == 0.01


@pytest.mark.parametrize("rate", RATES)
def test_methods_begin_where_they_are_told(rate: str) -> None:
    method, first = METHODS[rate + GIVEN.get(rate, "")], RATES[rate]["first_rate"]
    if rate == "constant":
        assert method.begun(0.125)(parameters()).rate == 0.125
    elif first is None:
        assert method.begun is None
    else:
        assert getattr(method.begun(0.125)(parameters()).rate, first) == 0.125


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("foo", "methods: got foo; allowed: auto, sgd, momentum, .*l4.*prodigy.*adadelta"),
        ("l4+foo", "methods: got l4\\+foo; allowed: "),
        ("adam+l4", "methods: got adam\\+l4; allowed: "),
        ("l4+adam+sgd", "methods: got "),
        ("", "methods: got ; allowed: "),
        ("l4:alpha", "l4: got 'l4:alpha'; allowed: arguments as in l4:name=value"),
        ("l4:apha=0.2", "l4: got apha; allowed: alpha, gamma, tau"),
        ("l4+adam:apha=0.2", "l4\\+adam: got apha; allowed: betas, eps, weight_decay.*alpha"),
        ("rmsprop:beta=0.2", "rmsprop: got beta; allowed: lr, alpha"),
        ("l4:alpha=-1", "L4: alpha: got -1; allowed: above 0"),
        ("sls:reset=never", "SLS: reset: got 'never'; allowed: grow, keep, initial"),
        ("adam:eps=-1", "eps"),
        ("constant:rate=-1", "rate: got -1; allowed: at least 0"),
        ("sgd:momentum=-1", "momentum"),
    ],
)
def test_mistakes_say_what_there_is(text: str, told: str) -> None:
    with pytest.raises(lr.ArgumentError, match=told):
        METHODS[text]


def test_mistakes_of_type() -> None:
    for text in ("l4:alpha=x", "hd:multiplicative=1", "yellowfin+momentum", "naive_tlr", "constant"):
        with pytest.raises(TypeError):
            METHODS[text]


def test_the_listed_methods_keep_their_names() -> None:
    assert list(METHODS)[:4] == ["auto", "sgd", "momentum", "adam"] and "l4+adam" not in METHODS
    assert METHODS["l4+adam"].label == "L4, Adam"
    assert len(METHODS) == 11


def test_a_composed_method_steps_as_the_optimizer_that_it_is() -> None:
    def run(optimizer: lr.optim.Optimizer, w: lr.Tensor) -> np.ndarray:
        for _ in range(5):
            optimizer.minimize(lambda: lr.sum(w * w))
        return np.array(w.numpy())

    a, b = parameters()[0], parameters()[0]
    left = run(METHODS["qlabgrad:trial=0.2+momentum"].make([a]), a)
    right = run(lr.optim.SGD([b], lr=lr.adapt.QLABGrad(trial=0.2), momentum=0.9), b)
    assert left.tobytes() == right.tobytes()


def tiny() -> Splits:
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(64, 4)).astype("float32"), draw.integers(0, 3, 64)
    return Splits("tiny", Dataset(x[:48], y[:48]), Dataset(x[48:], y[48:]), ["a", "b", "c"])


def test_compare_knows_every_rate_of_the_catalogue() -> None:
    methods = [rate + GIVEN.get(rate, "") for rate in RATES] + ["dog+momentum", "l4+adam:alpha=0.2"]
    result = lr.compare(
        tiny(), lambda train, classes: lr.models.mlp(4, [8], classes), methods, 1, 1, 16, progress=False
    )
    assert result.names() == methods
    for row in result.summary():
        assert row["diverged"] or np.isfinite(row["train_loss"]), row
        assert row["label"] == METHODS[row["method"]].label
    with pytest.raises(lr.ArgumentError, match=r"methods: got foo; allowed: auto, sgd, .*marthe"):
        lr.compare(tiny(), methods=["adam", "foo"])


def test_a_rate_that_validates_never_sees_the_test_data() -> None:
    """Its batches are held out of the training data: what the test data say changes no step."""
    splits = tiny()
    wrong = Splits("wrong", splits.train, Dataset(splits.test.x, (splits.test.y + 1) % 3), splits.classes)
    found = [
        lr.compare(
            data, lambda train, classes: lr.models.mlp(4, [8], classes), ["marthe:meta_lr=1e-3"], 1, 2, 16,
            progress=False,
        ).runs[0]
        for data in (splits, wrong)
    ]  # fmt: skip
    rates = [run.history.rates[:, 0] for run in found]
    assert len(set(rates[0])) > 1 and rates[0].tobytes() == rates[1].tobytes()
    losses = [run.history.rows[-1]["valid_loss"] for run in found]
    assert losses[0] != losses[1]
    # 48 rows less a tenth, 16 a batch, two epochs
    assert len(rates[0]) == 6
