"""Attention to all places, to earlier ones, or to those that a mask lets see."""

from __future__ import annotations

import math

from .._core import apply as core_apply
from ..nn import functional as F
from ..tensors.functions import where
from ..tensors.modes import modes
from ..tensors.operations import apply
from ..tensors.tensor import Tensor
from ._rules import Call, Rule
from ._shapes import repeat_interleave
from ._values import Value


def attention(
    call: Call, q: Value, k: Value, v: Value, mask: Value | None = None, dropout: float = 0.0,
    is_causal: bool = False, *, scale: float | None = None, enable_gqa: bool = False,
) -> Value:  # fmt: skip
    query, key, value = call.given(q), call.given(k), call.given(v)
    if enable_gqa:
        times = query.shape[-3] // key.shape[-3]
        key, value = (repeat_interleave(t, times, -3) for t in (key, value))
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    held = None
    if mask is not None:
        held = mask.plain()
        if mask.dtype == "bool":
            held = where(held != 0, 0.0, -math.inf)
        held = held.astype(query.dtype)
    share = dropout if call.training and modes.dropout else 0.0
    # as torch: rows that see nothing are zeros
    if query.shape[:-2] == key.shape[:-2] == value.shape[:-2]:
        made = F.attend(
            query, key, value, held, factor, dropout=share, causal=is_causal, empty_is_zero=mask is not None
        )
        return call.made(made)
    scores: Tensor = core_apply("matmul", (query * factor, key), {"transpose_b": True})  # type: ignore[assignment]
    if held is not None:
        scores = scores + held
    chances = apply("softmax", scores, empty_is_zero=mask is not None, causal=is_causal)
    weights = F.dropout(chances, share)
    return call.made(weights @ value)


RULES: dict[str, Rule] = {
    "aten.scaled_dot_product_attention.default": attention,
}
