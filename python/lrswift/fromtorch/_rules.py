"""How a function of tensors becomes a rule for an operation of torch: what it wants of layouts and dtypes.

A rule is called as rule(call, *arguments) with the arguments of the operation, tensors as `Value`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..tensors.tensor import Tensor
from ._values import Value, channels_last

Rule = Callable[..., Any]
Function = Callable[..., Any]


@dataclass(frozen=True)
class Call:
    """One operation as it is run. dtype: torch's, of the result; training: of the module that calls it."""

    dtype: str
    training: bool
    floats: dict[str, np.dtype]

    def held(self, dtype: str | None = None) -> np.dtype:
        """The dtype in which numbers of a dtype of torch are held."""
        name = self.dtype if dtype is None else dtype
        if name in self.floats:
            return self.floats[name]
        return np.dtype(np.float32 if name == "bool" else np.float64)

    def made(self, tensor: Tensor, order: Any = None) -> Value:
        """The result."""
        return Value(tensor, self.dtype, order)

    def given(self, value: Any) -> Any:
        """A floating tensor in the dtype of the result and torch's order; what is no value as it is."""
        return value.plain().astype(self.held()) if isinstance(value, Value) else value


def pointwise(function: Function) -> Rule:
    """function(x, ...) of each element: the order of axes stays."""

    def rule(call: Call, x: Value, *more: Any, **options: Any) -> Value:
        return call.made(function(x.number().astype(call.held()), *more, **options), x.order)

    return rule


def plain(function: Function) -> Rule:
    """function of tensors in torch's order and the result's dtype."""

    def rule(call: Call, *given: Any, **options: Any) -> Any:
        made = function(*map(call.given, given), **{k: call.given(v) for k, v in options.items()})
        return call.made(made)

    return rule


def moving(function: Function) -> Rule:
    """function(x, ...) that moves elements in torch's order, whatever they are."""

    def rule(call: Call, x: Value, *more: Any, **options: Any) -> Value:
        return Value(function(x.plain(), *more, **options), x.dtype)

    return rule


def images(function: Function) -> Rule:
    """function(x, ...) of channels-last images; other tensors in torch's order."""

    def rule(call: Call, x: Value, *more: Any, **options: Any) -> Value:
        order = channels_last(x.ndim)
        t = x.laid(order).astype(call.held())
        return call.made(
            function(t, *map(call.given, more), **{k: call.given(v) for k, v in options.items()}), order
        )

    return rule


def elementwise(function: Function) -> Rule:
    """function of operands that broadcast, in the dtype of the result."""

    def rule(call: Call, *given: Any, **options: Any) -> Value:
        order = leading(given)
        operands = [spread(v, order).astype(call.held()) if isinstance(v, Value) else v for v in given]
        return call.made(function(*operands, **options), order)

    return rule


def comparison(function: Function) -> Rule:
    """function of two operands that broadcast, giving truth values."""

    def rule(call: Call, *given: Any) -> Value:
        order = leading(given)
        values = [v for v in given if isinstance(v, Value)]
        wide = np.result_type(*(call.held(v.dtype) for v in values))
        return call.made(
            function(*(spread(v, order).astype(wide) if isinstance(v, Value) else v for v in given)), order
        )

    return rule


def leading(given: Any) -> tuple[int, ...]:
    """The order in which operands that broadcast are computed: that of the largest one."""
    values = [v for v in given if isinstance(v, Value)]
    most = max(v.ndim for v in values)
    return max((v for v in values if v.ndim == most), key=lambda v: v.tensor.size).order


def spread(value: Value, order: tuple[int, ...]) -> Tensor:
    """An operand in an order of as many or more axes, so that it broadcasts as torch's."""
    missing = len(order) - value.ndim
    if value.ndim == 0 or not missing:
        return value.laid(order) if value.ndim else value.number()
    t = value.plain()
    return Value(t.reshape(*[1] * missing, *t.shape), value.dtype).laid(order)


def axes_of(axis: Any, ndim: int) -> list[int]:
    """torch's `dim`: an int, several, none or empty for all."""
    if axis is None or axis == []:
        return list(range(ndim))
    given = [axis] if isinstance(axis, int) else list(axis)
    return [a % max(1, ndim) for a in given]


def reduction(function: Function) -> Rule:
    """function(t, axes, keepdims, ...) over axes, in any order of them."""

    def rule(
        call: Call, x: Value, axis: Any = None, keepdims: bool = False, *more: Any, **options: Any
    ) -> Value:
        options.pop("dtype", None)
        axes = axes_of(axis, x.ndim)
        t = x.number().astype(call.held())
        if x.ndim == 0:
            return call.made(function(t.reshape(1), [0], False, *more, **options))
        made = function(t, [x.place(a) for a in axes], keepdims, *more, **options)
        if keepdims:
            return call.made(made, x.order)
        kept = [a for a in x.order if a not in axes]
        return call.made(made, [sorted(kept).index(a) for a in kept])

    return rule


def along(function: Function) -> Rule:
    """function(t, axis, ...) that leaves the shape as it is."""

    def rule(call: Call, x: Value, axis: int, *more: Any, **options: Any) -> Value:
        options.pop("dtype", None)
        return call.made(function(x.number().astype(call.held()), x.place(axis), *more), x.order)

    return rule
