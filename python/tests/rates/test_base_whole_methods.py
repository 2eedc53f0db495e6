"""What whole methods do where there is nothing to go by: gradients of zero, none at all, no finite loss."""

from __future__ import annotations

import math

import numpy as np
import pytest
from reference import problems
from twins import Quadratic, native
from whole_method_cases import EACH_PAIR, native_parameter, pair

import lrswift as lr

A = lr.adapt


@pytest.mark.parametrize(("rate", "direction"), EACH_PAIR)
def test_zero_gradients_move_nothing_and_lose_nothing(rate: str, direction: str) -> None:
    """|s| = 0, 0 / 0 and an empty window: three steps of zero gradients, then the first real one works."""
    options = {"weight_decay": 0.0} if direction == "AdamW" else {}
    make = getattr(lr.optim, direction)
    quadratic = Quadratic(lambda p: make(p, lr=getattr(A, rate)(), **options))
    quadratic.theta.assign(native(np.zeros(3)))
    for _ in range(3):
        quadratic.optimizer.minimize(quadratic.closure)
        assert not np.any(quadratic.theta.numpy())
        assert np.isfinite(quadratic.optimizer.lr)
        state = quadratic.optimizer.state_dict()
        assert all(np.all(np.isfinite(v)) or "window" in k for k, v in state.items())
    quadratic.theta.assign(native(problems.START))
    quadratic.run(5)
    moved = quadratic.theta.numpy()
    assert np.all(np.isfinite(moved)) and np.any(moved != problems.START)


@pytest.mark.parametrize(("rate", "direction"), [("Prodigy", "Adam"), ("ScheduleFree", "SGD")])
def test_a_parameter_begins_where_it_stands_at_its_first_gradient(rate: str, direction: str) -> None:
    """Two steps without a gradient for b, which is set in between: b has not moved, and starts from there."""
    options = {"d0": 0.1} if rate == "Prodigy" else {"lr": 0.1}
    a, b = native_parameter(), native_parameter()
    optimizer = pair(rate, direction, **options)([a, b])
    for _ in range(2):
        optimizer.minimize(lambda: lr.sum(a * a))
        assert b.numpy().tobytes() == np.ones(3).astype(b.numpy().dtype).tobytes()
    b.assign(lr.tensor(np.full(3, 5.0)))
    optimizer.minimize(lambda: lr.sum(a * a) + lr.sum(b * b))
    state = optimizer.state_dict()
    start = state.get("param.1.first_point", b.numpy())
    assert np.all(start > 4) and np.all(b.numpy() > 3) and np.all(b.numpy() < 5)


@pytest.mark.parametrize(("rate", "direction"), EACH_PAIR)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_changes_nothing(rate: str, direction: str, bad: float) -> None:
    quadratic = Quadratic(pair(rate, direction))
    quadratic.run(4)
    before, state = quadratic.theta.numpy().copy(), quadratic.optimizer.state_dict()
    quadratic.optimizer.minimize(lambda: quadratic.closure() * bad)
    assert quadratic.theta.numpy().tobytes() == before.tobytes()
    after = quadratic.optimizer.state_dict()
    assert after.pop("skipped_steps") == state.pop("skipped_steps") + 1
    assert {k: v.tobytes() for k, v in after.items()} == {k: v.tobytes() for k, v in state.items()}
    quadratic.run(1)
    assert quadratic.optimizer.skipped_steps == 1
