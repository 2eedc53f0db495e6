"""`PeriodicALRS`: ALRS before training and again every k epochs of it."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

import lrswift as lr
from lrswift import adapt
from lrswift.search import periodic

F = lr.nn.functional
rng = np.random.default_rng(0)
X = rng.normal(size=(640, 8)).astype(np.float32)
Y = (X @ rng.normal(size=(8, 4))).argmax(1)
SGD = partial(lr.optim.SGD, momentum=0.9)
DIRECTIONS = [SGD, lr.optim.Adam, partial(lr.optim.AdamW, weight_decay=0.1)]
pytestmark = pytest.mark.filterwarnings("ignore:find_lr")


def network(seed: int = 0) -> lr.nn.Sequential:
    lr.seed(seed)
    hidden = [lr.nn.Linear(8, 32), lr.nn.BatchNorm1d(32), lr.nn.ReLU(), lr.nn.Dropout(0.1)]
    return lr.nn.Sequential(*hidden, lr.nn.Linear(32, 4))


def fit(model: Any, optimizer: Any, data: Any = (X, Y), **given: Any) -> lr.History:
    return lr.fit(model, optimizer, data, **{"batch_size": 32, "progress": False, **given})


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What every search returned."""
    seen = []
    original = periodic.find_lr

    def kept(*args: Any, **given: Any) -> Any:
        seen.append(original(*args, **given))
        return seen[-1]

    monkeypatch.setattr(periodic, "find_lr", kept)
    return seen


@pytest.mark.parametrize("make", DIRECTIONS, ids=["sgd", "adam", "adamw"])
def test_equals_searches_by_hand_between_epochs(make):
    """Epoch by epoch at constant rates, each from `find_lr`, with the direction's state carried over."""
    model = network()
    optimizer = make(model.named_parameters(), lr=adapt.PeriodicALRS(every=2, fraction=0.2, rule="signs"))
    history = fit(model, optimizer, epochs=5, seed=7)

    twin, value, rate, vectors, losses, founds = network(), 1.0, 0.0, None, [], []
    data = lr.data.Batches(X, Y, batch_size=32, seed=7)
    for epoch in range(5):
        founds.append(None)
        if epoch % 2 == 0:
            found = lr.find_lr(
                twin,
                F.cross_entropy,
                (X, Y),
                make,
                32,
                value,
                0.2,
                seed=7 + epoch,
                progress=False,
                rule="signs",
            )
            value, rate = found.value, found.lr
            founds[-1] = found.lr
        constant = make(twin.named_parameters(), lr=rate)
        if vectors is not None:
            constant.load_state_dict(vectors)
        for x, y in data:
            losses.append(constant.minimize(lambda x=x, y=y: F.cross_entropy(twin(x), y)))
        vectors = constant.state_dict()
    assert [row["found_lr"] for row in history.rows] == founds
    assert len({f for f in founds if f is not None}) > 1
    np.testing.assert_array_equal(history.losses, losses)
    same(model.state_dict(), twin.state_dict())


def test_every_search_leaves_all_as_it_was(searches):
    model = network()
    optimizer = lr.optim.Adam(model.parameters(), lr=adapt.PeriodicALRS(rule="signs"))
    history = fit(model, optimizer, epochs=3)
    assert len(searches) == 3
    for found in searches:
        assert found.receipt["untouched"] is True
        assert found.receipt["before"] == found.receipt["after"]
    assert [row["found_lr"] for row in history.rows] == [found.lr for found in searches]
    # each goes on where the one before ended
    assert [f.values[0] for f in searches] == [1.0, searches[0].value, searches[1].value]
    for row in history.rows:
        assert row["lr_low"] == row["lr_high"] == row["found_lr"]


def test_a_search_by_hand_leaves_the_optimizer_as_it_was():
    model = network()
    rate = adapt.PeriodicALRS(start=0.5, rule="signs")
    optimizer = lr.optim.Adam(model.named_parameters(), lr=rate)
    fit(model, optimizer, epochs=1)
    before, weights, random = optimizer.state_dict(), model.state_dict(), lr.random.get_state()
    found = rate.search(optimizer, model, F.cross_entropy, (X, Y), batch_size=32, seed=3)
    after = optimizer.state_dict()
    assert found.values[0] == 0.5
    assert after.pop("rate.0.found") == found.value
    assert after.pop("rate.0.rate") == found.lr
    same(after, {k: v for k, v in before.items() if not k.startswith("rate.0.")})
    same(model.state_dict(), weights)
    assert lr.random.get_state() == random


def test_a_start_of_its_own_serves_every_search(searches):
    model = network()
    fit(model, SGD(model.parameters(), lr=adapt.PeriodicALRS(start=0.3, every=2, rule="signs")), epochs=4)
    assert [found.values[0] for found in searches] == [0.3, 0.3]


