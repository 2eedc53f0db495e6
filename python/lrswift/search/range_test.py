"""`lr_range_test`: the loss over a growing learning rate, the classic way to choose one by eye."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from .. import random
from ..checks import check_number, check_whole
from ..errors import ArgumentError
from ..loop.feed import feed, full_batches
from ..loop.recorder import Modes, Recorder
from ..loop.steps import Steps
from ..optim import SGD, Optimizer
from ..pictures.figure import BLUE, ORANGE, panels
from ..progress import Progress
from ..schedule import Exponential, Linear, Schedule
from ..tensors.tensor import Tensor
from .untouched import refuse_iterator, trainable, untouched

START = 1e-7
# both ends mislead: the loss is flat or still settling at first, and explodes at last
DROPPED_FIRST, DROPPED_LAST = 10, 5
FEWEST = DROPPED_FIRST + DROPPED_LAST + 2


@dataclass(frozen=True)
class Ranged:
    """What `lr_range_test` saw.

    rates, losses, smoothed: float64 [steps], the rate of every step, the loss before it and that loss
    smoothed, up to and including the step that ended the test. suggestion: the rate where `smoothed` falls
    fastest per step, the first 10 and last 5 steps left out; None when fewer than 17 steps were made or it
    falls nowhere. receipt: as of `find_lr`.
    """

    rates: np.ndarray = field(repr=False)
    losses: np.ndarray = field(repr=False)
    smoothed: np.ndarray = field(repr=False)
    suggestion: float | None
    receipt: dict[str, Any] = field(repr=False)

    def plot(self) -> Any:
        """A matplotlib Figure: the loss, plain and smoothed, over the rate, and the suggestion."""
        return _drawn(self)


def lr_range_test(
    model: Any,
    loss: Callable[..., Tensor],
    data: Any,
    optimizer: Callable[..., Optimizer] = SGD,
    start: float | None = None,
    end: float = 10.0,
    steps: int = 100,
    mode: Literal["exponential", "linear"] = "exponential",
    smoothing: float = 0.05,
    diverge: float = 5.0,
    batch_size: int = 64,
    seed: int = 0,
    progress: bool = True,
) -> Ranged:
    """Trains while the rate grows from `start` to `end`, and leaves everything as it was.

    Offered for comparison; `find_lr` needs no eye.
    loss, data, batch_size: as in `fit`; a smaller last batch is left out. optimizer: a callable
    (params, lr=) that accepts a schedule as lr. start: above 0, None for 1e-7; end: above start, 10.
    steps: at least 2, 100. mode: "exponential" (a constant factor per step) or "linear". smoothing: above
    0 and at most 1, the weight of the new loss in the smoothed one, 0.05. diverge: above 1, 5: the test ends
    when the smoothed loss exceeds so many times its lowest value (a loss below 0 has no such limit), and
    when the loss or a gradient is not finite. seed: of the order of batches and of random numbers.
    What is put back, and which data are refused, is as with `find_lr`.
    Source: Smith, "Cyclical learning rates" (arXiv 1506.01186), section 3.3, with the smoothing, stopping
    and suggestion that became customary.
    """
    start = START if start is None else start
    schedule = _schedule(start, end, steps, mode)
    if not 0 < check_number(smoothing, "smoothing") <= 1:
        raise ArgumentError(f"smoothing: got {smoothing!r}; allowed: above 0 and at most 1")
    if check_number(diverge, "diverge") <= 1:
        raise ArgumentError(f"diverge: got {diverge!r}; allowed: above 1")
    refuse_iterator(data)
    tensors = trainable(model, optimizer)
    with untouched(model, tensors, data) as receipt:
        random.seed(seed)
        source = feed(data, "data", tensors[0].dtype, batch_size, True, seed)
        sweep = _Sweep(Steps(Recorder(model, loss), optimizer(tensors, lr=schedule)), smoothing, diverge)
        with Progress(steps, "lr_range_test", progress) as bar:
            Modes(model).train()
            sweep.run(source, steps, bar)
    losses, smoothed = sweep.steps.history.losses, np.array(sweep.smoothed)
    # a skipped step has a rate of its own only here: the optimizer still holds the one before
    rates = (np.geomspace if mode == "exponential" else np.linspace)(start, end, steps)[: len(losses)]
    suggestion = _suggestion(rates, smoothed)
    if suggestion is None:
        warnings.warn(
            f"lr_range_test: no suggestion from {len(rates)} steps, since they are fewer than {FEWEST} "
            "or the loss fell nowhere; use a smaller start or more steps",
            stacklevel=2,
        )
    return Ranged(rates, losses, smoothed, suggestion, receipt)


def _schedule(start: float, end: float, steps: int, mode: str) -> Schedule:
    if check_number(start, "start") <= 0:
        raise ArgumentError(f"start: got {start!r}; allowed: above 0")
    if check_number(end, "end") <= start:
        raise ArgumentError(f"end: got {end!r}; allowed: above start, {start!r}")
    check_whole(steps, "steps", 2)
    if mode == "exponential":
        return Exponential(start, (end / start) ** (1 / (steps - 1)))
    if mode == "linear":
        return Linear(start, end, steps - 1)
    raise ArgumentError(f"mode: got {mode!r}; allowed: 'exponential', 'linear'")


def _suggestion(rates: np.ndarray, smoothed: np.ndarray) -> float | None:
    if len(rates) < FEWEST:
        return None
    slopes = np.gradient(smoothed)[DROPPED_FIRST:-DROPPED_LAST]
    steepest = int(slopes.argmin())
    return float(rates[DROPPED_FIRST + steepest]) if slopes[steepest] < 0 else None


class _Sweep:
    """One test: steps until the rate is at its end or the loss has gone."""

    def __init__(self, steps: Steps, smoothing: float, diverge: float) -> None:
        self.steps = steps
        self.smoothing = smoothing
        self.diverge = diverge
        self.smoothed: list[float] = []
        self.best = math.inf

    def run(self, source: Any, steps: int, bar: Progress) -> None:
        epoch = 0
        while True:
            for tensors, indices in full_batches(source, epoch):
                program = self.steps.recorder.program(tensors, indices.shape[1])
                for i in range(len(indices)):
                    self.steps.take(program, tensors, indices[i : i + 1], bar)
                    if self._ended() or len(self.smoothed) == steps:
                        return
            epoch += 1

    def _ended(self) -> bool:
        """Takes the last loss into account."""
        loss = float(self.steps.history.losses[-1])
        if self.smoothed:
            loss = self.smoothing * loss + (1 - self.smoothing) * self.smoothed[-1]
        self.smoothed.append(loss)
        # a schedule does not count skipped steps, so the rate would stay behind
        if not math.isfinite(loss) or self.steps.optimizer.skipped_steps:
            return True
        self.best = min(self.best, loss)
        return loss > self.diverge * self.best >= 0


def _drawn(ranged: Ranged) -> Any:
    """The loss over the rate of a range test, with its suggestion."""
    figure, (axes,) = panels(1)
    axes.plot(ranged.rates, ranged.losses, color=BLUE, alpha=0.25, linewidth=0.7)
    axes.plot(ranged.rates, ranged.smoothed, color=BLUE)
    title = "No rate suggested"
    if ranged.suggestion is not None:
        title = f"Steepest at {ranged.suggestion:.3g}"
        axes.axvline(ranged.suggestion, color=ORANGE, linewidth=1)
    axes.set(title=title, xlabel="learning rate", ylabel="loss", xscale="log")
    return figure
