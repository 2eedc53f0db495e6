"""Hypergradients against central differences of whole training runs, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lrswift as lr

F = lr.nn.functional

SGD = {
    "learning_rates": [0.1, 0.2, 0.15, 0.1],
    "momentums": [0.9, 0.5],
    "weight_decays": [0.01, 0.03],
}
ADAM = {
    "learning_rates": [0.01, 0.02, 0.015, 0.01],
    "momentums": [0.9, 0.8],
    "weight_decays": [0.01, 0.03],
    "beta2s": [0.99, 0.95],
    "epsilons": [1e-3, 1e-2],
}
VALUES = {"sgd": SGD, "nesterov": SGD, "adam": ADAM}
CASES = [(optimizer, family) for optimizer, values in VALUES.items() for family in values]


class Problem:
    """A network on random batches of unequal sizes."""

    def __init__(self, model: Any, shape: tuple[int, ...], steps: int = 40, **options: Any) -> None:
        rng = np.random.default_rng(0)

        def batches(count: int, size: int) -> list[Any]:
            return [(rng.normal(size=(size, *shape)), rng.integers(0, 3, size)) for _ in range(count)]

        self.model = model
        self.train = batches(steps - 1, 8) + batches(1, 5)
        self.valid = batches(2, 6) + batches(1, 3)
        self.options = options

    def run(self, optimizer: str, **changes: Any) -> Any:
        return lr.hypergradient(
            self.model,
            F.cross_entropy,
            self.train,
            self.valid,
            optimizer=optimizer,
            **{**VALUES[optimizer], **self.options, **changes},
        )

    def error(self, optimizer: str, family: str) -> float:
        """Relative, along one random direction, at the best of several difference steps."""
        values = np.array(VALUES[optimizer][family])
        direction = np.random.default_rng(1).normal(size=len(values)) * values
        exact = getattr(self.run(optimizer), family) @ direction
        losses = {
            h: [self.run(optimizer, **{family: values + s * h * direction}).valid_loss for s in (1, -1)]
            for h in (1e-2, 1e-3, 1e-4, 1e-5)
        }
        return min(abs((up - down) / (2 * h) - exact) for h, (up, down) in losses.items()) / abs(exact)


@pytest.fixture(scope="module")
def mlp() -> Problem:
    lr.seed(0)
    return Problem(lr.models.mlp(6, [7, 5], 3, "tanh"), (6,))


@pytest.mark.parametrize(("optimizer", "family"), CASES)
def test_finite_differences(mlp: Problem, optimizer: str, family: str) -> None:
    assert mlp.error(optimizer, family) < 1e-6


@pytest.mark.parametrize("optimizer", VALUES)
def test_forward_is_reverse(mlp: Problem, optimizer: str) -> None:
    forward, reverse = mlp.run(optimizer), mlp.run(optimizer, mode="reverse")
    for family in VALUES[optimizer]:
        expected = getattr(reverse, family)
        np.testing.assert_allclose(getattr(forward, family), expected, atol=1e-10 * np.abs(expected).max())
    assert forward.valid_loss == reverse.valid_loss
