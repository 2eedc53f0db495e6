"""Operations on integer and bool tensors, by NumPy.

The core computes on floating tensors, which alone have derivatives; integers are labels, indices and
masks. It moves them, in slices, transposes and concatenations; a loss that computes new ones from its inputs
reads values and runs eagerly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Attributes = dict[str, Any]


def _reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, a: function(x, axis=tuple(a["axes"]), keepdims=a["keepdims"])


OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": lambda x, y, a: np.add(x, y),
    "sub": lambda x, y, a: np.subtract(x, y),
    "mul": lambda x, y, a: np.multiply(x, y),
    "maximum": lambda x, y, a: np.maximum(x, y),
    "minimum": lambda x, y, a: np.minimum(x, y),
    "matmul": lambda x, y, a: np.matmul(x, y),
    "eq": lambda x, y, a: np.equal(x, y),
    "ne": lambda x, y, a: np.not_equal(x, y),
    "lt": lambda x, y, a: np.less(x, y),
    "le": lambda x, y, a: np.less_equal(x, y),
    "gt": lambda x, y, a: np.greater(x, y),
    "ge": lambda x, y, a: np.greater_equal(x, y),
    "abs": lambda x, a: np.abs(x),
    "where": lambda mask, x, y, a: np.where(mask, x, y),
    "concat": lambda *parts: np.concatenate(parts[:-1], parts[-1]["axis"]),
    "broadcast": lambda x, a: np.broadcast_to(x, a["shape"]),
    "gather": lambda x, index, a: x[index],
    "argmax": lambda x, a: np.argmax(x, a["axis"]),
    "sum": _reduction(lambda x, **options: np.sum(x, dtype=np.int64, **options)),
    "max": _reduction(np.max),
    "min": _reduction(np.min),
}
