"""Embeddings alone: ratings, and likes, as products of factors."""

from __future__ import annotations

import math

import numpy as np

from .... import nn
from ....nn.functional import mse_loss
from ....tensors.activations import softplus
from ....tensors.creation import tensor
from ....tensors.tensor import Tensor
from ..workload import Arrays, Root, Workload
from .arrays import cut

_USERS, _ITEMS = 400, 300


def _small(count: int, width: int) -> nn.Embedding:
    """Products of two such rows begin near 0."""
    made = nn.Embedding(count, width)
    made.weight.assign(tensor(made.weight.numpy() * np.float32(0.1)))
    return made


# ---- ratings ---------------------------------------------------------------------------------------------
def _ratings(_: Root) -> tuple[Arrays, Arrays]:
    rng = np.random.RandomState(0)
    rank = 6
    users, items = rng.randn(_USERS, rank), rng.randn(_ITEMS, rank)
    cells = rng.permutation(_USERS * _ITEMS)[:26_000]
    u, i = cells // _ITEMS, cells % _ITEMS
    told = (users[u] * items[i]).sum(1) / math.sqrt(rank) + 0.3 * rng.randn(len(u)) + 0.5
    return cut((u.astype(np.int64), i.astype(np.int64), told.astype(np.float32)), 24_000)


class _Factors(nn.Module):
    def __init__(self, rank: int = 8) -> None:
        super().__init__()
        self.users, self.items = _small(_USERS, rank), _small(_ITEMS, rank)
        self.user_bias, self.item_bias = _small(_USERS, 1), _small(_ITEMS, 1)

    def forward(self, u: Tensor, i: Tensor) -> Tensor:
        biases = (self.user_bias(u) + self.item_bias(i)).reshape((-1,))
        return (self.users(u) * self.items(i)).sum(1) + biases


def _rating_loss(model: nn.Module, u: Tensor, i: Tensor, told: Tensor) -> Tensor:
    return mse_loss(model(u, i), told)


# ---- likes -----------------------------------------------------------------------------------------------
def _likes(_: Root) -> tuple[Arrays, Arrays]:
    """(user, item, 1 or -1): drawn by the chances that a product of four factors gives."""
    rng = np.random.RandomState(61)
    rank = 4
    users, items = rng.randn(_USERS, rank), rng.randn(_ITEMS, rank)
    cells = rng.permutation(_USERS * _ITEMS)[:34_000]
    u, i = cells // _ITEMS, cells % _ITEMS
    chance = 1 / (1 + np.exp(-2.5 * (users[u] * items[i]).sum(1)))
    sign = np.where(rng.rand(len(u)) < chance, 1, -1)
    return cut((u.astype(np.int64), i.astype(np.int64), sign.astype(np.float32)), 31_000)


def _like_loss(model: nn.Module, u: Tensor, i: Tensor, sign: Tensor) -> Tensor:
    return softplus(-(sign * model(u, i))).mean()


# fmt: off
RATINGS = Workload(
    "factorization", "choosing", "embeddings", "400 users, 300 items, 8 factors and biases, by ratings",
    _ratings, _Factors, _rating_loss, 128, 1500,
)
LIKES = Workload(
    "likes", "reporting", "embeddings", "400 users, 300 items, 8 factors and biases, by yes and no",
    _likes, _Factors, _like_loss, 128, 1500,
)
# fmt: on
