"""The flight recorder: what it holds, what it says, and replays against runs."""

from __future__ import annotations

import numpy as np
import pytest

import lrswift as lr

H = np.array([1.0, 4.0, 10.0])


def run(rate, steps: int = 12, direction=lr.optim.SGD, capacity: int = 10_000, **options):
    theta = lr.tensor([1.0, -2.0, 0.5], dtype="float64", requires_grad=True)
    optimizer = direction([theta], lr=rate, **options)
    optimizer.record(True, capacity)
    seen = []
    for _ in range(steps):
        loss = optimizer.minimize(lambda: 0.5 * lr.sum(lr.tensor(H, dtype="float64") * theta * theta))
        seen.append((loss, optimizer.lr))
    return optimizer, np.array(seen)


@pytest.mark.parametrize(
    "rate",
    [
        lr.adapt.L4(),
        lr.adapt.TLR(window=1),
        lr.adapt.HD(),
        lr.adapt.SPS(),
        lr.adapt.QLABGrad(),
        lr.adapt.Newton(),
    ],
    ids=lambda rate: rate.rate,
)
def test_holds_losses_and_rates(rate) -> None:
    optimizer, seen = run(rate)
    history = optimizer.history
    np.testing.assert_array_equal(history["step"], np.arange(12))
    np.testing.assert_array_equal(history["loss"], seen[:, 0])
    np.testing.assert_array_equal(history["rate"], seen[:, 1])
    for step in range(12):
        said = optimizer.explain(step)
        assert said.startswith(f"step {step}: ")
        assert f"{seen[step, 0]:.6g}" in said and f"{seen[step, 1]:.6g}" in said


def test_slopes_are_inner_products() -> None:
    optimizer, _ = run(lr.adapt.SPS(), steps=1)
    gradient = H * np.array([1.0, -2.0, 0.5])
    assert optimizer.history["slope"][0] == pytest.approx(gradient @ gradient, rel=1e-14)
    assert optimizer.history["gradient_norm2"][0] == pytest.approx(90, rel=1e-14)


def test_the_ring_keeps_the_last() -> None:
    optimizer, seen = run(lr.adapt.L4(), steps=12, capacity=5)
    np.testing.assert_array_equal(optimizer.history["step"], np.arange(7, 12))
    np.testing.assert_array_equal(optimizer.history["rate"], seen[7:, 1])
    with pytest.raises(lr.ArgumentError, match="holds steps 7 to 11"):
        optimizer.explain(3)


@pytest.mark.parametrize(
    "rate",
    [
        lr.adapt.L4(),
        lr.adapt.TLR(window=1),
        lr.adapt.HD(),
        lr.adapt.HD(multiplicative=True),
        lr.adapt.BarzilaiBorwein(form=2),
        lr.adapt.DoG(),
        lr.adapt.DoWG(),
    ],
    ids=lambda r: r.rate,
)
def test_replay_gives_the_run_itself_and_other_settings(rate) -> None:
    optimizer, seen = run(rate)
    np.testing.assert_array_equal(lr.adapt.replay(optimizer.history, rate), seen[:, 1])


def test_replay_with_other_settings() -> None:
    optimizer, seen = run(lr.adapt.L4(alpha=0.15))
    doubled = lr.adapt.replay(optimizer.history, lr.adapt.L4(alpha=0.3))
    np.testing.assert_allclose(doubled, 2 * seen[:, 1], rtol=1e-12)


def test_replay_needs_a_method_that_needs_no_model() -> None:
    optimizer, _ = run(lr.adapt.L4(), steps=2)
    with pytest.raises(lr.ArgumentError, match="QLABGrad needs the model itself"):
        lr.adapt.replay(optimizer.history, lr.adapt.QLABGrad())


def test_says_what_held_the_rate() -> None:
    optimizer, _ = run(lr.adapt.BarzilaiBorwein(initial=0.001, max_lr=0.05))
    assert optimizer.history["bound"][0] == 0 and "held" not in optimizer.explain(0)
    held = int(np.flatnonzero(optimizer.history["bound"] == 1)[0])
    assert optimizer.history["rate"][held] == 0.05 and "held at max_lr" in optimizer.explain(held)


def test_says_that_a_formula_gave_no_rate() -> None:
    theta = lr.tensor([1.0, 2.0], dtype="float64", requires_grad=True)
    optimizer = lr.optim.SGD([theta], lr=lr.adapt.Newton(initial=0.1))
    optimizer.record(True)
    optimizer.minimize(lambda: lr.sum(theta * theta))
    optimizer.minimize(lambda: -lr.sum(theta * theta))
    np.testing.assert_array_equal(optimizer.history["fallback"], [0, 1])
    assert "fallback" not in optimizer.explain(0) and "a fallback" in optimizer.explain(1)


def test_skipped_steps_say_so() -> None:
    theta = lr.tensor([1.0], dtype="float64", requires_grad=True)
    optimizer = lr.optim.SGD([theta], lr=lr.adapt.L4())
    optimizer.record(True)
    optimizer.minimize(lambda: lr.sum(theta * float("nan")))
    assert "skipped" in optimizer.explain(0)
    assert optimizer.history["outcome"][0] == 2


def test_off_holds_nothing() -> None:
    optimizer, _ = run(lr.adapt.L4(), steps=2)
    optimizer.record(False)
    assert len(optimizer.history["step"]) == 0
    with pytest.raises(lr.ArgumentError, match="record"):
        optimizer.explain(0)


def test_replay_says_what_it_takes() -> None:
    with pytest.raises(TypeError, match=r"^record: got Tensor; allowed: what `optimizer\.history` is"):
        lr.adapt.replay(lr.ones(2), lr.adapt.L4())
    with pytest.raises(TypeError, match=r"^adapter: got NoneType; allowed: one of lrswift\.adapt"):
        lr.adapt.replay({}, None)
