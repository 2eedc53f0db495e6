"""Optimizers of PyTorch's and of other packages, on a twin of the workload's network in PyTorch.

A twin has the same layers with the same first values; it sees the same batches in the same order, and is
judged by the same loss. Networks of linear layers and activations have one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from ... import nn
from ...config import get_threads
from ...errors import ArgumentError
from ...nn.functional import cross_entropy, mse_loss
from .method import Method
from .run import Run
from .workload import Workload

_ACTIVATIONS = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.Softplus)
_LOSSES: dict[Callable[..., Any], str] = {cross_entropy: "cross_entropy", mse_loss: "mse_loss"}


def has_twin(workload: Workload) -> bool:
    """Whether there is a twin of its network and of its loss."""
    if workload.loss not in _LOSSES:
        return False
    model = workload.network(0)
    layers = list(model.modules())[1:] if isinstance(model, nn.Sequential) else [model]
    return all(isinstance(layer, (nn.Flatten, nn.Linear, *_ACTIVATIONS)) for layer in layers)


def twin(model: nn.Module) -> Any:
    """A `torch.nn.Sequential` that computes what the model does, with copies of its values."""
    import torch

    layers: list[Any] = []
    for layer in list(model.modules())[1:] if isinstance(model, nn.Sequential) else [model]:
        if isinstance(layer, nn.Linear):
            weight = torch.tensor(layer.weight.numpy())
            made = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=layer.bias is not None)
            with torch.no_grad():
                made.weight.copy_(weight)
                if layer.bias is not None:
                    made.bias.copy_(torch.tensor(layer.bias.numpy()))
            layers.append(made)
        else:
            layers.append(getattr(torch.nn, type(layer).__name__)())
    return torch.nn.Sequential(*layers)


def torch_optimizer(
    name: str, make: Callable[[Iterable[Any], int], Any], about: str = "", needs: str = "torch"
) -> Method:
    """A method that is one optimizer of PyTorch's kind from the first step to the last.

    Args:
        name: of the method.
        make: a function (params, steps) of the twin's parameters and the number of steps. Its `step` is
            given a closure, each call of which is a gradient of the budget; `lr.torch.Adapted` is one, too.
        about: what it does, in a line.
        needs: the package that it is from, for the message where it is not installed. Default "torch".
    """

    def train(run: Run) -> None:
        _trained(run, make)

    return Method(name, train, about, needs, has_twin)


def _trained(run: Run, make: Callable[[Iterable[Any], int], Any]) -> None:
    import torch

    if not has_twin(run.workload):
        raise ArgumentError(
            f"workloads: {run.workload.name} has no twin in PyTorch; allowed: linear layers and activations"
        )
    model, loss = twin(run.model), getattr(torch.nn.functional, _LOSSES[run.loss])
    x, y = (torch.from_numpy(a.copy()) for a in run.data)
    v, w = (torch.from_numpy(t.numpy().copy()) for t in run.prepared.valid.tensors)
    optimizer = make(model.parameters(), run.left)

    def steps(count: int) -> None:
        _into(optimizer, "train")
        end = run.used + count
        while run.used < end:
            (rows,) = torch.from_numpy(run.batches(1))
            start, asked = time.process_time(), 0

            def closure(rows: Any = rows) -> Any:
                nonlocal asked
                asked += 1
                with torch.enable_grad():
                    optimizer.zero_grad()
                    value = loss(model(x[rows]), y[rows])
                    value.backward()
                return value

            optimizer.step(closure)
            # L-BFGS and adapters that probe ask several times
            run.spend(asked, time.process_time() - start)

    def validate() -> float:
        _into(optimizer, "eval")
        with torch.no_grad():
            return run.note(float(loss(model(v), w)))

    before = torch.get_num_threads()
    torch.set_num_threads(get_threads())
    try:
        run.to_the_end(steps, validate)
    finally:
        torch.set_num_threads(before)


def _into(optimizer: Any, mode: str) -> None:
    """Schedule-Free has two points; others have no such function."""
    if callable(getattr(optimizer, mode, None)):
        getattr(optimizer, mode)()
