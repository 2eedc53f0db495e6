"""Attention and the layers of transformers (Vaswani et al., 2017), with PyTorch's names and parameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..checks import check_fraction, check_whole, shown
from ..errors import ArgumentError, ShapeError
from ..tensors.creation import zeros
from ..tensors.functions import where
from ..tensors.modes import modes
from ..tensors.operations import run
from ..tensors.tensor import Operand, Tensor, as_tensor
from . import functional as F
from . import init
from .layers import Dropout, LayerNorm, Linear
from .module import Module
from .parameter import Parameter

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}


def _mask(mask: Operand, like: Tensor, name: str, shape: tuple[int, ...]) -> Tensor:
    """What is added to scores: minus infinity where a bool mask is True, or a floating mask itself."""
    t = as_tensor(mask, like, name)
    if t.size != math.prod(shape):
        raise ShapeError(f"{name}: got shape {t.shape}; allowed: {shape} or its axes without those of 1")
    t = t.reshape(shape)
    added = t if t.is_floating else where(t != 0, -math.inf, 0.0)
    return added.astype(like.dtype)


class MultiheadAttention(Module):
    """Attention in `num_heads` parts of d = embed_dim / num_heads each: softmax(q k^T / sqrt(d)) v.

    Parameters: in_proj_weight [3 embed_dim, embed_dim] for query, key and value (Glorot's uniform at first),
    in_proj_bias [3 embed_dim] (zeros), and those of out_proj, a Linear.

    Args:
        embed_dim: size of the last axis of query, key, value and output; at least 1.
        num_heads: a divisor of embed_dim.
        dropout: probability with which a weight is dropped in train mode, 0 to below 1. Default 0.0.
        bias: whether the projections have one. Default True.
        batch_first: whether arrays are [N, L, embed_dim]; False: [L, N, embed_dim]. Default False.

    Raises:
        ArgumentError: a number is out of bounds, or num_heads does not divide embed_dim.
        ArgumentTypeError: dropout is no number.

    Source:
        Vaswani et al., "Attention is all you need" (2017).
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        batch_first: bool = False,
    ) -> None:
        super().__init__()
        self.embed_dim = check_whole(embed_dim, "MultiheadAttention: embed_dim", 1)
        self.num_heads = check_whole(num_heads, "MultiheadAttention: num_heads", 1)
        if self.embed_dim % self.num_heads:
            raise ArgumentError(
                f"MultiheadAttention: num_heads: got {num_heads}; "
                f"allowed: a divisor of embed_dim, {embed_dim}"
            )
        self.dropout = Dropout(dropout).p
        self.batch_first = batch_first
        self.in_proj_weight = Parameter(zeros(3 * embed_dim, embed_dim))
        init.xavier_uniform(self.in_proj_weight)
        self.in_proj_bias = Parameter(zeros(3 * embed_dim)) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias)
        if self.out_proj.bias is not None:
            init.zeros(self.out_proj.bias)

    def forward(
        self,
        query: Operand,
        key: Operand,
        value: Operand,
        key_padding_mask: Operand | None = None,
        need_weights: bool = True,
        attn_mask: Operand | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Lets each place of the query look at all places of the key.

        A bool mask is True where nothing is looked at; a floating one is added to the scores.

        Args:
            query: [L, N, embed_dim]; with batch_first, here and below, N comes first.
            key: [S, N, embed_dim].
            value: [S, N, embed_dim].
            key_padding_mask: [N, S]. None: all is looked at. Default None.
            need_weights: whether the weights are returned. Default True.
            attn_mask: [L, S], or [N num_heads, L, S]. None: all is looked at. Default None.

        Returns:
            (output in the form of the query, weights [N, L, S] averaged over heads, or None).

        Raises:
            ArgumentError: a value of an input is masked in the sense of numpy.ma.
            ArgumentTypeError: `dropout` was set to no number.
            DTypeError: an input is of another dtype than the weights.
            ShapeError: an input has not three axes or another last one, or a mask does not fit.
        """
        q, k, v = self._projected(query, key, value)
        n, length, places = q.shape[0], q.shape[1], k.shape[1]
        mask = None
        if attn_mask is not None:
            each = (1, 1) if as_tensor(attn_mask).ndim == 2 else (n, self.num_heads)
            mask = _mask(attn_mask, q, "MultiheadAttention: attn_mask", (*each, length, places))
        if key_padding_mask is not None:
            shape = (n, 1, 1, places)
            padding = _mask(key_padding_mask, q, "MultiheadAttention: key_padding_mask", shape)
            mask = padding if mask is None else mask + padding
        share = check_fraction(self.dropout, "dropout: p", one=False)
        share = share if self.training and modes.dropout else 0.0
        scale = 1.0 / math.sqrt(self.embed_dim // self.num_heads)
        weights = None
        if need_weights:
            q, k, v = (self._heads(t) for t in (q, k, v))
            scores: Tensor = run("matmul", (q * scale, k), transpose_b=True)
            weights = F.dropout(F.softmax(scores if mask is None else scores + mask), share)
            mixed = (weights @ v).transpose(0, 2, 1, 3).reshape(n, length, self.embed_dim)
            weights = weights.mean(1)
        else:
            mixed = F.attend(q, k, v, mask, scale, heads=self.num_heads, dropout=share)
        outputs = self.out_proj(mixed if self.batch_first else mixed.transpose(1, 0, 2))
        return outputs, weights

    def _projected(self, query: Operand, key: Operand, value: Operand) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and value, each [N, its length, embed_dim]."""

        def part(x: Operand, number: int) -> Tensor:
            t = as_tensor(x, self.in_proj_weight, "MultiheadAttention: x")
            if t.ndim != 3:
                axes = "[N, L, embed_dim]" if self.batch_first else "[L, N, embed_dim]"
                raise ShapeError(f"MultiheadAttention: got shape {t.shape}; allowed: {axes}")
            rows = slice(number * self.embed_dim, (number + 1) * self.embed_dim)
            bias = None if self.in_proj_bias is None else self.in_proj_bias[rows]
            t = F.linear(t, self.in_proj_weight[rows], bias)
            return t if self.batch_first else t.transpose(1, 0, 2)

        return part(query, 0), part(key, 1), part(value, 2)

    def _heads(self, x: Tensor) -> Tensor:
        """[N, heads, length, width] of [N, length, embed_dim]."""
        split = x.reshape(*x.shape[:2], self.num_heads, self.embed_dim // self.num_heads)
        return split.transpose(0, 2, 1, 3)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.embed_dim}, num_heads={self.num_heads}"


class _TransformerLayer(Module):
    """The feed-forward part, and residual steps with the norm after or (norm_first) before them."""

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
    ) -> None:
        super().__init__()
        if not callable(activation) and activation not in ACTIVATIONS:
            raise ArgumentError(
                f"{type(self).__name__}: activation: got {shown(activation)}; allowed: "
                f"{', '.join(ACTIVATIONS)} or a function"
            )
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first)
        self.linear1 = Linear(d_model, dim_feedforward)
        self.linear2 = Linear(dim_feedforward, d_model)
        self.dropout = Dropout(dropout)
        self.activation = activation if callable(activation) else ACTIVATIONS[activation]
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps)
        self.norm2 = LayerNorm(d_model, layer_norm_eps)

    def _step(self, x: Tensor, norm: Module, part: Callable[[Tensor], Tensor]) -> Tensor:
        if self.norm_first:
            return x + self.dropout(part(norm(x)))
        return norm(x + self.dropout(part(x)))

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


