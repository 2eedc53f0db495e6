"""`find_lr` against the reference of ALRS."""

from __future__ import annotations

import numpy as np
import pytest
from reference import alrs, directions, problems

import lrswift as lr


class Network(lr.nn.Module):
    def __init__(self, arrays: list[np.ndarray]) -> None:
        super().__init__()
        self.w1, self.b1, self.w2, self.b2 = (lr.nn.Parameter(lr.tensor(a, dtype=lr.float64)) for a in arrays)

    def forward(self, x):
        return lr.tanh(x @ self.w1 + self.b1) @ self.w2 + self.b2


def half_mean_square(prediction, y):
    residual = prediction - y
    return 0.5 * lr.mean(residual * residual)


PAIRS = {
    "sgd": (lambda params, lr: sgd(params, lr), directions.SGD),
    "momentum": (lambda params, lr: sgd(params, lr, momentum=0.9), lambda: directions.SGD(momentum=0.9)),
    "adam": (lr.optim.Adam, directions.Adam),
}


def sgd(params, rate, **options):
    return lr.optim.SGD(params, lr=rate, **options)


@pytest.mark.parametrize("batches", [40, 100], ids=["one-batch-windows", "two-batch-windows"])
@pytest.mark.parametrize("pair", PAIRS)
def test_find_lr(pair: str, batches: int) -> None:
    """Windows of max(1, batches / 50) batches in the order given, for some epochs; the model is untouched."""
    make, reference = PAIRS[pair]
    problem = problems.TanhNetwork(batches)
    rate, search, signals, _ = alrs.find_lr(
        problem.initial(),
        [problem.at(t) for t in range(batches)],
        reference,
        start=1.0,
        fraction=0.1,
        max_epochs=5,
    )
    model = Network(problem.start)
    data = [
        tuple(lr.tensor(a, dtype=lr.float64) for a in (problem.x[t], problem.y[t])) for t in range(batches)
    ]
    before = {name: np.array(value) for name, value in model.state_dict().items()}
    found = lr.find_lr(
        model, half_mean_square, data, optimizer=make, start=1.0, fraction=0.1, max_epochs=5, rule="signs"
    )
    assert [int(s) for s in found.signals] == signals, f"{pair}: signals"
    assert found.value == pytest.approx(search.value, rel=1e-9)
    assert found.lr == pytest.approx(rate, rel=1e-9)
    for name, value in model.state_dict().items():
        assert np.array(value).tobytes() == before[name].tobytes(), f"find_lr changed {name}"


def test_find_lr_settles_near_the_inverse_curvature() -> None:
    """On h theta^2 / 2 the derivative along plain descent turns at rate * h = 1."""
    for curvature in (0.1, 1.0, 7.0):
        model = Network([np.zeros((5, 8)), np.zeros(8), np.zeros((8, 2)), np.array([1.3, -0.4])])
        data = [(np.zeros((4, 5)), np.zeros((4, 2)))] * 100
        loss = lambda model, x, y, h=curvature: 0.5 * h * lr.sum(model.b2 * model.b2)  # noqa: E731
        found = lr.find_lr(model, loss, data, optimizer=PAIRS["sgd"][0], fraction=1.0, rule="signs")
        assert 0.4 < found.lr * curvature < 1.6, f"curvature {curvature}: {found.lr}"
