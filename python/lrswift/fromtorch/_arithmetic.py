"""Arithmetic, comparison and selection, with broadcasting."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..tensors.functions import broadcast_to, maximum, minimum, where
from ..tensors.operations import apply
from ..tensors.tensor import Tensor
from ._activations import clamped
from ._rules import Call, Rule, comparison, elementwise, leading, pointwise, spread
from ._values import Value


def add(a: Any, b: Any, *, alpha: float = 1) -> Tensor:
    return a + (b if alpha == 1 else b * alpha)


def sub(a: Any, b: Any, *, alpha: float = 1) -> Tensor:
    return a - (b if alpha == 1 else b * alpha)


def rsub(a: Any, b: Any, alpha: float = 1) -> Tensor:
    return sub(b, a, alpha=alpha)


def floor(x: Tensor) -> Tensor:
    """Without a derivative, as torch's has none but zero."""
    cut = trunc(x)
    return cut - (cut > x).astype(x.dtype)


def trunc(x: Tensor) -> Tensor:
    return x.detach().astype(np.int64).astype(x.dtype)


def div(a: Any, b: Any, *, rounding_mode: str | None = None) -> Tensor:
    made = a / b
    return made if rounding_mode is None else floor(made) if rounding_mode == "floor" else trunc(made)


def remainder(a: Any, b: Any) -> Tensor:
    return a - floor(a / b) * b


def power(a: Any, b: Any) -> Tensor:
    if not isinstance(b, (int, float)):
        return a**b
    # whole powers have derivatives at zero and below
    if b in (0, 1, 3, 4):
        return {0: lambda: a * 0.0 + 1.0, 1: lambda: a, 3: lambda: a.square() * a,
                4: lambda: a.square().square()}[int(b)]()  # fmt: skip
    return a**b


def sign(x: Tensor) -> Tensor:
    held = x.detach()
    return (held > 0).astype(x.dtype) - (held < 0).astype(x.dtype)


def log1p(x: Tensor) -> Tensor:
    return (x + 1.0).log()


def clamp(call: Call, x: Value, low: Any = None, high: Any = None) -> Value:
    given = [x, *(v for v in (low, high) if isinstance(v, Value))]
    order = leading(given)
    t = spread(x, order).astype(call.held())
    bounds = [spread(v, order).astype(call.held()) if isinstance(v, Value) else v for v in (low, high)]
    if not isinstance(low, Value) and not isinstance(high, Value):
        return call.made(clamped(t, low, high), order)
    t = t if bounds[0] is None else maximum(t, bounds[0])
    return call.made(t if bounds[1] is None else minimum(t, bounds[1]), order)


def chosen(call: Call, mask: Value, a: Any, b: Any) -> Value:
    """Of a where the mask holds, else of b."""
    order = leading([mask, a, b])
    aligned = mask if mask.ndim == len(order) else Value(spread(mask, order), mask.dtype, order)
    operands = [spread(v, order).astype(call.held()) if isinstance(v, Value) else v for v in (a, b)]
    if not any(isinstance(v, Tensor) for v in operands):
        held = aligned.laid(order).astype(call.held())
        return call.made(where(held != 0, *operands).astype(call.held()), order)
    return call.made(where(aligned.mask(order), *operands), order)


def masked_fill(call: Call, x: Value, mask: Value, value: Any) -> Value:
    return chosen(call, mask, value, x)


def logical(function: Any) -> Rule:
    """Of truth values as 0 and 1."""

    def rule(call: Call, *given: Value) -> Value:
        order = leading(given)
        zeros_and_ones = []
        for v in given:
            t = spread(v, order)
            zeros_and_ones.append(t if v.dtype == "bool" else (t != 0).astype(np.float32))
        return call.made(function(*zeros_and_ones).astype(np.float32), order)

    return rule


def cast(call: Call, x: Value, *_: Any, **__: Any) -> Value:
    if call.dtype == x.dtype:
        return x
    if call.dtype == "bool":
        return call.made((x.number() != 0).astype(np.float32), x.order)
    if call.dtype in call.floats:
        return call.made(x.number().astype(call.held()), x.order)
    return call.made(trunc(x.number().astype(np.float64)) if x.dtype in call.floats else x.number(), x.order)


def same(call: Call, x: Value, *_: Any, **__: Any) -> Value:
    return x


def copied(call: Call, x: Value, y: Value, *_: Any) -> Value:
    """y in the shape and dtype of x."""
    return call.made(broadcast_to(call.given(y), x.shape))


def detached(call: Call, x: Value, *_: Any) -> Value:
    return Value(x.tensor.detach(), x.dtype, x.order)


