"""Densities of a number: a Gaussian whose width depends on the input, and a mixture. Losses go below 0."""

from __future__ import annotations

import functools
import math

import numpy as np

from .... import models, nn
from ....nn.functional import log_softmax
from ....tensors.activations import softplus
from ....tensors.functions import exp, log
from ....tensors.functions import max as highest
from ....tensors.functions import sum as total
from ....tensors.tensor import Tensor
from ..workload import Arrays, Root, Workload
from .arrays import cut

_PARTS = 5
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


# ---- a width that varies ---------------------------------------------------------------------------------
def _varying(_: Root) -> tuple[Arrays, Arrays]:
    rng = np.random.RandomState(21)
    x = rng.uniform(-2, 2, (5000, 4))
    mean = np.sin(2 * x[:, 0]) + 0.5 * x[:, 1] * x[:, 2]
    width = 0.05 + 0.3 / (1 + np.exp(-3 * x[:, 3]))
    y = mean + width * rng.randn(len(x))
    return cut((x.astype(np.float32), y.astype(np.float32)), 4000)


def _gaussian(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    told = model(x)
    width = softplus(told[:, 1]) + 0.01
    away = (y - told[:, 0]) / width
    return (0.5 * away * away + log(width)).mean() + _HALF_LOG_2PI


# ---- a mixture -------------------------------------------------------------------------------------------
def _several(_: Root) -> tuple[Arrays, Arrays]:
    """An inverse problem with up to three answers (Bishop, "Mixture density networks", 1994)."""
    rng = np.random.RandomState(22)
    y = rng.rand(5000)
    x = y + 0.3 * np.sin(2 * np.pi * y) + rng.uniform(-0.1, 0.1, len(y))
    return cut((x.astype(np.float32)[:, None], y.astype(np.float32)[:, None]), 4000)


def _mixture(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    told = model(x)
    shares, means = log_softmax(told[:, :_PARTS]), told[:, _PARTS : 2 * _PARTS]
    width = softplus(told[:, 2 * _PARTS :]) + 0.01
    away = (y - means) / width
    parts = shares - 0.5 * away * away - log(width)
    # the highest taken out first: the others may be too small for float32
    top = highest(parts, 1, keepdims=True)
    return _HALF_LOG_2PI - (top[:, 0] + log(total(exp(parts - top), 1))).mean()


# fmt: off
GAUSSIAN = Workload(
    "gaussian_width", "choosing", "density", "4-64-64-2, mean and width of a Gaussian",
    _varying, functools.partial(models.mlp, 4, (64, 64), 2), _gaussian, 64, 800,
)
MIXTURE = Workload(
    "mixture_density", "reporting", "density", "1-64-64-15, a mixture of 5 Gaussians",
    _several, functools.partial(models.mlp, 1, (64, 64), 3 * _PARTS), _mixture, 64, 800,
)
# fmt: on
