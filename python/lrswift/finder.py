"""`find_lr`: a learning rate for a model and its data before training, by the gradient of the loss with
respect to the rate (ALRS)."""

from __future__ import annotations

import copy
import math
import random as python_random
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import _core, random
from ._feeding import ArrayFeed, Batch, Feed, feed
from ._modes import frozen_statistics
from ._progress import Progress
from ._receipt import digests, loader_state
from ._recording import Modes, Recorder, rows
from ._tensor import Tensor, from_array
from .adapt import SBFSearch, check_number
from .autograd import enable_grad
from .errors import ArgumentError, DTypeError
from .fitting import CHUNK_SECONDS
from .optim import Adam, Optimizer


@dataclass(frozen=True)
class Found:
    """What `find_lr` found.

    lr: the rate to train with, `fraction` times `value`. value: where the search ended. done: whether it
    came to its end. signals: +1 (increase) and -1 (decrease) in order. gradients, values: float64 [steps],
    the gradient by the rate and the rate at every batch. receipt: sha256 digests of parameters, gradients,
    buffers, modes, random states and the loader's position, taken `before` and `after`, and whether they
    are equal (`untouched`).
    """

    lr: float
    value: float
    done: bool
    steps: int
    signals: list[int]
    gradients: np.ndarray = field(repr=False)
    values: np.ndarray = field(repr=False)
    receipt: dict[str, Any] = field(repr=False)

    def plot(self) -> Any:
        """A matplotlib Figure: the rate tried and the gradient by it, batch by batch."""
        from .plots import plot_found

        return plot_found(self)


def find_lr(
    model: Any,
    loss: Callable[..., Tensor],
    data: Any,
    optimizer: Callable[..., Optimizer] = Adam,
    batch_size: int = 64,
    start: float = 1.0,
    fraction: float = 0.1,
    search: SBFSearch | None = None,
    max_epochs: int = 5,
    seed: int = 0,
    progress: bool = True,
) -> Found:
    """Finds a learning rate for `optimizer` on `model` and leaves both as they were.

    Each batch is evaluated where one step of the optimizer at the rate in question would lead; over
    windows of max(1, int(batches per epoch / 50)) batches, gradients by the rate that are negative in 9 of
    10 cases and in sum ask for a larger rate, others for a smaller one.
    loss, data, batch_size: as in `fit`. optimizer: a callable (params, lr=), such as `optim.Adam` or
    `functools.partial(optim.SGD, momentum=0.9)`. start: first rate, 1. fraction: of the value found, 0.1.
    search: an `SBFSearch`, by default one from `start`. max_epochs: at most so many passes, 5. seed: of the
    order of batches and of random numbers.
    Parameters, buffers, gradients, modes, random states and the loader's position are put back bit for
    bit; `receipt` shows the digests. An iterator that cannot start anew is refused (ArgumentError).
    Source: the ALRS paper, with displacements of single steps ("reading B").
    """
    check_number(fraction, "fraction")
    if iter_once(data):
        raise ArgumentError(
            "data: got an iterator, which cannot be put back; allowed: arrays, or an iterable like a list"
        )
    chosen = search if search is not None else SBFSearch(check_number(start, "start"))
    tensors = _parameters(model, optimizer)
    before = digests(model, tensors, data)
    kept = _Kept(model, tensors, data)
    try:
        random.seed(seed)
        hunt = _Hunt(model, loss, data, optimizer, tensors, chosen, batch_size, seed)
        try:
            with Progress(hunt.expected(), "find_lr", progress, "batch") as bar:
                hunt.run(max_epochs, bar)
        finally:
            hunt.finder.close()
    finally:
        kept.restore()
    after = digests(model, tensors, data)
    signals = _signals(np.concatenate(hunt.values), chosen.value)
    if signals and max(signals) < 0:
        warnings.warn(
            "find_lr: every signal said decrease, so the rate has only shrunk; "
            "use larger batches, whose gradients agree more, or a smaller start",
            stacklevel=2,
        )
    if not chosen.done:
        warnings.warn(f"find_lr: not settled after {max_epochs} epochs; raise max_epochs", stacklevel=2)
    receipt = {"before": before, "after": after, "untouched": before == after}
    values, gradients = np.concatenate(hunt.values), np.concatenate(hunt.gradients)
    return Found(
        lr=fraction * chosen.value,
        value=chosen.value,
        done=chosen.done,
        steps=len(values),
        signals=signals,
        gradients=gradients,
        values=values,
        receipt=receipt,
    )


