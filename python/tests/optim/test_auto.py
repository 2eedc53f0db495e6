"""lr="auto": the search leaves no trace but the rate, and what it came to can be written out."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest

import lrswift as lr
from lrswift.nn import functional as F
from lrswift.optim.directions import directions

STEPS = 240


def network(seed: int = 0, norm: bool = False) -> lr.nn.Module:
    lr.seed(seed)
    layers = [lr.nn.Linear(12, 24), *([lr.nn.BatchNorm1d(24)] if norm else []), lr.nn.ReLU()]
    return lr.nn.Sequential(*layers, lr.nn.Linear(24, 3))


def data(rows: int = 512) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((rows, 12)).astype(np.float32)
    return x, (x @ rng.standard_normal((12, 3)) + rng.standard_normal((rows, 3))).argmax(1)


X, Y = data()


def batch(step: int) -> tuple[lr.Tensor, lr.Tensor]:
    at = np.random.default_rng(step).integers(0, len(X), 32)
    return lr.tensor(X[at]), lr.tensor(Y[at])


def train(model: lr.nn.Module, optimizer: lr.optim.Optimizer, first: int, last: int) -> list[float]:
    losses = []
    for step in range(first, last):
        x, y = batch(step)
        losses.append(optimizer.minimize(lambda x=x, y=y: F.cross_entropy(model(x), y)))
    return losses


def values(model: lr.nn.Module) -> dict[str, np.ndarray]:
    return {name: value.copy() for name, value in model.state_dict().items()}


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


def search(model: lr.nn.Module, optimizer: lr.optim.Optimizer) -> int:
    """Steps until the search is over."""
    count = 0
    while not count or np.isnan(optimizer._core.get("found")):
        train(model, optimizer, count, count + 1)
        count += 1
    return count


@pytest.mark.parametrize("direction", list(directions()))
def test_after_the_search_everything_is_as_before_it(direction):
    model = network(norm=True)
    optimizer = directions()[direction](model.named_parameters(), lr=lr.adapt.Auto(steps=STEPS))
    fresh = directions()[direction](model.named_parameters(), lr=0.1).state_dict()
    before = values(model)
    count = search(model, optimizer)
    assert 2 <= count <= 32
    assert_same(values(model), before)
    after = optimizer.state_dict()
    counted = ("step", "skipped_steps")
    own = {name: value for name, value in fresh.items() if name not in counted and not name.endswith(".lr")}
    assert_same({name: after[name] for name in own}, own)
    losses = train(model, optimizer, count, STEPS)
    assert np.mean(losses[-20:]) < 0.8 * losses[0]


def test_a_model_that_was_trained_is_not_undone():
    model = network()
    train(model, lr.optim.Adam(model.parameters(), lr=0.01), 0, 50)
    before = values(model)
    search(model, lr.optim.Auto(model.parameters(), steps=STEPS))
    assert_same(values(model), before)


@pytest.mark.parametrize("make", [
    lambda p: lr.optim.Auto(p, steps=STEPS),
    lambda p: lr.optim.SGD(p, lr=lr.adapt.Auto(steps=STEPS), momentum=0.9),
])  # fmt: skip
def test_the_frozen_optimizer_gives_the_same_bits_without_a_search(make):
    model, twin = network(), network()
    optimizer = make(model.named_parameters())
    losses = train(model, optimizer, 0, STEPS)
    searched = int(optimizer._core.get("searched"))
    frozen = optimizer.frozen(twin.named_parameters())
    assert isinstance(frozen.rate, lr.schedule.Trapezoid)
    assert frozen.rate.steps == STEPS - searched
    assert train(twin, frozen, searched, STEPS) == losses[searched:]
    assert_same(values(model), values(twin))


def test_frozen_says_when_there_is_nothing_to_freeze():
    model = network()
    optimizer = lr.optim.Auto(model.named_parameters(), steps=STEPS)
    with pytest.raises(lr.ArgumentError, match="no step was taken yet"):
        optimizer.frozen()
    train(model, optimizer, 0, 5)
    with pytest.raises(lr.ArgumentError, match="5 steps of it are taken"):
        optimizer.frozen()
    with pytest.raises(lr.ArgumentTypeError, match="lr='auto'"):
        lr.optim.Adam(model.parameters()).frozen()


@pytest.mark.parametrize("stop", [1, 6, 60])
def test_state_goes_on_to_the_bit_also_in_the_middle_of_the_search(stop):
    model = network()
    optimizer = lr.optim.Auto(model.named_parameters(), steps=STEPS)
    train(model, optimizer, 0, stop)
    twin = network(1)
    other = lr.optim.Auto(twin.named_parameters(), steps=STEPS)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    twin.load_state_dict(values(model))
    assert train(model, optimizer, stop, STEPS) == train(twin, other, stop, STEPS)
    assert_same(values(model), values(twin))


def test_running_statistics_see_nothing_of_the_search():
    model = network(norm=True)
    before = {name: b.numpy().copy() for name, b in model.named_buffers()}
    optimizer = lr.optim.Auto(model.named_parameters(), steps=STEPS)
    search(model, optimizer)
    assert_same({name: b.numpy().copy() for name, b in model.named_buffers()}, before)
    train(model, optimizer, 40, 41)
    assert any((b.numpy() != before[name]).any() for name, b in model.named_buffers())


def test_a_run_without_an_end_goes_on_until_it_is_told_to_finish():
    model, twin = network(), network()
    optimizer = lr.optim.Auto(model.named_parameters(), steps=math.inf)
    with pytest.raises(lr.ArgumentError, match="the search is not over"):
        optimizer.finish(10)
    count = search(model, optimizer)
    with pytest.raises(lr.ArgumentError, match="no end"):
        optimizer.frozen()
    assert "until finish(steps)" in optimizer.explain()
    losses = train(model, optimizer, count, count + 200)
    level = optimizer.lr
    losses += train(model, optimizer, count + 200, count + 210)
    assert optimizer.lr == level
    for steps in (0, 1.5, True):
        with pytest.raises(lr.Error, match="finish: steps"):
            optimizer.finish(steps)
    optimizer.finish(40)
    losses += train(model, optimizer, count + 210, count + 250)
    assert optimizer.lr == pytest.approx(level / 40)
    with pytest.raises(lr.ArgumentError, match="are taken"):
        train(model, optimizer, 0, 1)
    frozen = optimizer.frozen(twin.named_parameters())
    assert frozen.rate.steps == 250
    assert train(twin, frozen, count, count + 250) == losses
    assert_same(values(model), values(twin))
    with pytest.raises(lr.ArgumentTypeError, match="lr='auto'"):
        lr.optim.Adam(model.parameters()).finish(10)


def test_the_number_of_steps_must_be_known():
    model = network()
    for optimizer in (lr.optim.Auto(model.parameters()), lr.optim.SGD(model.parameters(), lr="auto")):
        before = values(model)
        with pytest.raises(lr.ArgumentError, match="steps="):
            train(model, optimizer, 0, 1)
        assert_same(values(model), before)
    with pytest.raises(lr.ArgumentError, match="steps"):
        lr.optim.Auto(model.parameters(), steps=0)


def test_no_step_is_taken_beyond_the_run():
    model = network()
    optimizer = lr.optim.Auto(model.parameters(), steps=20)
    train(model, optimizer, 0, 20)
    before = values(model)
    with pytest.raises(lr.ArgumentError, match="the 20 steps of the run are taken"):
        train(model, optimizer, 20, 21)
    assert_same(values(model), before)


def test_what_is_not_finite_ends_the_search_and_leaves_the_model():
    model = network()
    optimizer = lr.optim.Auto(model.named_parameters(), steps=STEPS)
    before = values(model)
    train(model, optimizer, 0, 6)
    weight = next(model.parameters())
    optimizer.minimize(lambda: weight.sum() * float("nan"))
    assert_same(values(model), before)
    assert np.isfinite(optimizer._core.get("found")) and optimizer.skipped_steps == 0
    train(model, optimizer, 7, STEPS)


def test_losses_below_zero_are_losses():
    model = network()
    optimizer = lr.optim.Auto(model.named_parameters(), steps=STEPS)
    losses = []
    for step in range(STEPS):
        x, y = batch(step)
        losses.append(optimizer.minimize(lambda x=x, y=y: F.cross_entropy(model(x), y) - 5.0))
    assert np.mean(losses[-20:]) < losses[0] - 0.2


def test_it_says_what_it_chose():
    model = network()
    optimizer = lr.optim.Auto(model.named_parameters(), steps=STEPS)
    assert "no step taken yet, in a run of 240 steps" in optimizer.explain()
    train(model, optimizer, 0, 4)
    assert "step 4 of the search" in optimizer.explain()
    count = search(model, optimizer) + 4
    told = optimizer.explain()
    assert f"found in {count} steps" in told and f"{optimizer.frozen().rate!r}" in told
    assert "no run has begun" in lr.optim.Auto(model.parameters()).explain()
    short = lr.optim.Auto(model.parameters(), steps=100)
    train(model, short, 0, 1)
    assert "too short" in short.explain() and "not searched for" in short.explain()


def test_every_step_of_the_search_is_on_record():
    model = network()
    optimizer = lr.optim.Auto(model.named_parameters(), steps=STEPS)
    optimizer.record(True)
    count = search(model, optimizer)
    rates = optimizer.history["rate"][:count]
    growth = rates[1:-1] / rates[:-2]
    np.testing.assert_allclose(growth, growth[0], rtol=1e-12)
    assert rates[-1] == 0
    assert "everything is as before it" in optimizer.explain(count - 1)
    assert "below 0 a step was too long" in optimizer.explain(count - 2)


def test_guarded_from_the_start_and_the_guard_can_be_switched_off():
    optimizer = lr.optim.Auto(network().parameters(), steps=STEPS)
    assert optimizer._core.get("guard") != 0
    optimizer.guard(on=False)
    assert optimizer._core.get("guard") == 0


def test_a_copy_shared_by_steps_undoes_all_of_them():
    weight = lr.tensor([1.0, -2.0], requires_grad=True)
    optimizer = lr.optim.SGD([weight], lr=0.1)
    optimizer.guard(every=4)
    kept = []
    for _ in range(6):
        kept.append(weight.numpy().copy())
        optimizer.minimize(lambda: (weight * weight).sum())
    # copies were made before steps 0 and 4
    optimizer.minimize(lambda: (weight * weight).sum() * 1e6)
    np.testing.assert_array_equal(weight.numpy(), kept[4])
    assert optimizer.rollbacks == 1 and int(optimizer._core.get("step")) == 4
    twin = copy.deepcopy(optimizer)
    assert twin._core.get("guard_every") == 4
    with pytest.raises(lr.ArgumentError, match="every: got 0"):
        optimizer.guard(every=0)
