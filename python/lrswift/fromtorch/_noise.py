"""Random numbers, drawn anew in every step by lrswift's generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..tensors.creation import full, rand, randn
from ..tensors.tensor import Tensor
from ._rules import Call, Rule
from ._values import Value

Draw = Callable[..., Tensor]


def like(draw: Draw) -> Rule:
    """In the shape of a tensor."""
    return lambda call, x, *more, **_: call.made(draw(x.shape, call.held(), *more))


def sized(draw: Draw) -> Rule:
    return lambda call, size, **_: call.made(draw(tuple(size), call.held()))


def uniform(shape: Sequence[int], dtype: np.dtype, low: float = 0.0, high: float = 1.0) -> Tensor:
    drawn = rand(tuple(shape), dtype=dtype)
    return drawn if (low, high) == (0, 1) else drawn * (high - low) + low


def normal(shape: Sequence[int], dtype: np.dtype, mean: float = 0.0, deviation: float = 1.0) -> Tensor:
    drawn = randn(tuple(shape), dtype=dtype)
    return drawn if (mean, deviation) == (0, 1) else drawn * deviation + mean


def exponential(shape: Sequence[int], dtype: np.dtype, rate: float = 1.0) -> Tensor:
    return (1.0 - rand(tuple(shape), dtype=dtype)).log() / -rate


def coin(call: Call, x: Value, p: float = 0.5, **_: Any) -> Value:
    """1 with probability p, else 0; in evaluation mode the mean, so that layers drop in train mode only."""
    if not call.training:
        return call.made(full(x.shape, float(p), dtype=call.held()))
    return call.made((rand(x.shape, dtype=call.held()) < p).astype(call.held()))


def coins(call: Call, x: Value, **_: Any) -> Value:
    """1 with the probabilities in x."""
    chances = call.given(x)
    return call.made((rand(x.shape, dtype=chances.dtype) < chances).astype(call.held()))


RULES: dict[str, Rule] = {
    "aten.randn_like.default": like(normal),
    "aten.rand_like.default": like(uniform),
    "aten.randn.default": sized(normal),
    "aten.rand.default": sized(uniform),
    "aten.normal_functional.default": like(normal),
    "aten.uniform.default": like(uniform),
    "aten.exponential.default": like(exponential),
    "aten.bernoulli.p": coin,
    "aten.bernoulli.default": coins,
}