RULES: dict[str, Rule] = {
    "aten.add.Tensor": elementwise(add),
    "aten.sub.Tensor": elementwise(sub),
    "aten.rsub.Scalar": elementwise(rsub),
    "aten.rsub.Tensor": elementwise(rsub),
    "aten.mul.Tensor": elementwise(operator.mul),
    "aten.div.Tensor": elementwise(div),
    "aten.div.Tensor_mode": elementwise(div),
    "aten.true_divide.Tensor": elementwise(div),
    "aten.floor_divide.default": elementwise(lambda a, b: div(a, b, rounding_mode="floor")),
    "aten.remainder.Scalar": elementwise(remainder),
    "aten.remainder.Tensor": elementwise(remainder),
    "aten.addcmul.default": elementwise(lambda x, a, b, *, value=1: x + a * b * value),
    "aten.addcdiv.default": elementwise(lambda x, a, b, *, value=1: x + a / b * value),
    "aten.lerp.Scalar": elementwise(lambda a, b, t: a + (b - a) * t),
    "aten.lerp.Tensor": elementwise(lambda a, b, t: a + (b - a) * t),
    "aten.pow.Tensor_Scalar": elementwise(power),
    "aten.pow.Tensor_Tensor": elementwise(power),
    "aten.pow.Scalar": elementwise(lambda a, b: (b * math.log(a)).exp()),
    "aten.maximum.default": elementwise(maximum),
    "aten.minimum.default": elementwise(minimum),
    "aten.max.other": elementwise(maximum),
    "aten.min.other": elementwise(minimum),
    "aten.clamp.default": clamp,
    "aten.clamp.Tensor": clamp,
    "aten.clamp_min.default": lambda call, x, low: clamp(call, x, low),
    "aten.clamp_max.default": lambda call, x, high: clamp(call, x, None, high),
    "aten.neg.default": pointwise(operator.neg),
    "aten.abs.default": pointwise(abs),
    "aten.exp.default": pointwise(Tensor.exp),
    "aten.expm1.default": pointwise(lambda x: x.exp() - 1.0),
    "aten.log.default": pointwise(Tensor.log),
    "aten.log2.default": pointwise(lambda x: x.log() / math.log(2)),
    "aten.log10.default": pointwise(lambda x: x.log() / math.log(10)),
    "aten.log1p.default": pointwise(log1p),
    "aten.sqrt.default": pointwise(Tensor.sqrt),
    "aten.rsqrt.default": pointwise(lambda x: x**-0.5),
    "aten.square.default": pointwise(Tensor.square),
    "aten.reciprocal.default": pointwise(lambda x: 1.0 / x),
    "aten.sin.default": pointwise(lambda x: apply("sin", x)),
    "aten.cos.default": pointwise(lambda x: apply("cos", x)),
    "aten.tan.default": pointwise(lambda x: apply("sin", x) / apply("cos", x)),
    "aten.sinh.default": pointwise(lambda x: (x.exp() - (-x).exp()) * 0.5),
    "aten.cosh.default": pointwise(lambda x: (x.exp() + (-x).exp()) * 0.5),
    "aten.erf.default": pointwise(lambda x: apply("erf", x)),
    "aten.erfc.default": pointwise(lambda x: 1.0 - apply("erf", x)),
    "aten.sign.default": pointwise(sign),
    "aten.floor.default": pointwise(floor),
    "aten.ceil.default": pointwise(lambda x: -floor(-x)),
    "aten.trunc.default": pointwise(trunc),
    "aten.round.default": pointwise(lambda x: floor(x + 0.5)),
    "aten.eq.Tensor": comparison(operator.eq),
    "aten.eq.Scalar": comparison(operator.eq),
    "aten.ne.Tensor": comparison(operator.ne),
    "aten.ne.Scalar": comparison(operator.ne),
    "aten.lt.Tensor": comparison(operator.lt),
    "aten.lt.Scalar": comparison(operator.lt),
    "aten.le.Tensor": comparison(operator.le),
    "aten.le.Scalar": comparison(operator.le),
    "aten.gt.Tensor": comparison(operator.gt),
    "aten.gt.Scalar": comparison(operator.gt),
    "aten.ge.Tensor": comparison(operator.ge),
    "aten.ge.Scalar": comparison(operator.ge),
    "aten.logical_and.default": logical(operator.mul),
    "aten.logical_or.default": logical(maximum),
    "aten.logical_xor.default": logical(lambda a, b: a != b),
    "aten.logical_not.default": logical(lambda a: 1.0 - a),
    "aten.__and__.Tensor": logical(operator.mul),
    "aten.__or__.Tensor": logical(maximum),
    "aten.bitwise_and.Tensor": logical(operator.mul),
    "aten.bitwise_or.Tensor": logical(maximum),
    "aten.bitwise_xor.Tensor": logical(lambda a, b: a != b),
    "aten.__xor__.Tensor": logical(lambda a, b: a != b),
    "aten.bitwise_not.default": logical(lambda a: 1.0 - a),
    "aten.where.self": chosen,
    "aten.where.ScalarSelf": chosen,
    "aten.where.ScalarOther": chosen,
    "aten.where.Scalar": chosen,
    "aten.masked_fill.Scalar": masked_fill,
    "aten.masked_fill.Tensor": masked_fill,
    "aten.to.dtype": cast,
    "aten.to.dtype_layout": cast,
    "aten.to.device": cast,
    "aten.type_as.default": cast,
    "aten.contiguous.default": same,
    "aten.clone.default": same,
    "aten.alias.default": same,
    "aten.copy.default": copied,
    "aten.detach.default": detached,
}
