"""`Parameter`: a tensor that a Module counts among what is learned."""

from __future__ import annotations

from typing import Any

from ..errors import DTypeError
from ..tensors.creation import tensor
from ..tensors.operations import from_array
from ..tensors.tensor import Tensor


class Parameter(Tensor):
    """A tensor that is learned: it requires a gradient, and `Module.parameters` finds it.

    Args:
        data: floating numbers, copied. float32, unless it is a Tensor of float64.
        requires_grad: whether it is learned; False freezes it. Default True.

    Raises:
        ArgumentError: a value is masked.
        DTypeError: data are integers, bools, or no numbers.
        ShapeError: data are a nested list with rows of unequal length.
    """

    name: str | None

    def __new__(cls, data: Any, requires_grad: bool = True) -> Parameter:
        """Copies `data`; arguments as the class says."""
        source = tensor(data)
        if not source.is_floating:
            raise DTypeError(f"Parameter: data: got dtype {source.dtype}; allowed: floating data")
        made = from_array(source.numpy(), requires_grad)
        # the core makes Tensors only; both classes are plain Python subclasses of its type
        made.__class__ = cls
        made.name = None  # type: ignore[attr-defined]
        return made  # type: ignore[return-value]
