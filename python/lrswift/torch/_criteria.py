"""Losses of torch as losses of the engine."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..checks import type_of
from ..errors import ArgumentError, ArgumentTypeError
from ..fromtorch.convert import from_torch
from ..nn.functional import cross_entropy


def check_loss(loss: Any, where: str = "") -> None:
    """ArgumentTypeError unless it can be called with a batch."""
    if isinstance(loss, type):
        raise ArgumentTypeError(f"{where}loss: got {type_of(loss)}; allowed: an instance, {loss.__name__}()")
    if not callable(loss):
        raise ArgumentTypeError(f"{where}loss: got {type_of(loss)}; allowed: a function or a module of torch")


def is_of_torch(loss: Any) -> bool:
    """Whether a loss computes on tensors of torch: one of its modules, or a function of its own."""
    if isinstance(loss, functools.partial):
        return is_of_torch(loss.func)
    return isinstance(loss, nn.Module) or str(getattr(loss, "__module__", "")).partition(".")[0] == "torch"


def is_of_lrswift(loss: Any) -> bool:
    """Whether a loss is one of lrswift's functions, on its own tensors."""
    return callable(loss) and str(getattr(inspect.unwrap(loss), "__module__", "")).startswith("lrswift.")


class Criterion(nn.Module):
    """A function of outputs and targets as a module."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return self.function(outputs, target)


def native_loss(loss: Any, outputs: Any, batch: tuple[Tensor, ...], ignored: bool) -> Callable[..., Any]:
    """A loss of torch as `lrswift.fit` takes it: of outputs and target, or of a model and more arrays.

    Args:
        loss: one of torch's.
        outputs: what the network returns for the example.
        batch: the example, inputs and at last the target.
        ignored: whether a target may be one that a loss leaves out.

    Raises:
        ArgumentError: the loss has operations without a counterpart.
        ArgumentTypeError: there is no target, or the outputs are several.
    """
    if len(batch) < 2:
        raise ArgumentTypeError(
            "fit: loss: a loss of torch needs a target, and batches have one array; "
            "allowed: a function of lrswift's, loss(model, x)"
        )
    if not hasattr(outputs, "dtype_name"):
        raise ArgumentTypeError(
            f"fit: loss: the module returns a {type(outputs).__name__}, and a loss of torch takes one "
            "tensor; allowed: a function of lrswift's, loss(model, *batch), that takes what it needs of it"
        )
    plain = isinstance(loss, nn.CrossEntropyLoss) and loss.weight is None and not loss.label_smoothing
    whole = not batch[-1].is_floating_point()
    if plain and whole and not ignored and loss.reduction == "mean" and outputs.ndim == batch[-1].ndim + 1:
        # one pass, where no label is left out
        return _called(_cross_entropy, len(batch))
    example = torch.from_numpy(np.array(outputs.numpy()))
    target = batch[-1].to(example.dtype) if batch[-1].is_floating_point() else batch[-1]
    criterion = Criterion(loss).train(isinstance(loss, nn.Module) and loss.training)
    try:
        native = from_torch(criterion, (example, target))
    except ArgumentError as error:
        raise ArgumentError(f"fit: loss: {str(error).removeprefix('from_torch: module: ')}") from error
    return _called(native, len(batch))


def _cross_entropy(outputs: Any, labels: Any) -> Any:
    """Of outputs [N, C, ...] and labels [N, ...]."""
    if outputs.ndim > 2:
        outputs = outputs.transpose(0, *range(2, outputs.ndim), 1)
        outputs, labels = outputs.reshape(-1, outputs.shape[-1]), labels.reshape(labels.size)
    return cross_entropy(outputs, labels)


def _called(criterion: Any, arrays: int) -> Callable[..., Any]:
    if arrays == 2:
        return lambda outputs, target: criterion(outputs, target)

    def loss(model: Any, *batch: Any) -> Any:
        return criterion(model(*batch[:-1]), batch[-1])

    # `fit` counts what a loss takes
    names = ["model", *(f"array{i}" for i in range(arrays))]
    kind = inspect.Parameter.POSITIONAL_ONLY
    loss.__signature__ = inspect.Signature([inspect.Parameter(n, kind) for n in names])  # type: ignore[attr-defined]
    return loss


def leaves_out(loss: Any, targets: Any) -> bool:
    """Whether a target, of arrays that are known as a whole, is one that the loss leaves out."""
    index = getattr(loss, "ignore_index", None)
    if index is None:
        return False
    return any(target is None or bool((np.asarray(target) == index).any()) for target in targets)
