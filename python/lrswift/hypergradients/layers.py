"""Layers, for hyperparameters of which each has its own: the modules that hold parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError

SCOPES = ("all", "layer", "tensor")


def layer_of(name: str) -> str:
    """The name of the module that a parameter belongs to: "0" of "0.weight"."""
    return name.rpartition(".")[0]


def layer_names(model: Any, per: str = "layer") -> tuple[str, ...]:
    """Modules with parameters to train, in the order of their first one; per="tensor": the parameters."""
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    return tuple(names) if per == "tensor" else tuple(dict.fromkeys(map(layer_of, names)))


def layer_numbers(model: Any, per: str = "layer") -> list[int]:
    """By parameter to train, the number of its layer; per="tensor": its own."""
    layers = layer_names(model)
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    return list(range(len(names))) if per == "tensor" else [layers.index(layer_of(name)) for name in names]


def by_layer(values: np.ndarray, layers: Sequence[str], name: str) -> np.ndarray:
    """float64 [layers, windows] of such an array, or of [windows], which all layers begin with."""
    if values.ndim <= 1:
        return np.tile(values.reshape(1, -1), (len(layers), 1))
    if values.ndim != 2 or len(values) != len(layers):
        raise ShapeError(
            f"{name}: got an array of shape {values.shape}; allowed: numbers for all layers, or one row of "
            f"them for each of the {len(layers)} layers {', '.join(layers)}"
        )
    return values


def parameters_by_layer(params: Iterable[Any], layers: Sequence[str]) -> list[list[tuple[str, Any]]]:
    """(name, tensor) pairs of each layer. ArgumentError where a name is missing or of another layer."""
    found: list[list[tuple[str, Any]]] = [[] for _ in layers]
    for i, item in enumerate(params):
        name, tensor = item if isinstance(item, tuple) and len(item) == 2 else (None, item)
        layer = "" if not isinstance(name, str) else name if name in layers else layer_of(name)
        if not isinstance(name, str) or layer not in layers:
            raise ArgumentError(
                f"params[{i}]: got {repr(name) if name else 'no name'}; allowed: "
                f"model.named_parameters() of a model with the layers {', '.join(layers)}"
            )
        found[layers.index(layer)].append((name, tensor))
    missing = [name for name, held in zip(layers, found, strict=True) if not held]
    if missing:
        raise ArgumentError(
            f"params: none of layer {missing[0]}; allowed: parameters of all of {', '.join(layers)}"
        )
    return found
