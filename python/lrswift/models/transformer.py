"""The Transformer of encoder and decoder, from tokens to tokens."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import nn
from ..checks import check_fraction, check_whole
from ..errors import ArgumentError, ShapeError
from ..nn import functional as F
from ..nn import init
from ..tensors.tensor import Operand, Tensor, as_tensor

# places that sentences may have
_PLACES = 512


class _Stack(nn.Module):
    """Layers one behind the other, and a norm; parameters have the names of torch.nn.Transformer's."""

    def __init__(self, layers: list[nn.Module], width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, *others: Operand | None) -> Tensor:
        for layer in self.layers:
            x = layer(x, *others)
        return self.norm(x)


class Transformer(nn.Module):
    """Encoder and decoder, as `transformer` makes it.

    Attributes:
        padding: the token that is no word.
        encoder: its layers, with the names of `torch.nn.Transformer`'s encoder.
        decoder: its layers, with the names of `torch.nn.Transformer`'s decoder.
        source: the embedding of the tokens read.
        target: the embedding of the tokens written.
        output: the Linear from places to tokens.
    """

    def __init__(
        self,
        source: int,
        target: int,
        width: int = 512,
        heads: int = 8,
        layers: int = 3,
        feedforward: int = 512,
        dropout: float = 0.1,
        padding: int = 0,
    ) -> None:
        super().__init__()
        check_whole(source, "transformer: source", 2)
        check_whole(target, "transformer: target", 2)
        check_whole(layers, "transformer: layers", 1)
        check_whole(heads, "transformer: heads", 1)
        if check_whole(width, "transformer: width", 2) % heads or width % 2:
            raise ArgumentError(
                f"transformer: width: got {width}; allowed: even, and a multiple of heads, {heads}"
            )
        self.padding = check_whole(padding, "transformer: padding", 0, min(source, target) - 1)
        check_fraction(dropout, "transformer: dropout", one=False)
        options: dict[str, Any] = {"dim_feedforward": feedforward, "dropout": dropout, "batch_first": True}
        self.encoder = _Stack(
            [nn.TransformerEncoderLayer(width, heads, **options) for _ in range(layers)], width
        )
        self.decoder = _Stack(
            [nn.TransformerDecoderLayer(width, heads, **options) for _ in range(layers)], width
        )
        self.source, self.target = nn.Embedding(source, width), nn.Embedding(target, width)
        self.output = nn.Linear(width, target)
        self.dropout = nn.Dropout(dropout)
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform(parameter)

    def forward(self, source: Operand, target: Operand) -> Tensor:
        """Scores of the token behind each place of the target, which sees no place behind its own.

        Args:
            source: integers [N, S], tokens; those of padding are not looked at.
            target: integers [N, T], tokens that are written so far.

        Returns:
            Tensor [N, T, tokens].

        Raises:
            ArgumentError: a token is out of range.
            DTypeError: tokens are no integers.
            ShapeError: not two axes, of as many sentences in both and at most 512 places.
        """
        read, written = as_tensor(source, name="source"), as_tensor(target, name="target")
        if read.ndim != 2 or written.ndim != 2 or read.shape[0] != written.shape[0]:
            raise ShapeError(
                f"transformer: got shapes {read.shape} and {written.shape}; allowed: [N, S] and [N, T]"
            )
        if max(read.shape[1], written.shape[1]) > _PLACES:
            raise ShapeError(
                f"transformer: got {read.shape[1]} and {written.shape[1]} places; allowed: {_PLACES}"
            )
        unseen = self._unseen(read)
        memory = self.encoder(self._embedded(read, self.source), None, unseen)
        length = written.shape[1]
        later = np.triu(np.full((length, length), -np.inf), 1)
        hidden = self.decoder(
            self._embedded(written, self.target), memory, later, None, self._unseen(written), unseen
        )
        return self.output(hidden)

    def translate(self, source: Operand, begin: int, end: int, places: int = 40) -> np.ndarray:
        """Writes the likeliest token place after place.

        Args:
            source: integers [N, S], tokens.
            begin: the token that stands before every sentence.
            end: the token that ends one; what follows it is padding.
            places: tokens that are written at most, at least 1. Default 40.

        Returns:
            int64 [N, at most 1 + places], `begin` first.

        Raises:
            ArgumentError: a number is out of range.
            DTypeError: tokens are no integers.
            ShapeError: not two axes, or more than 512 places.
        """
        check_whole(places, "translate: places", 1, _PLACES - 1)
        tokens = self.output.weight.shape[0]
        for name, token in (("begin", begin), ("end", end)):
            check_whole(token, f"translate: {name}", 0, tokens - 1)
        read = np.asarray(source)
        written = np.full((len(read), 1), begin, np.int64)
        ended = np.zeros(len(read), bool)
        while written.shape[1] <= places and not ended.all():
            found = self(read, written).numpy()[:, -1].argmax(-1)
            written = np.column_stack([written, np.where(ended, self.padding, found)])
            ended |= found == end
        return written

    def _embedded(self, tokens: Tensor, table: nn.Embedding) -> Tensor:
        """Rows of the table times sqrt(width), with the places' sines and cosines added."""
        width = table.weight.shape[1]
        rows = table(tokens) * math.sqrt(width)
        return self.dropout(rows + as_tensor(places(tokens.shape[1], width), rows, "places"))

    def _unseen(self, tokens: Tensor) -> Tensor:
        """What is added to scores: minus infinity where there is padding, else 0; [N, L]."""
        table = np.zeros((max(len(self.source.weight), len(self.target.weight)), 1))
        table[self.padding] = -np.inf
        return F.embedding(tokens, as_tensor(table, self.output.weight, "padding")).reshape(tokens.shape)