def test_groups_and_frozen_parameters_take_part_as_they_are(searches):
    """A layer that the optimizer does not hold stays put, in searches too; groups keep their options."""
    model = network()
    last = list(model[4].parameters())
    groups = [{"params": last[:1], "weight_decay": 0.1}, {"params": last[1:]}]
    before = model[0].state_dict()
    optimizer = lr.optim.AdamW(groups, lr=adapt.PeriodicALRS())
    fit(model, optimizer, epochs=2)
    same(model[0].state_dict(), before)
    again = optimizer._anew(0.1)
    assert [group["weight_decay"] for group in again.param_groups] == [
        group["weight_decay"] for group in optimizer.param_groups
    ]
    assert all(found.receipt["untouched"] for found in searches)


@pytest.mark.parametrize("rule", ["signs", "trials"])
def test_trains_digits(rule):
    splits = lr.data.load("digits").scaled()
    lr.seed(0)
    model = lr.models.mlp(64, [32], 10)
    optimizer = lr.optim.Adam(model.parameters(), lr=adapt.PeriodicALRS(rule=rule))
    history = lr.fit(model, optimizer, splits.train, splits.test, epochs=8, progress=False)
    assert history.rows[-1]["accuracy"] > 0.9
    founds = [row["found_lr"] for row in history.rows]
    # a search by trials that cannot tell is no found rate
    assert founds[0] > 0 and all(found > 0 for found in founds if rule == "signs" or found is not None)


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_resumed_run_is_the_whole_one_to_the_bit(at, tmp_path):
    def run(seed: int, epochs: int, **given: Any) -> tuple[Any, Any, Any]:
        model = network(seed)
        schedule = lr.schedule.Exponential(1.0, gamma=0.99)
        optimizer = lr.optim.Adam(model.named_parameters(), lr=schedule * adapt.PeriodicALRS(every=2))
        return model, optimizer, fit(model, optimizer, epochs=epochs, **given)

    model, optimizer, history = run(0, 4)
    run(0, at, checkpoint=tmp_path / "run")
    other, resumed, second = run(5, 4, checkpoint=tmp_path / "run", resume=True)
    np.testing.assert_array_equal(history.losses, second.losses)
    np.testing.assert_array_equal(history.rates, second.rates)
    assert [row["found_lr"] for row in history.rows] == [row["found_lr"] for row in second.rows]
    same(model.state_dict(), other.state_dict())
    same(optimizer.state_dict(), resumed.state_dict())


def test_times_a_schedule():
    model = network()
    schedule = lr.schedule.Linear(1.0, 0.5, steps=40)
    optimizer = SGD(model.parameters(), lr=schedule * adapt.PeriodicALRS())
    history = fit(model, optimizer, epochs=2)
    founds = np.repeat([row["found_lr"] for row in history.rows], 20)
    np.testing.assert_allclose(history.rates[:, 0], founds * (1 - np.arange(40) / 80), rtol=1e-12)


def test_bounds_hold_and_the_log_has_the_column(tmp_path):
    model = network()
    optimizer = SGD(model.parameters(), lr=adapt.PeriodicALRS(every=2, max_lr=1e-3))
    history = fit(model, optimizer, epochs=2, log=tmp_path / "log.csv")
    assert history.rows[0]["found_lr"] > 1e-3
    assert (history.rates == 1e-3).all()
    assert "found_lr" in (tmp_path / "log.csv").read_text().splitlines()[0]


def test_an_explanation_says_where_the_rate_is_from():
    model = network()
    optimizer = SGD(model.parameters(), lr=adapt.PeriodicALRS())
    optimizer.record()
    fit(model, optimizer)
    assert "search" in optimizer.explain(3)


# ---- what goes wrong -------------------------------------------------------------------------------------


def loss_of(model: Any) -> Any:
    return lambda: F.cross_entropy(model(X[:32]), Y[:32])


def test_a_bare_loop_says_what_to_do():
    model = network()
    rate = adapt.PeriodicALRS()
    optimizer = SGD(model.named_parameters(), lr=rate)
    before, weights = optimizer.state_dict(), [p.numpy().copy() for p in model.parameters()]
    with pytest.raises(TypeError, match=r"train with fit.*rate\.search\(optimizer, model, loss, data\)"):
        optimizer.minimize(loss_of(model))
    loss_of(model)().backward()
    with pytest.raises(TypeError, match="PeriodicALRS: no rate was found yet"):
        optimizer.step(1.0)
    same(optimizer.state_dict(), before)
    for parameter, weight in zip(model.parameters(), weights, strict=True):
        np.testing.assert_array_equal(parameter.numpy(), weight)
    found = rate.search(optimizer, model, F.cross_entropy, (X, Y), batch_size=32)
    assert optimizer.lr == found.lr
    optimizer.minimize(loss_of(model))
    assert optimizer.lr == found.lr


def test_an_initial_rate_serves_until_a_search():
    model = network()
    optimizer = SGD(model.parameters(), lr=adapt.PeriodicALRS(initial=0.03))
    optimizer.minimize(loss_of(model))
    assert optimizer.lr == 0.03