def _signals(values: np.ndarray, last: float) -> list[int]:
    """Every signal moves the rate its way, so the moves are the signals."""
    moves = np.sign(np.diff(np.append(values, last)))
    return [int(move) for move in moves if move != 0]


def iter_once(data: Any) -> bool:
    """Whether iterating over `data` uses it up."""
    return isinstance(data, Iterator)


def _parameters(model: Any, optimizer: Any) -> list[Tensor]:
    if not hasattr(model, "parameters"):
        raise DTypeError(f"model: got {type(model).__name__}; allowed: an nn.Module")
    if not callable(optimizer) or isinstance(optimizer, Optimizer):
        raise DTypeError(
            f"optimizer: got {type(optimizer).__name__}; "
            "allowed: a callable (params, lr=), such as lrswift.optim.Adam"
        )
    tensors = [p for p in model.parameters() if p.requires_grad]
    if not tensors:
        raise ArgumentError("model: has no parameters that require a gradient")
    return tensors


class _Kept:
    """Copies of all that a search touches."""

    def __init__(self, model: Any, tensors: list[Tensor], data: Any) -> None:
        self.tensors = [(t, from_array(t.numpy()), t.grad) for t in tensors]
        self.buffers = [(b, from_array(b.numpy())) for b in model.buffers()]
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
        for buffer, value in self.buffers:
            buffer.assign(value)
        self.modes.restore()
        random.set_state(self.random)
        np.random.set_state(self.numpy)
        python_random.setstate(self.python)
        if self.loader is not None and hasattr(self.data, "load_state_dict"):
            self.data.load_state_dict(self.loader)
        elif self.loader is not None:
            for key, value in self.loader.items():
                setattr(self.data, key, value)


class _Hunt:
    """One search: batches through the native finder until the search is done."""

    def __init__(
        self,
        model: Any,
        loss: Callable[..., Tensor],
        data: Any,
        optimizer: Callable[..., Optimizer],
        tensors: list[Tensor],
        search: SBFSearch,
        batch_size: int,
        seed: int,
    ) -> None:
        self.model = model
        self.search = search
        self.recorder = Recorder(model, loss)
        self.feed: Feed = feed(data, "data", tensors[0].dtype, batch_size, True, seed)
        self.gradients: list[np.ndarray] = []
        self.values: list[np.ndarray] = []
        self.optimizer = optimizer(tensors, lr=search.value)
        steps = self.feed.steps()
        # an epoch of unknown length gets the window of a short one
        window = max(1, (steps or 0) // 50)
        self.finder = _core.Finder(self.optimizer._core, search._core, {"window": window})
        self.window = window

    def expected(self) -> int:
        """About 40 signals is what a search takes."""
        return 40 * self.window

    def run(self, max_epochs: int, bar: Progress) -> None:
        self.model.train()
        for epoch in range(max_epochs):
            for tensors, indices in self.feed.epoch(epoch):
                if isinstance(self.feed, ArrayFeed) and indices.shape[1] < self.feed.batch_size:
                    continue  # a smaller last batch would only add noise to its window
                program = self.recorder.program(tensors, indices.shape[1])
                if program is None:
                    self._eagerly(tensors, indices, bar)
                else:
                    self._replay(program, tensors, indices, bar)
                if self.search.done:
                    return

    def _replay(self, program: Any, tensors: Batch, indices: np.ndarray, bar: Progress) -> None:
        done = 0
        while done < len(indices) and not self.search.done:
            steps, gradients, values = self.finder.run(program, tensors, indices[done:], CHUNK_SECONDS)
            self._add(np.frombuffer(gradients)[:steps], np.frombuffer(values)[:steps], bar)
            done += steps

    def _eagerly(self, tensors: Batch, indices: np.ndarray, bar: Progress) -> None:
        for numbers in indices:
            value = self.search.value
            self.finder.displace()
            self.optimizer.zero_grad()
            with enable_grad(), frozen_statistics():
                loss = self.recorder(*rows(tensors, numbers))
                loss.backward()
            gradient = self.finder.observe(loss.item())
            self._add(np.array([gradient]), np.array([value]), bar)
            if self.search.done:
                return

    def _add(self, gradients: np.ndarray, values: np.ndarray, bar: Progress) -> None:
        self.gradients.append(gradients.copy())
        self.values.append(values.copy())
        if len(values) and math.isfinite(values[-1]):
            bar.advance(len(values), rate=values[-1])
