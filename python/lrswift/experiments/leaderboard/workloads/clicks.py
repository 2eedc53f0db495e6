"""Logistic regression on synthetic clicks: six fields of categories, few of them frequent."""

from __future__ import annotations

import numpy as np

from .... import nn
from ....tensors.activations import softplus
from ....tensors.creation import zeros
from ....tensors.tensor import Tensor
from ..workload import Arrays, Root, Workload
from .arrays import cut

_FIELDS, _CATEGORIES = 6, 300


def _log(_: Root) -> tuple[Arrays, Arrays]:
    rng = np.random.RandomState(5)
    frequency = 1 / np.arange(1, _CATEGORIES + 1)
    drawn = rng.choice(_CATEGORIES, (15_000, _FIELDS), p=frequency / frequency.sum())
    x = drawn + _CATEGORIES * np.arange(_FIELDS)
    weights = 0.8 * rng.randn(_FIELDS * _CATEGORIES)
    score = weights[x].sum(1) - 1
    y = (rng.rand(len(x)) < 1 / (1 + np.exp(-score))).astype(np.float32)
    return cut((x.astype(np.int64), y), 12_000)


class _Scores(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Embedding(_FIELDS * _CATEGORIES, 1)
        self.weights.weight.assign(zeros(self.weights.weight.shape))
        self.bias = nn.Parameter(zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.weights(x).sum((1, 2)) + self.bias


def _loss(score: Tensor, y: Tensor) -> Tensor:
    return (softplus(score) - y * score).mean()


CLICKS = Workload(
    "clicks", "choosing", "sparse", "logistic regression on 1,800 categories", _log, _Scores, _loss, 64, 600
)
