"""Networks on random batches whose runs are differentiated, with values of every family of every rule."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

import lrswift as lr
from lrswift import nn
from lrswift.hypergradients.options import OPTIMIZERS
from lrswift.optim.rules import FAMILIES as ALL_FAMILIES
from lrswift.optim.rules import run_rule

F = nn.functional

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
    "epsilons": [1e-2, 3e-2],
}
# whose steps are as long as they are for Adam's rates
SCALES = {"sgd": 10, "nesterov": 10, "ema": 10, "rmsprop": 0.1, "adagrad": 5, "adadelta": 10}


def values_for(optimizer: str) -> dict[str, list[float]]:
    """Every family that the rule's card names; of those written above, the values there."""
    if optimizer in ("sgd", "nesterov"):
        return SGD
    held = {family: ADAM[family] for family in ("learning_rates", *run_rule(optimizer).families)}
    return held | {"learning_rates": [rate * SCALES.get(optimizer, 1) for rate in ADAM["learning_rates"]]}


VALUES = {optimizer: values_for(optimizer) for optimizer in OPTIMIZERS}
FAMILIES = [(optimizer, family) for optimizer, values in VALUES.items() for family in values]


def lenet(size: int) -> nn.Module:
    """LeNet's layers with tanh and average pooling, three classes."""
    side = (size // 2 - 4) // 2
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Linear(16 * side * side, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 3)),
    )


def normalized() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Linear(12, 6), nn.BatchNorm1d(6), nn.Softplus(), nn.Dropout(0.5), nn.Linear(6, 3)),
    )


NETWORKS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "mlp": (lambda: lr.models.mlp(6, [7, 5], 3, "tanh"), (6,)),
    "lenet": (lambda: lenet(12), (12, 12, 1)),
    "lenet28": (lambda: lenet(28), (28, 28, 1)),
    "batch_norm": (normalized, (4, 4, 2)),
    "relu": (lambda: lr.models.lenet(3, size=16), (16, 16, 1)),
}


class Problem:
    """A network on random batches, the last of them smaller, and the exact results of each optimizer."""

    def __init__(self, network: str, steps: int, clip: float | None) -> None:
        make, shape = NETWORKS[network]
        rng = np.random.default_rng(0)

        def batches(count: int, size: int) -> list[Any]:
            return [(rng.normal(size=(size, *shape)), rng.integers(0, 3, size)) for _ in range(count)]

        lr.seed(0)
        self.model = make()
        self.train = batches(steps - 1, 8) + batches(1, 5)
        self.valid = batches(2, 6) + batches(1, 3)
        self.clip = clip

    def run(self, optimizer: str, **changes: Any) -> Any:
        values = {**VALUES.get(optimizer, SGD), "mode": "forward", "clip_gradient": self.clip, **changes}
        return lr.hypergradient(
            self.model, F.cross_entropy, self.train, self.valid, optimizer=optimizer, **values
        )

    @functools.cache  # noqa: B019
    def exact(self, optimizer: str) -> Any:
        return self.run(optimizer)

    def error(self, optimizer: str, family: str) -> float:
        """Relative, along one random direction, at the best of several difference steps."""
        values = np.array(VALUES[optimizer][family])
        direction = np.random.default_rng(1).normal(size=len(values)) * values
        exact = getattr(self.exact(optimizer), family) @ direction

        def slope(h: float) -> float:
            up, down = (
                self.run(optimizer, **{family: values + s * h * direction}, columns=()).valid_loss
                for s in (1, -1)
            )
            return (up - down) / (2 * h)

        slopes = [slope(h) for h in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)]
        # what the two widest lead to, which lose least to the rounding of losses: their error is of order h^4
        slopes.append((100 * slopes[1] - slopes[0]) / 99)
        return min(abs(found - exact) for found in slopes) / abs(exact)


@functools.cache
def problem(network: str, steps: int = 40, clip: float | None = None) -> Problem:
    return Problem(network, steps, clip)


def check_equal(a: Any, b: Any, tolerance: float) -> None:
    for family in ALL_FAMILIES:
        x, y = getattr(a, family), getattr(b, family)
        assert x.shape == y.shape
        if len(x):
            np.testing.assert_allclose(x, y, rtol=0, atol=tolerance * np.abs(y).max(), err_msg=family)