def places(count: int, width: int) -> np.ndarray:
    """Sines and cosines by which places are told, float64 [count, width] (Vaswani et al., section 3.5)."""
    angles = np.arange(count)[:, None] * 10000 ** (-np.arange(0, width, 2) / width)
    return np.stack([np.sin(angles), np.cos(angles)], -1).reshape(count, width)


def transformer(
    source: int,
    target: int,
    width: int = 512,
    heads: int = 8,
    layers: int = 3,
    feedforward: int = 512,
    dropout: float = 0.1,
    padding: int = 0,
) -> Transformer:
    """The Transformer: an encoder of one language, a decoder of the other, and scores of its tokens.

    Weights are Glorot's uniform at first. `translation_loss` is the loss of sentences.

    Args:
        source: tokens of the language that is read, at least 2.
        target: tokens of the language that is written, at least 2.
        width: of a token; even, and a multiple of heads. Default 512.
        heads: of each attention, at least 1. Default 8.
        layers: of the encoder, and of the decoder, at least 1. Default 3.
        feedforward: size between a layer's linear layers, at least 1. Default 512.
        dropout: probability of all dropouts, 0 to below 1. Default 0.1.
        padding: the token that fills sentences up, which is not looked at. Default 0.

    Returns:
        The network, integers [N, S] and [N, T] to [N, T, target].

    Raises:
        ArgumentError: a number is out of bounds.
        ArgumentTypeError: dropout is no number.
        DTypeError: a number is no integer.
        ShapeError: a size is no shape of an array.

    Source:
        Vaswani et al., "Attention is all you need" (2017); 3 + 3 layers of 8 heads as in the TLR paper.
    """
    return Transformer(source, target, width, heads, layers, feedforward, dropout, padding)


def translation_loss(
    model: Transformer, source: Operand, target: Operand, label_smoothing: float = 0.1
) -> Tensor:
    """Mean cross-entropy of each token of the target given those before it; padding does not count.

    It is a loss for `fit`, which gives it the model.

    Args:
        model: as from `transformer`.
        source: integers [N, S], tokens.
        target: integers [N, T], tokens, T at least 2; each sentence begins with a token of its own.
        label_smoothing: the share of the uniform distribution in the targets, from 0 to 1. Default 0.1.

    Returns:
        A scalar Tensor, in nats a token.

    Raises:
        ArgumentError: a token is out of range.
        ArgumentTypeError: label_smoothing is no number.
        DTypeError: tokens are no integers.
        ShapeError: not two axes, or a target of fewer than two places.
    """
    written = as_tensor(target, name="target")
    if written.ndim != 2 or written.shape[1] < 2:
        raise ShapeError(f"translation_loss: target: got shape {written.shape}; allowed: [N, 2 or more]")
    scores = model(source, written[:, :-1])
    count = math.prod(scores.shape[:2])
    return F.cross_entropy(
        scores.reshape((count, scores.shape[2])),
        written[:, 1:].reshape((count,)),
        label_smoothing,
        model.padding,
    )
