"""Modules of torch on random batches whose runs are differentiated, with values of every family."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import lrswift as lr
from lrswift.optim.rules import FAMILIES as ALL_FAMILIES
from lrswift.optim.rules import run_rule

SGD = {"learning_rates": [0.1, 0.2, 0.15, 0.1], "momentums": [0.9, 0.5], "weight_decays": [0.01, 0.03]}
ADAM = {
    "learning_rates": [0.01, 0.02, 0.015, 0.01], "momentums": [0.9, 0.8], "weight_decays": [0.01, 0.03],
    "beta2s": [0.99, 0.95], "epsilons": [1e-2, 3e-2],
}  # fmt: skip
OPTIMIZERS = ("sgd", "nesterov", "ema", "adam", "adamw", "rmsprop", "adagrad", "adadelta")


def values_for(optimizer: str) -> dict[str, list[float]]:
    if optimizer in ("sgd", "nesterov"):
        return SGD
    return {name: ADAM[name] for name in ("learning_rates", *run_rule(optimizer).families)}


def normalized() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Linear(12, 6), nn.BatchNorm1d(6), nn.Softplus(), nn.Dropout(0.5), nn.Linear(6, 3)),
    )


def convolutional() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(16, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 3)),
    )


class Attending(nn.Module):
    """Fused attention and a fused recurrence, of which torch has no second derivatives."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.TransformerEncoderLayer(4, 2, 8, 0.3, "gelu", batch_first=True)
        self.recurrent = nn.LSTM(4, 4, num_layers=2, dropout=0.2, batch_first=True)
        self.head = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden, _ = self.recurrent(self.encoder(x.flatten(1).unflatten(1, (8, 4))))
        return self.head(hidden[:, -1])


class Tied(nn.Module):
    """A weight of two layers, a parameter that is not trained, and a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(32, 32), nn.Linear(32, 32), nn.Linear(32, 3)
        self.second.weight = self.first.weight
        self.first.bias.requires_grad_(False)
        self.register_buffer("scale", torch.tensor(0.7))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.tanh(self.first(x.flatten(1)) * self.scale)
        return self.head(torch.tanh(self.second(x)))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "batch_norm": normalized, "convolutional": convolutional, "attending": Attending, "tied": Tied,
}  # fmt: skip


class Problem:
    """A network on random batches, the last of them smaller."""

    def __init__(self, network: str, steps: int) -> None:
        rng = np.random.default_rng(0)

        def batches(count: int, size: int) -> list[Any]:
            return [(rng.normal(size=(size, 2, 4, 4)), rng.integers(0, 3, size)) for _ in range(count)]

        torch.manual_seed(0)
        self.module = NETWORKS[network]().double()
        self.train = batches(steps - 1, 8) + batches(1, 5)
        self.valid = batches(2, 6) + batches(1, 3)
        self.steps = steps

    def run(self, optimizer: str, **changes: Any) -> Any:
        values = {**values_for(optimizer), **changes}
        return lr.torch.hypergradient(
            self.module, F.cross_entropy, self.train, self.valid, optimizer=optimizer, **values
        )

    def native(self, optimizer: str, **changes: Any) -> Any:
        values = {**values_for(optimizer), **changes}
        network = lr.from_torch(self.module, torch.from_numpy(self.train[0][0]))
        loss = lr.nn.functional.cross_entropy
        return lr.hypergradient(network, loss, self.train, self.valid, optimizer=optimizer, **values)

    @functools.cache  # noqa: B019
    def exact(self, optimizer: str) -> Any:
        return self.run(optimizer, mode="reverse")


@functools.cache
def problem(network: str, steps: int = 20) -> Problem:
    return Problem(network, steps)


def check_equal(a: Any, b: Any, tolerance: float) -> None:
    for family in ALL_FAMILIES:
        x, y = getattr(a, family), getattr(b, family)
        assert x.shape == y.shape and x.dtype == y.dtype == np.float64
        if x.size:
            np.testing.assert_allclose(x, y, rtol=0, atol=tolerance * np.abs(y).max(), err_msg=family)
