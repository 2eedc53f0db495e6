"""Schedules: the rates that an optimizer takes, against formulas in NumPy; products and descriptions."""

import dataclasses

import numpy as np
import pytest

import lrswift as lr
from lrswift import schedule as sc

T = np.arange(50)


def rates(rate, steps=50):
    """What SGD moves a parameter by, whose gradient is always 1."""
    theta = lr.tensor([0.0], dtype="float64", requires_grad=True)
    optimizer = lr.optim.SGD([theta], lr=rate)
    found = []
    for _ in range(steps):
        before = theta.item()
        optimizer.minimize(lambda: theta.sum())
        found.append(before - theta.item())
        assert optimizer.lr == pytest.approx(found[-1], rel=1e-9, abs=1e-12)
    return np.array(found)


def warm_restarts(first, last, steps, mult):
    """PyTorch's CosineAnnealingWarmRestarts, which keeps where it is instead of computing it."""
    found, now, length = [], 0, steps
    for _ in T:
        found.append(last + (first - last) * (1 + np.cos(np.pi * now / length)) / 2)
        now += 1
        if now >= length:
            now, length = now - length, length * mult
    return np.array(found)


def one_cycle(highest, steps, fraction=0.3, div=25.0, final_div=1e4):
    """PyTorch's OneCycleLR: a list of phases, each with its last step and its values."""
    first = highest / div
    phases = [(fraction * steps - 1, first, highest), (steps - 1.0, highest, first / final_div)]
    found = []
    for t in np.minimum(T, steps - 1):
        start = 0.0
        for end, a, b in phases:
            if t <= end or end == phases[-1][0]:
                found.append(b + (a - b) / 2 * (1 + np.cos(np.pi * (t - start) / (end - start))))
                break
            start = end
    return np.array(found)