def broken(outputs: Any, labels: Any) -> Any:
    return F.cross_entropy(outputs, labels) * float("inf")


def test_a_failed_search_keeps_the_rate_before():
    model = network()
    rate = adapt.PeriodicALRS()
    optimizer = SGD(model.named_parameters(), lr=rate)
    rate.search(optimizer, model, F.cross_entropy, (X, Y), batch_size=32)
    before = optimizer.state_dict()
    with pytest.warns(UserWarning, match="the rate before is kept"):
        rate.search(optimizer, model, broken, (X, Y), batch_size=32)
    same(optimizer.state_dict(), before)


def test_a_search_that_cannot_tell_keeps_the_rate_before(monkeypatch):
    model = network()
    rate = adapt.PeriodicALRS()
    optimizer = SGD(model.named_parameters(), lr=rate)
    original = periodic.find_lr
    monkeypatch.setattr(
        periodic, "find_lr", lambda *a, **k: replace(original(*a, **k), reliable=False, value=5.0)
    )
    rate.search(optimizer, model, F.cross_entropy, (X, Y), batch_size=32)
    assert optimizer._core.get("found") == 5.0, "better than none"
    before = optimizer.state_dict()
    monkeypatch.setattr(
        periodic, "find_lr", lambda *a, **k: replace(original(*a, **k), reliable=False, value=7.0)
    )
    with pytest.warns(UserWarning, match="could not tell the rate; the rate before is kept"):
        rate.search(optimizer, model, F.cross_entropy, (X, Y), batch_size=32)
    same(optimizer.state_dict(), before)


def test_a_failed_search_in_fit_is_no_found_rate():
    model = network()
    optimizer = SGD(model.parameters(), lr=adapt.PeriodicALRS(initial=0.01))
    optimizer.max_skipped = 1000
    with pytest.warns(UserWarning, match="the rate before is kept"):
        history = fit(model, optimizer, loss=broken)
    assert history.rows[0]["found_lr"] is None
    assert optimizer.skipped_steps == 20


def test_a_first_search_that_fails_leaves_no_rate():
    model = network()
    optimizer = SGD(model.parameters(), lr=adapt.PeriodicALRS())
    with pytest.raises(lr.Diverged, match=r"no rate before.*initial"):
        fit(model, optimizer, loss=broken)
    with pytest.raises(TypeError, match="no rate was found yet"):
        optimizer.minimize(loss_of(model))


def test_no_data_is_an_error_that_changes_nothing():
    model = network()
    rate = adapt.PeriodicALRS(initial=0.01)
    optimizer = SGD(model.named_parameters(), lr=rate)
    before = optimizer.state_dict()
    with pytest.raises(ValueError, match="no batch in epoch 1"):
        rate.search(optimizer, model, F.cross_entropy, [])
    with pytest.raises(ValueError, match="iterator, which cannot be put back"):
        fit(model, optimizer, iter([(X, Y)]))
    same(optimizer.state_dict(), before)


def test_a_search_wants_an_optimizer_of_its_own():
    model = network()
    for optimizer in (None, SGD(model.parameters(), lr=0.1), SGD(model.parameters(), lr="l4")):
        with pytest.raises(TypeError, match="an optimizer made with lr=PeriodicALRS"):
            adapt.PeriodicALRS().search(optimizer, model, F.cross_entropy, (X, Y))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"every": 0}, "every: got 0; allowed: a whole number at least 1"),
        ({"every": 1.5}, "every: got 1.5; allowed: a whole number"),
        ({"fraction": 0.0}, "fraction: got 0.0; allowed: above 0"),
        ({"fraction": float("nan")}, "fraction: got nan"),
        ({"start": 0.0}, "start: got 0.0; allowed: above 0"),
        ({"start": -1}, "start: got -1; allowed: above 0"),
        ({"initial": 0}, "initial: got 0; allowed: above 0"),
        ({"max_epochs": 0}, "max_epochs: got 0; allowed: a whole number"),
        ({"max_epochs": float("inf")}, "max_epochs: got inf"),
    ],
    ids=str,
)
def test_bad_arguments_are_named(given, words):
    with pytest.raises(ValueError, match=words):
        SGD(network().parameters(), lr=adapt.PeriodicALRS(**given))


def test_a_number_is_wanted():
    with pytest.raises(TypeError, match=r"PeriodicALRS: every: got '2'"):
        adapt.PeriodicALRS(every="2")  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_the_core_refuses_values_that_are_none(value):
    optimizer = SGD(network().parameters(), lr=adapt.PeriodicALRS(initial=0.1))
    with pytest.raises(ValueError, match="found must be above 0"):
        optimizer._core.set("found", value)
    assert optimizer.lr == 0.1


def test_a_search_that_settles_does_not_warn():
    model = network()
    rate = adapt.PeriodicALRS(max_epochs=20, rule="signs")
    optimizer = SGD(model.parameters(), lr=rate)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rate.search(optimizer, model, F.cross_entropy, (X, Y), batch_size=32).done
