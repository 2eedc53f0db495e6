"""Convolutional networks that classify images: LeNet, and a residual network with batch normalization."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np

from .... import data, models, nn
from ....nn.functional import cross_entropy
from ....tensors.tensor import Tensor
from ..workload import Arrays, Root, Workload
from .arrays import drawn, images


def _fashion(root: Root) -> tuple[Arrays, Arrays]:
    return images("fashion-mnist", 8000, 1000, root)


def _halved_cifar(root: Root) -> tuple[Arrays, Arrays]:
    """CIFAR-10 at 16x16, about standardized."""

    def half(x: np.ndarray) -> np.ndarray:
        return (x.reshape(len(x), 16, 2, 16, 2, 3).mean((2, 4)) - np.float32(0.47)) / np.float32(0.25)

    with warnings.catch_warnings():
        # the first batch is enough, whichever others are there
        warnings.filterwarnings("ignore", "cifar10: missing", UserWarning)
        splits = data.load("cifar10", root)
    splits = replace(splits, train=splits.train[:10_000])
    (x, y), (v, w) = drawn(splits, 5000, 500)
    return (half(x), y), (half(v), w)


class _Block(nn.Module):
    """Two normalized 3x3 convolutions that halve the image, beside a 1x1 convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first_norm(self.first(x), relu=True)
        return self.second_norm(self.second(hidden), residual=self.shortcut(x), relu=True)


def _residual() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()),
        *(_Block(8, 16), _Block(16, 32), nn.GlobalAvgPool2d(), nn.Linear(32, 10)),
    )


# fmt: off
CIFAR = Workload(
    "cifar_norm", "choosing", "images", "residual network with batch normalization on CIFAR-10 at 16x16",
    _halved_cifar, _residual, cross_entropy, 32, 400,
)
FASHION = Workload(
    "fashion_lenet", "reporting", "images", "LeNet on Fashion-MNIST",
    _fashion, models.lenet, cross_entropy, 32, 500,
)
# fmt: on
