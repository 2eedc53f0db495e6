"""`lr_range_test` for torch models, with everything left as it was."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ..errors import ArgumentError
from ..progress import Progress
from ..search.range_test import START, RangeTest, Smoothing, checked_schedule, concluded, rates_of
from .find import batches_of, checked_problem, loss_of, train_mode, untouched


def lr_range_test(
    model: torch.nn.Module,
    loss: Callable[..., Tensor],
    data: Any,
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.SGD,
    start: float | None = None,
    end: float = 10.0,
    steps: int = 100,
    mode: Literal["exponential", "linear"] = "exponential",
    smoothing: float = 0.05,
    diverge: float = 5.0,
    batch_size: int = 64,
    seed: int = 0,
    progress: bool = True,
) -> RangeTest:
    """Trains while the rate grows from `start` to `end`, and leaves everything as it was.

    It is `lrswift.lr_range_test` for models of torch; `find_lr` needs no eye.

    Args:
        model: what is put back is what `find_lr` puts back.
        loss: a function of (model(x), y), or of (model, *batch), that returns a scalar.
        data: as of `find_lr`: (x, y) tensors, a dict of tensors, or an iterable of batches.
        optimizer: a callable (params, lr=) that makes the optimizer. Default torch.optim.SGD.
        start: the first rate, above 0. None: 1e-7. Default None.
        end: the last rate, above `start`. Default 10.0.
        steps: how many, at least 2. Default 100.
        mode: "exponential", a constant factor per step, or "linear". Default "exponential".
        smoothing: weight of the new loss in the smoothed one, above 0 and at most 1. Default 0.05.
        diverge: above 1: the test ends when the smoothed loss exceeds so many times its lowest value, and
            when the loss or a gradient is not finite. Default 5.0.
        batch_size: rows of a batch, where data are tensors; a smaller last one is left out. Default 64.
        seed: of the order of batches and of random numbers. Default 0.
        progress: whether to show a bar. Default True.

    Returns:
        A `RangeTest`, with a suggestion where there is one.

    Raises:
        ArgumentError: a value is out of bounds, data are an iterator or give no batch, or the model has no
            parameters that require a gradient.
        ArgumentTypeError: an argument is of a wrong type.
        DTypeError: data are no batches.
        ShapeError: tensors are of different lengths, or the loss is no scalar.

    Warns:
        UserWarning: there is no suggestion, or something is not as it was.

    Source:
        Smith, "Cyclical learning rates" (arXiv 1506.01186), section 3.3, with the smoothing, stopping and
        suggestion that became customary.
    """
    start = START if start is None else start
    checked_schedule(start, end, steps, mode)
    smoothed = Smoothing(smoothing, diverge)
    trained = checked_problem(model, loss, data, optimizer)
    rates = rates_of(start, end, steps, mode)
    made = optimizer(trained, lr=float(rates[0]))
    losses: list[float] = []
    with untouched(model, data) as receipt, Progress(steps, "lr_range_test", progress) as bar:
        torch.manual_seed(seed)
        train_mode(model)
        while _swept(model, loss, made, batches_of(data, batch_size), rates, losses, smoothed, bar):
            pass
    return concluded(rates[: len(losses)], np.array(losses), smoothed.values, receipt)


def _swept(
    model: torch.nn.Module,
    loss: Callable[..., Tensor],
    optimizer: torch.optim.Optimizer,
    batches: Any,
    rates: np.ndarray,
    losses: list[float],
    smoothed: Smoothing,
    bar: Progress,
) -> bool:
    """A pass over the data; whether the test goes on."""
    before = len(losses)
    for batch in batches:
        for group in optimizer.param_groups:
            group["lr"] = float(rates[len(losses)])
        optimizer.zero_grad()
        found = loss_of(model, loss, batch)
        found.backward()
        losses.append(float(found.detach()))
        bar.advance(1, loss=losses[-1], lr=float(rates[len(losses) - 1]))
        if smoothed.ended(losses[-1]) or len(losses) == len(rates) or not _is_finite(optimizer):
            return False
        optimizer.step()
    if len(losses) == before:
        raise ArgumentError("data: gave no batch; allowed: at least one")
    return True


def _is_finite(optimizer: torch.optim.Optimizer) -> bool:
    """Whether every gradient is."""
    found = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    total = sum((g.detach().double().square().sum() for g in found), torch.zeros((), dtype=torch.double))
    return math.isfinite(float(total))
