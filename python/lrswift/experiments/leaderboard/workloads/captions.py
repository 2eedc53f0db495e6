"""Captions of pictures (Multi30k): the next word, the translation, and a word told by the others."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from .... import data, nn
from ....nn.functional import cross_entropy
from ....tensors.creation import tensor
from ....tensors.tensor import Tensor
from ..workload import Arrays, Root, Workload
from .arrays import Vocabulary, words

_LENGTH, _WORDS = 10, 800
_PAIR, _PAIR_WORDS, _BEGIN, _END = 12, 500, 1, 2


@functools.lru_cache(maxsize=2)
def _lines(root: Root) -> list[list[list[list[str]]]]:
    """Words of German and English captions, in the training and in the test part."""
    splits = data.load("multi30k", root)
    return [[[words(line) for line in side] for side in (p.x, p.y)] for p in (splits.train, splits.test)]


# ---- the next word ---------------------------------------------------------------------------------------
def _begun(root: Root) -> tuple[Arrays, Arrays]:
    (_, english), (_, other) = _lines(root)
    numbers = Vocabulary(english, _WORDS)

    def rows(lines: Sequence[list[str]], most: int) -> Arrays:
        found = [numbers(line[: _LENGTH + 1]) for line in lines if len(line) > _LENGTH][:most]
        array = np.array(found, np.int64)
        return np.ascontiguousarray(array[:, :-1]), np.ascontiguousarray(array[:, 1:])

    return rows(english, 8000), rows(other, 500)


class _NextWord(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(_WORDS, 32), nn.Linear(64, _WORDS)
        self.recurrent = nn.LSTM(32, 64, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.recurrent(self.embed(x))[0])


def _next_loss(outputs: Tensor, y: Tensor) -> Tensor:
    return cross_entropy(outputs.reshape((-1, _WORDS)), y.reshape((-1,)))


# ---- translation -----------------------------------------------------------------------------------------
def _pairs(root: Root) -> tuple[Arrays, Arrays]:
    """(German, English shifted, English), of captions that are short in both."""
    parts = _lines(root)
    numbers = [Vocabulary(side, _PAIR_WORDS, 3) for side in parts[0]]

    def rows(part: list[list[list[str]]], most: int) -> Arrays:
        kept = [pair for pair in zip(*part, strict=True) if max(map(len, pair)) < _PAIR][:most]
        german, english = (np.full((len(kept), _PAIR), _END, np.int64) for _ in range(2))
        for row, pair in enumerate(kept):
            for array, code, line in zip((german, english), numbers, pair, strict=True):
                array[row, : len(line)] = code(line)
        begun = np.concatenate([np.full((len(kept), 1), _BEGIN), english[:, :-1]], 1)
        return german, begun, english

    return rows(parts[0], 6000), rows(parts[1], 300)


class _Translator(nn.Module):
    def __init__(self, width: int = 32) -> None:
        super().__init__()
        options: dict[str, Any] = {"dropout": 0.0, "batch_first": True, "norm_first": True}
        self.german, self.english = nn.Embedding(_PAIR_WORDS, width), nn.Embedding(_PAIR_WORDS, width)
        self.places = nn.Embedding(_PAIR, width)
        self.encoder = nn.TransformerEncoderLayer(width, 4, 2 * width, **options)
        self.decoder = nn.TransformerDecoderLayer(width, 4, 2 * width, **options)
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, _PAIR_WORDS)
        self.register_buffer("mask", tensor(np.triu(np.full((_PAIR, _PAIR), -1e9, np.float32), 1)))

    def forward(self, german: Tensor, begun: Tensor) -> Tensor:
        places = self.places(np.arange(_PAIR))
        memory = self.encoder(self.german(german) + places)
        return self.head(self.norm(self.decoder(self.english(begun) + places, memory, self.mask)))


def _translation_loss(model: nn.Module, german: Tensor, begun: Tensor, english: Tensor) -> Tensor:
    return cross_entropy(model(german, begun).reshape((-1, _PAIR_WORDS)), english.reshape((-1,)))


# ---- a word told by the others ---------------------------------------------------------------------------
def _bags(root: Root) -> tuple[Arrays, Arrays]:
    """Which of the most frequent words a caption has, but "man", and whether it has that."""
    (_, english), (_, other) = _lines(root)
    told = "man"
    numbers = Vocabulary(([w for w in line if w != told] for line in english), _WORDS)

    def rows(lines: Sequence[list[str]]) -> Arrays:
        x = np.zeros((len(lines), _WORDS), np.float32)
        for row, line in enumerate(lines):
            x[row, numbers([word for word in line if word != told])] = 1
        return x, np.array([told in line for line in lines], np.int64)

    return rows(english[:8000]), rows(other[:1000])


# fmt: off
NEXT_WORD = Workload(
    "caption_lstm", "choosing", "text", "LSTM of 64 on words of captions",
    _begun, _NextWord, _next_loss, 32, 200,
)
TRANSLATION = Workload(
    "translation", "reporting", "text", "transformer of 2 layers of 32, captions from German to English",
    _pairs, _Translator, _translation_loss, 32, 300,
)
BAG_OF_WORDS = Workload(
    "bag_of_words", "reporting", "sparse", "logistic regression of a word of a caption on its others",
    _bags, functools.partial(nn.Linear, _WORDS, 2), cross_entropy, 64, 600,
)
# fmt: on
