"""One operation of the core on tensors, and arrays as tensors: what operators and functions are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import Tensor as CoreTensor
from .._core import apply as core_apply
from .._core import tensor as core_tensor
from ..errors import ShapeError
from .dtypes import DTYPES, core_array
from .integers import OPERATIONS


def shared_array(tensor: CoreTensor) -> np.ndarray:
    """The tensor's memory as an ndarray, shared. RecordingError while its value is being recorded."""
    return np.asarray(memoryview(tensor))  # type: ignore[arg-type]


def from_array(array: np.ndarray, requires_grad: bool = False) -> Any:
    """A copy of an array that has one of the core's dtypes already."""
    array = np.asarray(array, order="C")
    return core_tensor(array, array.dtype.name, array.shape, requires_grad)


def _by_numpy(operation: str, inputs: tuple[Any, ...]) -> bool:
    """Whether none is floating. The core moves what has one dtype; NumPy knows the dtype of several."""
    return not any(t.is_floating for t in inputs) and (
        operation != "concat" or len({t.dtype_name for t in inputs}) > 1
    )


def run(operation: str, inputs: tuple[Any, ...], **attributes: Any) -> Any:
    """One operation of the core; by NumPy for integers and bools, which have no derivatives."""
    if operation in OPERATIONS and _by_numpy(operation, inputs):
        try:
            result = np.asarray(OPERATIONS[operation](*map(shared_array, inputs), attributes))
        except ValueError as error:
            raise ShapeError(f"{operation}: {error}") from None
        return from_array(core_array(result, None, DTYPES["float32"], operation))
    return core_apply(operation, inputs, attributes or None)


def apply(operation: str, x: CoreTensor, **attributes: Any) -> Any:
    """One operation on one tensor."""
    return run(operation, (x,), **attributes)