LEARNED = [0.3, -0.1, 0.2, 0.0, 0.05]
CASES = {
    "constant": (sc.Constant(-0.2), np.full(50, -0.2)),
    "step": (sc.Step(0.5, 7), 0.5 * 0.1 ** (T // 7)),
    "multi_step": (
        sc.MultiStep(0.5, [3, 20, 21], 0.4),
        0.5 * 0.4 ** np.searchsorted([3, 20, 21], T, "right"),
    ),
    "exponential": (sc.Exponential(0.5, 0.93), 0.5 * 0.93**T),
    "reciprocal": (sc.Reciprocal(0.5, 0.3), 0.5 / (1 + 0.3 * T)),
    "linear": (sc.Linear(0.1, 0.5, 40), np.interp(T, [0, 40], [0.1, 0.5])),
    "cosine": (
        sc.Cosine(0.5, 0.1, steps=30),
        0.1 + 0.2 * (1 + np.cos(np.pi * np.minimum(T, 30) / 30)),
    ),
    "restarts": (sc.Cosine(0.5, 0.1, steps=9, cycle_mult=1), warm_restarts(0.5, 0.1, 9, 1)),
    "sgdr": (sc.Cosine(0.5, steps=6, cycle_mult=2), warm_restarts(0.5, 0.0, 6, 2)),
    "one_cycle": (sc.OneCycle(0.5, 45), one_cycle(0.5, 45)),
    "one_cycle_uneven": (sc.OneCycle(0.5, 33, 0.45, 10, 100), one_cycle(0.5, 33, 0.45, 10, 100)),
    "warm_up": (sc.WarmUp(12), np.interp(T, [0, 12], [1 / 3, 1])),
    "piecewise": (sc.Piecewise(LEARNED, 42), np.array(LEARNED)[np.minimum(5 * T // 42, 4)]),
    "trapezoid": (
        sc.Trapezoid(0.5, 45, 8, 20),
        0.5 * np.clip(np.minimum((T + 1) / 8, (45 - T) / 20), 0, 1),
    ),
    "trapezoid_level": (sc.Trapezoid(-0.5, 45), np.where(T < 45, -0.5, 0)),
    "product": (sc.WarmUp(9, 0.0) * sc.Exponential(0.5, 0.9), np.minimum(T / 9, 1) * 0.5 * 0.9**T),
}


@pytest.mark.parametrize("case", CASES)
def test_rates_are_those_of_the_formula(case):
    schedule, expected = CASES[case]
    np.testing.assert_allclose(rates(schedule), expected, rtol=1e-12, atol=1e-14)


def test_every_schedule_is_tested():
    named = {cls.name for cls in vars(sc).values() if isinstance(cls, type) and hasattr(cls, "name")}
    assert named == {factor.name for schedule, _ in CASES.values() for factor in schedule.factors}


@pytest.mark.parametrize("direction", [lr.optim.SGD, lr.optim.Adam])
def test_a_constant_schedule_is_the_number(direction):
    ends = []
    for rate in (0.05, sc.Constant(0.05), 0.1 * sc.Constant(0.5)):
        theta = lr.tensor([1.0, -2.0], dtype="float64", requires_grad=True)
        optimizer = direction([theta], lr=rate)
        for _ in range(10):
            optimizer.minimize(lambda theta=theta: (theta * theta).sum())
        ends.append(theta.numpy())
    np.testing.assert_array_equal(ends[1], ends[0])
    np.testing.assert_allclose(ends[2], ends[0], rtol=1e-15)


@pytest.mark.parametrize("adapter", [lr.adapt.L4(), lr.adapt.QLABGrad(find_trial=False, trial=0.01)])
def test_a_schedule_times_an_adapter(adapter):
    """From the same point and with the same memory an adapter decides the same; then it is scaled."""

    def first(rate):
        theta = lr.tensor([1.0, -2.0], dtype="float64", requires_grad=True)
        optimizer = lr.optim.SGD([theta], lr=rate)
        optimizer.minimize(lambda: (theta * theta * lr.tensor([1.0, 3.0], dtype="float64")).sum())
        return optimizer.lr

    whole = first(adapter)
    assert whole > 0
    for scaled in (sc.Constant(0.5) * adapter, adapter * sc.WarmUp(10, 0.5)):
        assert first(scaled) == pytest.approx(whole / 2, rel=1e-15)


def test_a_scaled_probing_adapter_still_needs_minimize():
    theta = lr.tensor([1.0], requires_grad=True)
    optimizer = lr.optim.SGD([theta], lr=sc.WarmUp(10) * lr.adapt.QLABGrad())
    loss = (theta * theta).sum()
    loss.backward()
    with pytest.raises(TypeError, match="minimize"):
        optimizer.step(loss)


def test_a_resumed_run_goes_on_where_it_was():
    schedule = sc.WarmUp(5) * sc.Cosine(0.3, steps=20)
    theta = lr.tensor([0.0], dtype="float64", requires_grad=True)
    first, second = lr.optim.SGD([theta], lr=schedule), lr.optim.SGD([theta], lr=schedule)
    for _ in range(7):
        first.minimize(lambda: theta.sum())
    second.load_state_dict(first.state_dict())
    assert second.lr == first.lr
    first.minimize(lambda: theta.sum())
    second.minimize(lambda: theta.sum())
    assert second.lr == first.lr != rates(schedule, 1)[0]


def test_skipped_steps_do_not_count():
    theta = lr.tensor([0.0], dtype="float64", requires_grad=True)
    optimizer = lr.optim.SGD([theta], lr=sc.Linear(4.0, 0.0, 4))
    for i in range(3):
        optimizer.minimize(lambda i=i: theta.sum() * (np.nan if i == 1 else 1.0))
    assert optimizer.skipped_steps == 1
    assert theta.item() == -(4.0 + 3.0)


def test_groups():
    a, b, c = (lr.tensor([0.0], dtype="float64", requires_grad=True) for _ in range(3))
    groups = [
        {"params": [("a", a)]},
        {"params": [("b", b)], "lr": 0.5},
        {"params": [("c", c)], "lr": sc.Constant(-2)},
    ]
    optimizer = lr.optim.SGD(groups, lr=sc.Linear(4.0, 0.0, 4))
    for _ in range(2):
        optimizer.minimize(lambda: (a + b + c).sum())
    assert [t.item() for t in (a, b, c)] == [-7.0, -1.0, 4.0]
    assert optimizer.lr == {"a": 3.0, "b": 0.5, "c": -2.0}


def test_the_rate_before_any_step():
    theta = lr.tensor([0.0], requires_grad=True)
    assert lr.optim.SGD([theta], lr=sc.Exponential(0.3, 0.5)).lr == 0.3


def test_fit_follows_the_schedule():
    model = lr.models.mlp(3, [4], 2)
    x, y = np.random.default_rng(0).normal(size=(32, 3)).astype("float32"), np.arange(32) % 2
    optimizer = lr.optim.SGD(model.parameters(), lr=sc.Linear(0.1, 0.0, 10))
    lr.fit(model, optimizer, (x, y), epochs=2, batch_size=8, progress=False)
    assert optimizer.lr == pytest.approx(0.1 * 3 / 10)


def test_names_of_adapters():
    assert lr.adapt.named("l4") == lr.adapt.L4()
    assert lr.adapt.named("NTLR") == lr.adapt.TLR(variant="ntlr")
    with pytest.raises(lr.ArgumentError, match=r"'l5'; allowed: a number, or one of .*\bl4\b.*\bqlabgrad\b"):
        lr.adapt.named("l5")
    theta = lr.tensor([1.0], requires_grad=True)
    assert lr.optim.SGD([theta], lr="qlabgrad").rate == lr.adapt.QLABGrad()


# ---- descriptions ------------------------------------------------------------------------------------------
def test_products_are_flat():
    a, b, c = sc.WarmUp(3), sc.Constant(2.0), sc.Step(1.0, 2)
    assert (a * b * c).factors == (a * (b * c)).factors == sc.Product([a, b, c]).factors == (a, b, c)
    assert sc.Product(a, b) == a * b != b * a
    assert (0.5 * a).factors == (a * np.float64(0.5)).factors == (np.float64(0.5) * a).factors
    scaled = a * lr.adapt.L4(max_lr=3.0) * b
    assert scaled == sc.Scaled(lr.adapt.L4(max_lr=3.0), a * b)
    assert (scaled.min_lr, scaled.max_lr) == (0.0, 3.0)
    assert sc.Scaled(lr.adapt.TLR(), a).steps_per_epoch is None


def test_attributes():
    product = sc.WarmUp(3) * sc.Piecewise(np.array([1.0, 2.0]), 5)
    expected = {
        "schedule.0": "warm_up", "schedule.0.steps": 3, "schedule.0.start_factor": 1 / 3,
        "schedule.1": "piecewise", "schedule.1.values": (1.0, 2.0), "schedule.1.steps": 5,
    }  # fmt: skip
    assert product.attributes() == expected
    scaled = product * lr.adapt.L4()
    assert scaled.core_name == "l4"
    assert scaled.attributes() == lr.adapt.L4().attributes() | expected


def test_descriptions_are_values():
    assert sc.MultiStep(1.0, [1, 2]) == sc.MultiStep(1.0, (1, 2))
    assert len({sc.Piecewise([1, 2], 5), sc.Piecewise([1, 2], 5), sc.Constant(1) * sc.WarmUp(3)}) == 2
    assert repr(sc.MultiStep(1.0, [1, 2])) == "MultiStep(initial=1.0, milestones=(1, 2), gamma=0.1)"
    with pytest.raises(dataclasses.FrozenInstanceError):
        sc.Constant(1.0).rate = 2.0


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: sc.Constant("0.1"), TypeError, "Constant: rate: got '0.1'"),
        (lambda: sc.Constant(float("nan")), ValueError, "Constant: rate: got nan"),
        (lambda: sc.Piecewise(0.1, 10), TypeError, "Piecewise: values: got 0.1"),
        (lambda: sc.Piecewise([], 10), ValueError, "Piecewise: values: empty"),
        (lambda: sc.Piecewise([0.1, float("inf")], 10), ValueError, r"Piecewise: values\[1\]: got inf"),
        (lambda: sc.Piecewise([[1], [1, 2]], 10), TypeError, "Piecewise: values: got"),
        (lambda: sc.MultiStep(0.1, "12"), TypeError, "MultiStep: milestones: got '12'"),
        (lambda: sc.Product(), ValueError, "Product: empty"),
        (lambda: sc.Product(sc.WarmUp(3), 0.1), TypeError, "Product: got 0.1"),
        (lambda: sc.WarmUp(3) * {}, TypeError, "unsupported operand"),
        (lambda: sc.Scaled(0.1, sc.WarmUp(3)), TypeError, "Scaled: adapter: got 0.1"),
        (lambda: sc.Scaled(lr.adapt.L4(), 0.1), TypeError, "Scaled: schedule: got 0.1"),
    ],
)
def test_wrong_types_are_named_at_once(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    "schedule, message",
    [
        (sc.Step(0.1, 0), "step schedule: step_size must be a whole number at least 1 .*got 0"),
        (sc.Cosine(0.1, steps=2.5), "cosine schedule: steps must be a whole number .*got 2.5"),
        (sc.MultiStep(0.1, [5, 3]), "multi-step schedule: milestones must increase, got 3 after 5"),
        (sc.WarmUp(5) * sc.Reciprocal(0.1, -1), "reciprocal schedule: decay must be at least 0, got -1"),
        (sc.OneCycle(0.1, 10, warm_fraction=1.5), "one-cycle schedule: warm_fraction must be .*got 1.5"),
        (sc.WarmUp(5, 2) * lr.adapt.L4(), "warm-up: start_factor must be at least 0 and below 1, got 2"),
    ],
)
def test_bounds_are_those_of_the_card(schedule, message):
    with pytest.raises(ValueError, match=message):
        lr.optim.SGD([lr.ones(2, requires_grad=True)], lr=schedule)


def test_growth_without_end_is_an_error_that_changes_nothing():
    theta = lr.tensor([0.0], dtype="float64", requires_grad=True)
    optimizer = lr.optim.SGD([theta], lr=sc.Exponential(1.0, 1e200))
    optimizer.minimize(lambda: theta.sum())
    optimizer.minimize(lambda: theta.sum())
    before = theta.item()
    with pytest.raises(ValueError, match="schedule: the value at step 2 must be finite, got inf"):
        optimizer.minimize(lambda: theta.sum())
    assert theta.item() == before
