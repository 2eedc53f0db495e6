"""`find_lr`: a learning rate for a model and its data before training (ALRS)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import random
from .._core import Finder as CoreFinder
from ..checks import check_number
from ..errors import warn
from ..loop.feed import Batch, Feed, feed, full_batches
from ..loop.recorder import Modes, Recorder, rows
from ..loop.steps import CHUNK_SECONDS
from ..optim import Adam, Optimizer
from ..pictures.figure import BLUE, GRAY, ORANGE, panels
from ..progress import Progress
from ..tensors.autograd import enable_grad
from ..tensors.modes import frozen_statistics
from ..tensors.tensor import Tensor
from .sbf_search import SBFSearch
from .untouched import refuse_iterator, trainable, untouched, warn_touched


@dataclass(frozen=True)
class FoundRate:
    """A learning rate, and how `find_lr` found it.

    Attributes:
        lr: the rate to train with, `fraction` times `value`.
        value: the rate at which the search ended.
        done: whether the search came to its end.
        steps: how many batches were evaluated.
        signals: +1 (increase) and -1 (decrease), in order.
        gradients: float64 [steps], the derivative of the loss with respect to the rate at every batch.
        values: float64 [steps], the rate tried at every batch.
        receipt: sha256 digests of parameters, gradients, buffers, modes, random states and the loader's
            position, "before" and "after", and "untouched", whether they are equal.
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
        """A matplotlib Figure: the rate tried and the derivative with respect to it, batch by batch.

        Returns:
            The Figure, of two panels.

        Raises:
            ImportError: matplotlib is not installed.
        """
        return _drawn(self)


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
) -> FoundRate:
    """Finds a learning rate for an optimizer on a model, and leaves both as they were.

    With the optimizer's step d from the parameters w, each batch asks for the derivative of its loss L with
    respect to the rate r,

        d/dr L(w + r d) = <grad L(w + r d), d>,

    at the present value of r. In each window of max(1, int(batches per epoch / 50)) batches, derivatives that
    are negative in 9 of 10 cases and in sum ask for a larger rate, others for a smaller one.

    Args:
        model: an `nn.Module`. Its parameters, buffers, gradients and modes are put back bit for bit, like
            random states and the loader's position.
        loss: a function as in `fit`, returning a scalar Tensor.
        data: (x, y) arrays, a `data.Dataset`, or an iterable of batches that can start anew.
        optimizer: a callable (params, lr=) that makes the optimizer, such as `optim.Adam` or
            `functools.partial(optim.SGD, momentum=0.9)`. Default `optim.Adam`.
        batch_size: rows of a batch, where data are arrays; a smaller last one is left out. Default 64.
        start: the first rate tried, above 0. Default 1.0.
        fraction: what of the value found is the rate to train with. Default 0.1.
        search: an `SBFSearch` to drive. None: one that begins at `start`. Default None.
        max_epochs: at most so many passes over the data. Default 5.
        seed: of the order of batches and of random numbers. Default 0.
        progress: whether to show a bar. Default True.

    Returns:
        A `FoundRate`; its `lr` is the rate to train with.

    Raises:
        ArgumentError: a value is out of bounds, data are an iterator that cannot start anew, or the model
            has no parameters that require a gradient.
        ArgumentTypeError: an argument is of a wrong type.
        BufferError: data lie in another device's memory.
        DTypeError: the dtype of data is not allowed.
        ShapeError: arrays are of different lengths, or the loss is no scalar.

    Warns:
        UserWarning: every signal said decrease, the search did not settle in `max_epochs`, or something is
            not as it was.

    Source:
        The ALRS paper, with displacements of single steps ("reading B").
    """
    check_number(fraction, "fraction")
    refuse_iterator(data)
    chosen = search if search is not None else SBFSearch(check_number(start, "start"))
    tensors = trainable(model, optimizer)
    with untouched(model, tensors, data) as receipt:
        random.seed(seed)
        alrs = _RateSearch(model, loss, data, optimizer, tensors, chosen, batch_size, seed)
        try:
            with Progress(alrs.expected(), "find_lr", progress, "batch") as bar:
                alrs.run(max_epochs, bar)
        finally:
            alrs.finder.close()
    warn_touched(receipt)
    signals = signals_of(np.concatenate(alrs.values), chosen.value)
    if signals and max(signals) < 0:
        warn(
            "find_lr: every signal said decrease, so the rate has only shrunk; "
            "use larger batches, whose gradients agree more, or a smaller start"
        )
    if not chosen.done:
        warn(f"find_lr: not settled after {max_epochs} epochs; raise max_epochs")
    values, gradients = np.concatenate(alrs.values), np.concatenate(alrs.gradients)
    return FoundRate(
        lr=fraction * chosen.value,
        value=chosen.value,
        done=chosen.done,
        steps=len(values),
        signals=signals,
        gradients=gradients,
        values=values,
        receipt=receipt,
    )


def signals_of(values: np.ndarray, last: float) -> list[int]:
    """Every signal moves the rate its way, so the moves are the signals."""
    moves = np.sign(np.diff(np.append(values, last)))
    return [int(move) for move in moves if move != 0]


class _RateSearch:
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
        self.finder = CoreFinder(self.optimizer._core, search._core, {"window": window})
        self.window = window

    def expected(self) -> int:
        """About 40 signals is what a search takes."""
        return 40 * self.window

    def run(self, max_epochs: int, bar: Progress) -> None:
        Modes(self.model).train()
        for epoch in range(max_epochs):
            # a smaller last batch would only add noise to its window
            for tensors, indices in full_batches(self.feed, epoch):
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


def _drawn(found: FoundRate) -> Any:
    """The rate tried, and the derivative with respect to it, at every batch of a search."""
    figure, axes = panels(2)
    batches = np.arange(1, len(found.values) + 1)
    axes[0].step(batches, found.values, where="post", color=BLUE)
    title = f"Rate tried: ends at {found.value:.3g}, train with {found.lr:.3g}"
    axes[0].set(title=title, xlabel="batch", yscale="log")
    finite = np.where(np.isfinite(found.gradients), found.gradients, np.nan)
    axes[1].axhline(0, color=GRAY, linewidth=0.8)
    for color, part in ((BLUE, finite < 0), (ORANGE, finite > 0)):
        axes[1].plot(batches[part], finite[part], ".", color=color, markersize=3)
    scale = float(np.nanmedian(np.abs(finite))) if len(finite) else 1.0
    axes[1].set_yscale("asinh", linear_width=scale or 1.0)
    axes[1].set(
        title="Derivative with respect to the rate", xlabel="batch", ylabel="below 0: the rate is too small"
    )
    return figure
