"""A user's own data and network for the command line: a file, and module:function."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

from ..data import DATASETS, Dataset, Splits, from_file, load
from ..errors import ArgumentError, ArgumentTypeError
from ..nn import Module
from ..tensors.creation import tensor
from .setup import MODELS

Maker = Callable[[Dataset, int], Module]


def imported(given: str, what: str) -> Any:
    """What "module:name" names; a module beside the user is found.

    Raises:
        ArgumentError: there is no such module, or no such name in it.
    """
    place, _, name = given.partition(":")
    # as for `python -m`
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(place)
    except ImportError as error:
        raise ArgumentError(
            f"{what}: {given}: {error}; allowed: module:name, the module importable from here"
        ) from None
    if not hasattr(module, name):
        raise ArgumentError(f"{what}: {given}: {place} has no {name!r}; allowed: a name that it has")
    return getattr(module, name)


def data(given: str, target: str | None, root: str | os.PathLike[str] | None, seed: int) -> Splits:
    """A data set of the list, scaled, or a table of one's own, standardized.

    Raises:
        ArgumentError: it is neither, the file is no table to classify by, or a target is given for a set of
            the list.
        MissingFiles: files are not there.
    """
    if given in DATASETS:
        if target is not None:
            raise ArgumentError(f"--target: got {target!r} for {given}; allowed: with a file of your own")
        return load(given, root).scaled()
    if not given.lower().endswith((".csv", ".npz", ".parquet")):
        raise ArgumentError(
            f"--data: got {given}; allowed: {', '.join(DATASETS)}, or a .csv, .npz or .parquet file"
        )
    return from_file(given, target, seed=seed)


def network(given: str, splits: Splits) -> Maker:
    """A network of the list, or what a function of one's own makes of (inputs, classes).

    inputs: how many numbers an example has, or its shape where it is an array. A module of torch is read by
    `lrswift.from_torch`. One is made to try.

    Raises:
        ArgumentError: there is no such function, or it does not make such a network.
        ArgumentTypeError: what it makes is no module.
    """
    if given in MODELS:
        make = MODELS[given]
    elif ":" in given:
        make = _made(imported(given, "--model"), given)
    else:
        raise ArgumentError(
            f"--model: got {given}; allowed: {', '.join(MODELS)}, or module:function, which makes a network "
            "of (inputs, classes)"
        )
    classes = len(splits.classes)
    model = make(splits.train, classes)
    try:
        shape = model(tensor(splits.train.x[:2])).shape
    except (ArgumentError, ValueError, TypeError) as error:
        raise ArgumentError(f"--model: {given} does not take inputs of {splits.name}: {error}") from None
    if tuple(shape) != (2, classes):
        raise ArgumentError(
            f"--model: {given} makes outputs of shape {list(shape)} of two examples; allowed: "
            f"[2, {classes}], one for each class"
        )
    return make


def _made(function: Any, given: str) -> Maker:
    if not callable(function):
        raise ArgumentTypeError(f"--model: {given} is a {type(function).__name__}; allowed: a function")

    def make(train: Dataset, classes: int) -> Module:
        inputs = train.x.shape[1:]
        found = function(inputs[0] if len(inputs) == 1 else inputs, classes)
        if any(kind.__module__.partition(".")[0] == "torch" for kind in type(found).__mro__):
            import torch

            from ..fromtorch.convert import from_torch

            found = from_torch(found, torch.from_numpy(train.x[:2]))
        if not isinstance(found, Module):
            raise ArgumentTypeError(
                f"--model: {given} made a {type(found).__name__}; allowed: a Module of lrswift.nn or torch.nn"
            )
        return found

    make.__name__ = given
    return make
