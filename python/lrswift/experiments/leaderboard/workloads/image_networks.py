"""Fully connected networks that classify images: deep, wide, in small and large batches, on wrong labels."""

from __future__ import annotations

import functools

import numpy as np

from .... import models
from ....nn.functional import cross_entropy
from ..workload import Arrays, Data, Half, Root, Workload
from .arrays import flat, images


def _digits(root: Root) -> tuple[Arrays, Arrays]:
    return flat(images("digits", 1437, 360, root))


def _mnist(root: Root) -> tuple[Arrays, Arrays]:
    return flat(images("mnist", 10_000, 1000, root))


def _fashion(root: Root) -> tuple[Arrays, Arrays]:
    return flat(images("fashion-mnist", 8000, 1000, root))


def _noisy(data: str, share: float, root: Root) -> tuple[Arrays, Arrays]:
    (x, y), valid = flat(images(data, 8000, 1000, root))
    rng = np.random.RandomState(7)
    wrong = rng.rand(len(y)) < share
    return (x, np.where(wrong, rng.randint(0, 10, len(y)), y)), valid


def _workload(
    name: str,
    half: Half,
    about: str,
    data: Data,
    hidden: tuple[int, ...],
    batch: int,
    steps: int,
    inputs: int = 784,
    activation: str = "relu",
    dear: bool = False,
) -> Workload:
    model = functools.partial(models.mlp, inputs, hidden, 10, activation)
    return Workload(name, half, "images", about, data, model, cross_entropy, batch, steps, dear=dear)


# fmt: off
_PLAIN, _DEEP, _WIDE = (128, 64), (64,) * 8, (1000, 1000)
MNIST = _workload("mnist_mlp", "choosing", "784-128-64-10 on MNIST", _mnist, _PLAIN, 64, 800)
DIGITS = _workload("digits_mlp", "reporting", "64-100-10 on 8x8 digits", _digits, (100,), 64, 600, 64)
MNIST_8 = _workload("mnist_b8", "choosing", "784-128-64-10 on MNIST, batches of 8", _mnist, _PLAIN, 8, 2000)
FASHION_8 = _workload(
    "fashion_b8", "reporting", "784-128-64-10 on Fashion-MNIST, batches of 8", _fashion, _PLAIN, 8, 2000,
)
FASHION_2048 = _workload(
    "fashion_b2048", "choosing", "784-128-64-10 on Fashion-MNIST, batches of 2048",
    _fashion, _PLAIN, 2048, 100, dear=True,
)
MNIST_2048 = _workload(
    "mnist_b2048", "reporting", "784-128-64-10 on MNIST, batches of 2048",
    _mnist, _PLAIN, 2048, 100, dear=True,
)
DEEP_TANH = _workload(
    "deep_tanh", "choosing", "8 tanh layers of 64 on Fashion-MNIST",
    _fashion, _DEEP, 64, 600, activation="tanh",
)
DEEP_RELU = _workload("deep_relu", "reporting", "8 ReLU layers of 64 on MNIST", _mnist, _DEEP, 64, 600)
WIDE_FASHION = _workload(
    "wide_fashion", "choosing", "784-1000-1000-10 on Fashion-MNIST", _fashion, _WIDE, 64, 300, dear=True,
)
WIDE_MNIST = _workload(
    "wide_mnist", "reporting", "784-1000-1000-10 on MNIST", _mnist, _WIDE, 64, 300, dear=True,
)
NOISE_40 = _workload(
    "mnist_noise40", "choosing", "784-128-64-10 on MNIST, 40 % of labels drawn anew",
    functools.partial(_noisy, "mnist", 0.4), _PLAIN, 64, 600,
)
NOISE_20 = _workload(
    "fashion_noise20", "reporting", "784-128-64-10 on Fashion-MNIST, 20 % of labels drawn anew",
    functools.partial(_noisy, "fashion-mnist", 0.2), _PLAIN, 64, 600,
)
# fmt: on
