"""The next character of Shakespeare's plays, by a recurrent network and by a transformer."""

from __future__ import annotations

import functools

import numpy as np

from .... import data, nn
from ....nn.functional import cross_entropy
from ....tensors.creation import tensor
from ....tensors.tensor import Tensor
from ..workload import Arrays, Root, Workload

_CHARACTERS, _LENGTH = 65, 24


@functools.lru_cache(maxsize=2)
def excerpts(root: Root) -> tuple[Arrays, Arrays]:
    """Of the plays: 3200 to train on and 200 others, [count, 24] characters and those that follow."""
    splits = data.load("text", root)
    numbers = np.zeros(256, np.int64)
    # one that only the test part has counts as the first
    for number, code in enumerate(np.unique(splits.train.x)):
        numbers[code] = number

    def drawn(part: data.Dataset, count: int, seed: int) -> Arrays:
        starts = np.random.RandomState(seed).randint(0, len(part) - _LENGTH, count)
        at = starts[:, None] + np.arange(_LENGTH)
        return numbers[part.x[at]], numbers[part.y[at]]

    return drawn(splits.train, 3200, 0), drawn(splits.test, 200, 1)


class _Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(_CHARACTERS, 32), nn.Linear(64, _CHARACTERS)
        self.recurrent = nn.GRU(32, 64, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.recurrent(self.embed(x))[0])


class Transformer(nn.Module):
    """Two layers that attend to the characters before, 32 wide."""

    def __init__(self, width: int = 32, layers: int = 2) -> None:
        super().__init__()
        self.embed, self.places = nn.Embedding(_CHARACTERS, width), nn.Embedding(_LENGTH, width)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 4, 4 * width, dropout=0.0, batch_first=True, norm_first=True)
            for _ in range(layers)
        )
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, _CHARACTERS)
        self.register_buffer("mask", tensor(np.triu(np.full((_LENGTH, _LENGTH), -1e9, np.float32), 1)))

    def forward(self, x: Tensor) -> Tensor:
        """Characters [N, 24] to logits [N, 24, 65]."""
        hidden = self.embed(x) + self.places(np.arange(_LENGTH))
        for block in self.blocks:
            hidden = block(hidden, self.mask)
        return self.head(self.norm(hidden))


def _loss(outputs: Tensor, y: Tensor) -> Tensor:
    return cross_entropy(outputs.reshape((-1, _CHARACTERS)), y.reshape((-1,)))


# fmt: off
GRU = Workload(
    "char_gru", "choosing", "text", "GRU of 64 on characters of Shakespeare",
    excerpts, _Recurrent, _loss, 32, 300,
)
TRANSFORMER = Workload(
    "char_transformer", "reporting", "text", "transformer of 2 layers of 32 on characters of Shakespeare",
    excerpts, Transformer, _loss, 16, 400,
)
# fmt: on
