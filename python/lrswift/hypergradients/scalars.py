"""Numbers that a training loss reads, as scalar tensors that a run is differentiated by."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..tensors.operations import from_array


class Scalars:
    """A scalar tensor for each of `hyperparameters`, and the loss that is given them by name as `told`."""

    def __init__(self, loss: Callable[..., Any], hyperparameters: Mapping[str, Any], dtype: np.dtype) -> None:
        self.values = scalar_values(loss, hyperparameters)
        self.tensors = {name: from_array(np.zeros((), dtype), requires_grad=True) for name in self.values}
        self.told = loss
        if self.values:
            self.told = functools.partial(loss, **self.tensors)

    @property
    def attributes(self) -> dict[str, Any]:
        """As the core takes them."""
        if not self.values:
            return {}
        parts = [v.ravel() for v in self.values.values()]
        return {"scalars": [part.size for part in parts], "scalar_values": np.concatenate(parts).tolist()}

    def check_read(self) -> None:
        """ArgumentError where a step that was taken has not read one of them."""
        for name, tensor in self.tensors.items():
            if tensor.grad is None:
                raise never_read(name)

    def parted(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        """The numbers of each, in the shape in which its values were given."""
        parts = np.split(flat, np.cumsum([v.size for v in self.values.values()])[:-1])
        named = zip(self.values.items(), parts, strict=False)
        return {name: part.reshape(value.shape).copy() for (name, value), part in named}


def scalar_values(loss: Any, hyperparameters: Any) -> dict[str, np.ndarray]:
    """Name -> float64 of at most one axis. ArgumentError for names that `loss` does not take."""
    if not isinstance(hyperparameters, Mapping):
        raise ArgumentTypeError(
            f"hyperparameters: got {type(hyperparameters).__name__}; allowed: None, or a dict of numbers "
            "by the names of arguments of the loss"
        )
    values = {name: _numbers(name, value) for name, value in hyperparameters.items()}
    _check_names(loss, values)
    return values


def never_read(name: str) -> ArgumentError:
    """The error for one that the training loss does not compute with."""
    return ArgumentError(
        f"hyperparameters: {name!r}: the training loss never reads it; allowed: names of arguments that the "
        "loss computes with"
    )


def _numbers(name: Any, value: Any) -> np.ndarray:
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise ArgumentTypeError(
            f"hyperparameters: {name!r}: got {value!r}; allowed: a number, or a list of them"
        ) from None
    if array.ndim > 1 or array.size == 0:
        raise ShapeError(
            f"hyperparameters: {name!r}: got an array of shape {array.shape}; allowed: a number, or a list"
        )
    if not np.isfinite(array).all():
        raise ArgumentError(f"hyperparameters: {name!r}: got {value!r}; allowed: finite numbers")
    return array


def _check_names(loss: Callable[..., Any], values: Mapping[str, np.ndarray]) -> None:
    if not values:
        return
    try:
        known = inspect.signature(loss).parameters
    except (TypeError, ValueError):
        return
    for name in values:
        found = known.get(name)
        if found is None or found.default is found.empty or found.kind is found.POSITIONAL_ONLY:
            others = [n for n, p in known.items() if p.default is not p.empty]
            raise ArgumentError(
                f"hyperparameters: the loss has no argument {name!r} with a default, which the validation "
                f"loss has; allowed: {', '.join(others) or 'none of this loss'}"
            )
