"""The table: what each operation of torch is here, from the families, and what is computed on sizes."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from . import (
    _activations,
    _arithmetic,
    _attention,
    _convolution,
    _creation,
    _losses,
    _noise,
    _normalization,
    _pooling,
    _products,
    _recurrence,
    _reductions,
    _resampling,
    _shapes,
)
from ._rules import Rule

FAMILIES = {
    "Convolution": _convolution.RULES,
    "Products": _products.RULES,
    "Normalization": _normalization.RULES,
    "Pooling": _pooling.RULES,
    "Resampling": _resampling.RULES,
    "Activations": _activations.RULES,
    "Attention": _attention.RULES,
    "Recurrence": _recurrence.RULES,
    "Shapes": _shapes.RULES,
    "Reductions": _reductions.RULES,
    "Arithmetic": _arithmetic.RULES,
    "Constants": _creation.RULES,
    "Noise": _noise.RULES,
    "Losses": _losses.RULES,
}

RULES: dict[str, Rule] = {name: rule for family in FAMILIES.values() for name, rule in family.items()}

# whole numbers that depend on the batch
SIZES: dict[str, Callable[..., Any]] = {
    "aten.sym_size.int": lambda x, axis: x.shape[axis],
    "aten.sym_numel.default": lambda x: math.prod(x.shape),
    "_operator.getitem": operator.getitem,
    "_operator.add": operator.add,
    "_operator.sub": operator.sub,
    "_operator.mul": operator.mul,
    "_operator.floordiv": operator.floordiv,
    "_operator.mod": operator.mod,
    "_operator.neg": operator.neg,
    "_operator.truediv": operator.truediv,
    "_operator.pow": operator.pow,
    "torch.sym_int": int,
    "torch.sym_float": float,
    "torch.sym_max": max,
    "torch.sym_min": min,
    "math.trunc": math.trunc,
    "math.floor": math.floor,
    "math.ceil": math.ceil,
}

# what checks a graph and computes nothing
CHECKS = frozenset({
    "aten._assert_tensor_metadata.default", "aten._assert_scalar.default", "aten._assert_async.msg",
    "aten.sym_constrain_range.default", "aten.sym_constrain_range_for_size.default",
})  # fmt: skip
