"""Networks that solve differential equations on a line: the loss is what is left of the equation.

Second derivatives with respect to the place are differences of three values of the network. The conditions at
the ends hold by construction.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from .... import models, nn
from ....tensors.functions import cat
from ....tensors.tensor import Tensor
from ..workload import Arrays, Root, Workload

_H = 0.02
_STIFFNESS, _DAMPING, _TIME = 30.0, 0.6, 2.0


def _places(stop: float, seed: int, _: Root) -> tuple[Arrays, Arrays]:
    rng = np.random.RandomState(seed)
    train = rng.uniform(0, stop, (2000, 1)).astype(np.float32)
    return (train,), (np.linspace(0, stop, 400, dtype=np.float32)[:, None],)


def _forces(root: Root) -> tuple[Arrays, Arrays]:
    """(place, force): a slow and a fast wave."""

    def with_force(x: np.ndarray) -> Arrays:
        force = np.sin(math.pi * x) + 2 * np.sin(3 * math.pi * x)
        return x, force.astype(np.float32)

    (train,), (valid,) = _places(1.0, 32, root)
    return with_force(train), with_force(valid)


def _three(solution: nn.Module, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The solution, its first and its second derivative at x: [N, 1] each."""
    count = x.shape[0]
    values = solution(cat([x - _H, x, x + _H]))
    before, here, behind = (values[k * count : (k + 1) * count] for k in range(3))
    return here, (behind - before) / (2 * _H), (behind - 2 * here + before) / (_H * _H)


class _Oscillation(nn.Module):
    """u(0) = 1, u'(0) = 0."""

    def __init__(self) -> None:
        super().__init__()
        self.network = models.mlp(1, (32, 32), 1, "tanh")

    def forward(self, t: Tensor) -> Tensor:
        return 1 + t * t * self.network(t)


def _oscillator(model: nn.Module, t: Tensor) -> Tensor:
    """u'' + 0.6 u' + 30 u = 0, over its stiffness."""
    u, speed, acceleration = _three(model, t)
    left = (acceleration + _DAMPING * speed + _STIFFNESS * u) / _STIFFNESS
    return (left * left).mean()


class _Membrane(nn.Module):
    """u(0) = u(1) = 0."""

    def __init__(self) -> None:
        super().__init__()
        self.network = models.mlp(1, (32, 32), 1, "tanh")

    def forward(self, x: Tensor) -> Tensor:
        return x * (1 - x) * self.network(x)


def _poisson(model: nn.Module, x: Tensor, force: Tensor) -> Tensor:
    """-u'' = pi^2 force."""
    left = _three(model, x)[2] / math.pi**2 + force
    return (left * left).mean()


# fmt: off
OSCILLATOR = Workload(
    "oscillator", "choosing", "physics", "1-32-32-1 tanh, a damped oscillation over 1.7 periods",
    functools.partial(_places, _TIME, 31), _Oscillation, _oscillator, 64, 1000,
)
POISSON = Workload(
    "poisson", "reporting", "physics", "1-32-32-1 tanh, a membrane under a force of two waves",
    _forces, _Membrane, _poisson, 64, 1000,
)
# fmt: on
