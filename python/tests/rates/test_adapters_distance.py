"""DoWG, D-Adaptation and Prodigy: golden numbers, and steps before there is a gradient."""

from __future__ import annotations

import goldens
import numpy as np
import pytest
from reference import problems
from twins import Quadratic, native, sgd

import lrswift as lr

A = lr.adapt


def test_dowg_golden() -> None:
    """f = sum x^2 from (1, 2, 3); the printed numbers were computed in float32."""
    theta = lr.tensor(np.array([1.0, 2.0, 3.0]), dtype=lr.float64, requires_grad=True)
    optimizer, losses = lr.optim.SGD([theta], lr=A.DoWG(initial=0.01)), []
    for _ in range(5):
        optimizer.minimize(lambda: lr.sum(theta * theta))
        losses.append(float(np.sum(theta.numpy() ** 2)))
    goldens.near(losses, goldens.DOWG_LOSSES, 2e-6)


def test_d_adaptation_golden() -> None:
    """The estimate stays below the distance to the minimum."""
    quadratic = Quadratic(sgd(lambda: A.DAdaptation()))
    found, losses = [], []
    for _ in range(60):
        quadratic.run(1)
        found.append(float(quadratic.optimizer.state_dict()["rate.0.distance"]))
        losses.append(quadratic.closure().item())
    for step, distance in goldens.D_ADAPTATION.items():
        assert found[step] == pytest.approx(distance, rel=5e-8), f"step {step}"
    goldens.near(losses[-1], goldens.D_ADAPTATION_LOSS, 5e-8)
    assert max(found) < np.linalg.norm(problems.START)


@pytest.mark.parametrize("rate", ["DAdaptation", "Prodigy"])
def test_no_step_before_a_gradient_even_with_decay(rate: str) -> None:
    """|s| = 0: unchanged, decoupled decay included."""
    theta = native(problems.START)
    theta.requires_grad = True
    optimizer = lr.optim.AdamW([theta], lr=getattr(A, rate)(d0=0.1), weight_decay=0.5)
    optimizer.minimize(lambda: lr.sum(0.0 * theta))
    assert theta.numpy().tobytes() == problems.START.tobytes()
    assert optimizer.lr == 0.0
