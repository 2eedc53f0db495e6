"""Digits compared with others: two views of one among many (contrastive), real with made ones (a critic)."""

from __future__ import annotations

import functools

import numpy as np

from .... import models, nn
from ....nn.functional import cross_entropy
from ....tensors.activations import relu
from ....tensors.functions import sqrt
from ....tensors.functions import sum as total
from ....tensors.tensor import Tensor
from ..workload import Arrays, Root, Workload
from .arrays import flat, images

_BATCH, _TEMPERATURE = 64, 0.1


# ---- contrastive pairs -----------------------------------------------------------------------------------
def _views(root: Root) -> tuple[Arrays, Arrays]:
    """Two views of each digit, moved by up to a pixel and with a fifth of the pixels lost; drawn once."""
    rng = np.random.RandomState(51)

    def view(x: np.ndarray) -> np.ndarray:
        moved = np.stack([np.roll(image, rng.randint(-1, 2, 2), (0, 1)) for image in x])
        return (moved * (rng.rand(*x.shape) > 0.2)).reshape(len(x), -1).astype(np.float32)

    (x, _), (v, _) = images("digits", 1437, 360, root)
    x, v = np.tile(x, (3, 1, 1)), v[: len(v) // _BATCH * _BATCH]
    return (view(x), view(x)), (view(v), view(v))


def _unit(x: Tensor) -> Tensor:
    return x / sqrt(total(x * x, 1, keepdims=True) + 1e-8)


def _contrast(model: nn.Module, one: Tensor, other: Tensor) -> Tensor:
    """Which of the batch is the other view of each (van den Oord et al., 2018)."""
    likeness = _unit(model(one)) @ _unit(model(other)).transpose() / _TEMPERATURE
    return cross_entropy(likeness, np.arange(one.shape[0]))


# ---- critic ----------------------------------------------------------------------------------------------
def _real_and_made(root: Root) -> tuple[Arrays, Arrays]:
    """Digits, and what a fixed generator makes: draws of a Gaussian with their mean and covariance."""
    (x, _), (v, _) = flat(images("digits", 1437, 360, root))
    rng = np.random.RandomState(52)
    mean, covariance = x.mean(0), np.cov(x.T) + 1e-6 * np.eye(x.shape[1])

    def mixed(real: np.ndarray, times: int) -> Arrays:
        real = np.tile(real, (times, 1))
        made = rng.multivariate_normal(mean, covariance, len(real)).clip(0, 1)
        both = np.concatenate([real, made]).astype(np.float32)
        # as in training of generators, so that the critic cannot go by exact zeros
        both += 0.1 * rng.randn(*both.shape).astype(np.float32)
        sign = np.repeat([1.0, -1.0], len(real)).astype(np.float32)[:, None]
        order = rng.permutation(len(both))
        return both[order], sign[order]

    return mixed(x, 3), mixed(v, 2)


def _hinge(score: Tensor, sign: Tensor) -> Tensor:
    return relu(1 - sign * score).mean()


# fmt: off
CONTRASTIVE = Workload(
    "contrastive", "choosing", "comparison", "64-128-32, two views of a digit among 64",
    _views, functools.partial(models.mlp, 64, (128,), 32), _contrast, _BATCH, 500, valid_batch=_BATCH,
)
CRITIC = Workload(
    "critic", "reporting", "comparison", "64-128-64-1, digits from those of a fixed generator",
    _real_and_made, functools.partial(models.mlp, 64, (128, 64), 1), _hinge, 64, 500,
)
# fmt: on
