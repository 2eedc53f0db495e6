"""Signals over time: the next value by a recurrent network, the shape by convolutions."""

from __future__ import annotations

import numpy as np

from .... import nn
from ....nn.functional import cross_entropy, mse_loss
from ....tensors.tensor import Tensor
from ..workload import Arrays, Root, Workload
from .arrays import cut

_LENGTH, _SAMPLES = 24, 64


# ---- the next value --------------------------------------------------------------------------------------
def _waves(_: Root) -> tuple[Arrays, Arrays]:
    """Sums of two sines of random pace and phase, in some noise; the value that follows."""
    rng = np.random.RandomState(41)
    pace, phase = rng.uniform(0.1, 0.9, (3000, 1, 2)), rng.uniform(0, 2 * np.pi, (3000, 1, 2))
    values = np.sin(pace * np.arange(_LENGTH + 1)[None, :, None] + phase).sum(2)
    seen = values[:, :-1] + 0.05 * rng.randn(3000, _LENGTH)
    return cut((seen.astype(np.float32)[:, :, None], values[:, -1:].astype(np.float32)), 2500)


class _Forecast(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.recurrent, self.head = nn.LSTM(1, 32, batch_first=True), nn.Linear(32, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.recurrent(x)[0][:, -1])


# ---- the shape -------------------------------------------------------------------------------------------
def _shapes(_: Root) -> tuple[Arrays, Arrays]:
    """Sines, squares, saws and triangles of random pace, phase and height, in much noise."""
    rng = np.random.RandomState(42)
    count = 4000
    pace, phase, height = rng.uniform(2, 5, count), rng.rand(count), rng.uniform(0.7, 1.5, count)
    turn = (pace[:, None] * np.arange(_SAMPLES) / _SAMPLES + phase[:, None]) % 1
    kinds = np.stack([np.sin(2 * np.pi * turn), np.sign(turn - 0.5), 2 * turn - 1, 4 * abs(turn - 0.5) - 1])
    shape = rng.randint(0, 4, count)
    values = height[:, None] * kinds[shape, np.arange(count)] + 0.5 * rng.randn(count, _SAMPLES)
    return cut((values.astype(np.float32)[:, :, None, None], shape.astype(np.int64)), 3200)


def _convolutions() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 16, (7, 1), (2, 1), (3, 0)), nn.ReLU()),
        *(nn.Conv2d(16, 32, (5, 1), (2, 1), (2, 0)), nn.ReLU()),
        *(nn.Conv2d(32, 32, (3, 1), (2, 1), (1, 0)), nn.ReLU()),
        *(nn.GlobalAvgPool2d(), nn.Linear(32, 4)),
    )


# fmt: off
FORECAST = Workload(
    "wave_lstm", "choosing", "signal", "LSTM of 32, the next value of two waves in noise",
    _waves, _Forecast, mse_loss, 32, 400,
)
SHAPES = Workload(
    "shape_convolutions", "reporting", "signal", "3 convolutions along time, the shape of a wave in noise",
    _shapes, _convolutions, cross_entropy, 32, 500,
)
# fmt: on