class TransformerEncoderLayer(_TransformerLayer):
    """Self-attention and two linear layers, each with a residual, dropout and a norm.

    Names of parameters are PyTorch's: self_attn, linear1, linear2, norm1, norm2.

    Args:
        d_model: size of the last axis of input and output, at least 1.
        nhead: heads of the attention; a divisor of d_model.
        dim_feedforward: size between the linear layers, at least 1. Default 2048.
        dropout: probability of all dropouts, 0 to below 1. Default 0.1.
        activation: between the linear layers: "relu", "gelu", or a function of a Tensor. Default "relu".
        layer_norm_eps: added to the norms' variances, above 0. Default 1e-5.
        batch_first: whether arrays are [N, T, d_model]; False: [T, N, d_model]. Default False.
        norm_first: whether norms come before attention and linear layers instead of after the residuals.
            Default False.

    Raises:
        ArgumentError: a number is out of bounds, or the activation is unknown.
        ArgumentTypeError: dropout or layer_norm_eps is no number.

    Source:
        Vaswani et al., "Attention is all you need" (2017).
    """

    def forward(
        self, x: Operand, src_mask: Operand | None = None, src_key_padding_mask: Operand | None = None
    ) -> Tensor:
        """Hands x through the layer.

        Args:
            x: [T, N, d_model]; with batch_first [N, T, d_model].
            src_mask: [T, T] or [N nhead, T, T], as `MultiheadAttention`'s attn_mask. Default None.
            src_key_padding_mask: [N, T], as its key_padding_mask. Default None.

        Returns:
            Tensor of x's shape.

        Raises:
            ArgumentError: a value of x is masked in the sense of numpy.ma.
            DTypeError: x is of another dtype than the weights.
            ShapeError: x has not three axes or another last one, or a mask does not fit.
        """

        def attend(t: Tensor) -> Any:
            return self.self_attn(t, t, t, src_key_padding_mask, False, src_mask)[0]

        t = self._step(as_tensor(x, self.linear1.weight), self.norm1, attend)
        return self._step(t, self.norm2, self._feed_forward)


