"""`Parameter`: a tensor that a Module counts among what is learned."""

from __future__ import annotations

from typing import Any

from ..errors import DTypeError
from ..tensors.creation import tensor
from ..tensors.operations import from_array
from ..tensors.tensor import Tensor


class Parameter(Tensor):
    """A copy of `data` that requires a gradient and is found by `Module.parameters`.

    data: floating tensor or array (float32 unless it is a Tensor of float64); requires_grad False
    freezes it. Raises DTypeError for integer or bool data.
    """

    name: str | None

    def __new__(cls, data: Any, requires_grad: bool = True) -> Parameter:
        source = tensor(data)
        if not source.is_floating:
            raise DTypeError(f"Parameter: data: got dtype {source.dtype}; allowed: floating data")
        made = from_array(source.numpy(), requires_grad)
        # the core makes Tensors only; both classes are plain Python subclasses of its type
        made.__class__ = cls
        made.name = None  # type: ignore[attr-defined]
        return made  # type: ignore[return-value]
