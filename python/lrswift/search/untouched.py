"""What `find_lr` and `lr_range_test` share: a model is tried and put back, bit for bit."""

from __future__ import annotations

import copy
import random as python_random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import random
from ..checks import refuse_torch
from ..errors import ArgumentError, ArgumentTypeError, warn
from ..loop.loaders import loader_state, put_loader_state
from ..loop.recorder import Buffers, Modes
from ..optim import Optimizer
from ..tensors.operations import from_array
from ..tensors.tensor import Tensor
from .receipt import digests


def refuse_iterator(data: Any) -> None:
    """ArgumentError when iterating over `data` uses it up."""
    if isinstance(data, Iterator):
        raise ArgumentError(
            "data: got an iterator, which cannot be put back; allowed: arrays, or an iterable like a list"
        )


def trainable(model: Any, optimizer: Any) -> list[Tensor]:
    """The parameters of `model` that require a gradient, once `optimizer` is a callable that makes one."""
    refuse_torch(model, "model", "an nn.Module; lrswift.torch.find_lr takes modules of torch")
    if not hasattr(model, "parameters"):
        raise ArgumentTypeError(f"model: got {type(model).__name__}; allowed: an nn.Module")
    if not callable(optimizer) or isinstance(optimizer, Optimizer):
        raise ArgumentTypeError(
            f"optimizer: got {type(optimizer).__name__}; "
            "allowed: a callable (params, lr=), such as lrswift.optim.Adam"
        )
    tensors = [p for p in model.parameters() if p.requires_grad]
    if not tensors:
        raise ArgumentError("model: has no parameters that require a gradient")
    return tensors


@contextmanager
def untouched(model: Any, tensors: list[Tensor], data: Any) -> Iterator[dict[str, Any]]:
    """Puts everything back at the end of the block; the receipt it gives is filled in then."""
    before = digests(model, tensors, data)
    kept = _Kept(model, tensors, data)
    receipt: dict[str, Any] = {}
    try:
        yield receipt
    finally:
        kept.restore()
    after = digests(model, tensors, data)
    receipt.update(before=before, after=after, untouched=before == after)


def warn_touched(receipt: dict[str, Any]) -> None:
    """UserWarning that names what is not as it was, if anything is."""
    if not receipt["untouched"]:
        before, after = receipt["before"], receipt["after"]
        changed = ", ".join(name for name in before if before[name] != after[name])
        warn(f"not as it was before the search: {changed}; see the receipt")


class _Kept:
    """Copies of all that a search touches."""

    def __init__(self, model: Any, tensors: list[Tensor], data: Any) -> None:
        self.tensors = [(t, from_array(t.numpy()), t.grad) for t in tensors]
        self.buffers = Buffers(model)
        self.modes = Modes(model)
        self.random = random.get_state()
        self.numpy = np.random.get_state()
        self.python = python_random.getstate()
        self.data = data
        self.loader = copy.deepcopy(loader_state(data))

    def restore(self) -> None:
        for tensor, value, grad in self.tensors:
            tensor.assign(value)
            tensor.grad = grad
        self.buffers.restore()
        self.modes.restore()
        random.set_state(self.random)
        np.random.set_state(self.numpy)
        python_random.setstate(self.python)
        if self.loader is not None:
            put_loader_state(self.data, self.loader)