class TransformerDecoderLayer(_TransformerLayer):
    """Self-attention, attention to an encoder's output and two linear layers.

    Names of parameters are PyTorch's: those of the encoder's layer, multihead_attn and norm3.

    Args:
        d_model: size of the last axis of input and output, at least 1.
        nhead: heads of both attentions; a divisor of d_model.
        *arguments: further ones in the order of `TransformerEncoderLayer`.
        **options: those of `TransformerEncoderLayer` by name.

    Raises:
        ArgumentError: a number is out of bounds, or the activation is unknown.
        ArgumentTypeError: dropout or layer_norm_eps is no number.

    Source:
        Vaswani et al., "Attention is all you need" (2017).
    """

    def __init__(self, d_model: int, nhead: int, *arguments: Any, **options: Any) -> None:
        super().__init__(d_model, nhead, *arguments, **options)
        own = self.self_attn
        self.multihead_attn = MultiheadAttention(d_model, nhead, own.dropout, batch_first=own.batch_first)
        self.norm3 = LayerNorm(d_model, self.norm1.eps)

    def forward(
        self,
        x: Operand,
        memory: Operand,
        tgt_mask: Operand | None = None,
        memory_mask: Operand | None = None,
        tgt_key_padding_mask: Operand | None = None,
        memory_key_padding_mask: Operand | None = None,
    ) -> Tensor:
        """Hands x through the layer.

        Args:
            x: [T, N, d_model]; with batch_first, here and below, N comes first.
            memory: the encoder's output, [S, N, d_model].
            tgt_mask: of the self-attention, [T, T] or [N nhead, T, T], as `MultiheadAttention`'s attn_mask.
                Default None.
            memory_mask: of the attention to memory, [T, S] or [N nhead, T, S]. Default None.
            tgt_key_padding_mask: of the self-attention, [N, T], as `MultiheadAttention`'s key_padding_mask.
                Default None.
            memory_key_padding_mask: of the attention to memory, [N, S]. Default None.

        Returns:
            Tensor of x's shape.

        Raises:
            ArgumentError: a value is masked in the sense of numpy.ma.
            DTypeError: x or memory is of another dtype than the weights.
            ShapeError: an input has not three axes or another last one, or a mask does not fit.
        """

        def attend(t: Tensor) -> Any:
            return self.self_attn(t, t, t, tgt_key_padding_mask, False, tgt_mask)[0]

        def look(t: Tensor) -> Any:
            return self.multihead_attn(t, memory, memory, memory_key_padding_mask, False, memory_mask)[0]

        t = self._step(as_tensor(x, self.linear1.weight), self.norm1, attend)
        t = self._step(t, self.norm2, look)
        return self._step(t, self.norm3, self._feed_forward)
