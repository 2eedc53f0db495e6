"""Constants, whose sizes may depend on the batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..tensors.operations import from_array
from ._rules import Call, Rule
from ._values import Value


def constant(call: Call, array: np.ndarray) -> Value:
    return call.made(from_array(np.asarray(array, call.held())))


def filled(value: float) -> Rule:
    return lambda call, size, **_: constant(call, np.full(tuple(size), value))


def full(call: Call, size: Sequence[int], value: float, **_: Any) -> Value:
    return constant(call, np.full(tuple(size), value))


def filled_like(value: float) -> Rule:
    return lambda call, x, **_: constant(call, np.full(x.shape, value))


def full_like(call: Call, x: Value, value: float, **_: Any) -> Value:
    return constant(call, np.full(x.shape, value))


def new_filled(value: float) -> Rule:
    return lambda call, x, size, **_: constant(call, np.full(tuple(size), value))


def new_full(call: Call, x: Value, size: Sequence[int], value: float, **_: Any) -> Value:
    return constant(call, np.full(tuple(size), value))


def made_by(function: Callable[..., np.ndarray]) -> Rule:
    return lambda call, *given, **_: constant(call, function(*given))


RULES: dict[str, Rule] = {
    "aten.empty.memory_format": filled(0),
    "aten.empty_like.default": filled_like(0),
    "aten.new_empty.default": new_filled(0),
    "aten.zeros.default": filled(0),
    "aten.ones.default": filled(1),
    "aten.full.default": full,
    "aten.zeros_like.default": filled_like(0),
    "aten.ones_like.default": filled_like(1),
    "aten.full_like.default": full_like,
    "aten.new_zeros.default": new_filled(0),
    "aten.new_ones.default": new_filled(1),
    "aten.new_full.default": new_full,
    "aten.arange.default": made_by(np.arange),
    "aten.arange.start": made_by(np.arange),
    "aten.arange.start_step": made_by(np.arange),
    "aten.eye.default": made_by(np.eye),
    "aten.eye.m": made_by(np.eye),
    "aten.scalar_tensor.default": made_by(np.asarray),
}
