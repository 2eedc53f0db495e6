"""`lr_range_test`: the loss over a growing learning rate, the classic way to choose one by eye."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from .. import random
from ..checks import check_number, check_whole
from ..errors import ArgumentError, warn
from ..loop.feed import feed, full_batches
from ..loop.recorder import Modes, Recorder
from ..loop.steps import TrainingSteps
from ..optim import SGD, Optimizer
from ..pictures.figure import BLUE, ORANGE, panels
from ..pictures.notebook import shown
from ..progress import Progress
from ..schedule import Exponential, Linear, Schedule
from ..tensors.tensor import Tensor
from .untouched import refuse_iterator, trainable, untouched, warn_touched

START = 1e-7
# both ends mislead: the loss is flat or still settling at first, and explodes at last
DROPPED_FIRST, DROPPED_LAST = 10, 5
FEWEST = DROPPED_FIRST + DROPPED_LAST + 2


@dataclass(frozen=True)
class RangeTest:
    """The loss over a growing learning rate, as `lr_range_test` saw it.

    Attributes:
        rates: float64 [steps], the rate of every step, up to and including the one that ended the test.
        losses: float64 [steps], the loss before each step.
        smoothed: float64 [steps], that loss smoothed.
        suggestion: the rate where `smoothed` falls fastest per step, the first 10 and last 5 steps left out.
            None: fewer than 17 steps were made, or it falls nowhere.
        receipt: digests before and after, as of `FoundRate`.
    """

    rates: np.ndarray = field(repr=False)
    losses: np.ndarray = field(repr=False)
    smoothed: np.ndarray = field(repr=False)
    suggestion: float | None
    receipt: dict[str, Any] = field(repr=False)

    def plot(self, ax: Any = None) -> Any:
        """A matplotlib Figure: the loss, plain and smoothed, over the rate, and the suggestion.

        Args:
            ax: an Axes of matplotlib to draw into. None: a new Figure. Default None.

        Returns:
            The Figure, of one panel, or `ax`.

        Raises:
            ArgumentError: `ax` are not so many axes.
            ImportError: matplotlib is not installed.
        """
        return _drawn(self, ax)

    def _repr_html_(self) -> str:
        suggested = "none" if self.suggestion is None else f"{self.suggestion:.4g}"
        return shown("Range test", {"suggestion": suggested, "steps": str(len(self.rates))}, self.plot)


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
) -> RangeTest:
    """Trains while the rate grows from `start` to `end`, and leaves everything as it was.

    Offered for comparison; `find_lr` needs no eye. The smoothed loss m of losses L is

        m <- smoothing L + (1 - smoothing) m.

    Args:
        model: an `nn.Module`. What is put back is what `find_lr` puts back.
        loss: a function as in `fit`, returning a scalar Tensor.
        data: (x, y) arrays, a `data.Dataset`, or an iterable of batches that can start anew.
        optimizer: a callable (params, lr=) that accepts a schedule as lr. Default `optim.SGD`.
        start: the first rate, above 0. None: 1e-7. Default None.
        end: the last rate, above `start`. Default 10.0.
        steps: how many, at least 2. Default 100.
        mode: "exponential", a constant factor per step, or "linear". Default "exponential".
        smoothing: weight of the new loss in the smoothed one, above 0 and at most 1. Default 0.05.
        diverge: above 1: the test ends when the smoothed loss exceeds so many times its lowest value (a loss
            below 0 has no such limit), and when the loss or a gradient is not finite. Default 5.0.
        batch_size: rows of a batch, where data are arrays; a smaller last one is left out. Default 64.
        seed: of the order of batches and of random numbers. Default 0.
        progress: whether to show a bar. Default True.

    Returns:
        A `RangeTest`, with a suggestion where there is one.

    Raises:
        ArgumentError: a value is out of bounds, data are an iterator that cannot start anew, or the model
            has no parameters that require a gradient.
        ArgumentTypeError: an argument is of a wrong type.
        BufferError: data lie in another device's memory.
        DTypeError: the dtype of data is not allowed.
        ShapeError: arrays are of different lengths, or the loss is no scalar.

    Warns:
        UserWarning: there is no suggestion.

    Source:
        Smith, "Cyclical learning rates" (arXiv 1506.01186), section 3.3, with the smoothing, stopping and
        suggestion that became customary.
    """
    start = START if start is None else start
    schedule = checked_schedule(start, end, steps, mode)
    smoothed = Smoothing(smoothing, diverge)
    refuse_iterator(data)
    tensors = trainable(model, optimizer)
    with untouched(model, tensors, data) as receipt:
        random.seed(seed)
        source = feed(data, "data", tensors[0].dtype, batch_size, True, seed)
        sweep = _Sweep(TrainingSteps(Recorder(model, loss), optimizer(tensors, lr=schedule)), smoothed)
        with Progress(steps, "lr_range_test", progress) as bar:
            Modes(model).train()
            sweep.run(source, steps, bar)
    losses = sweep.steps.history.losses
    # a skipped step has a rate of its own only here: the optimizer still holds the one before
    rates = rates_of(start, end, steps, mode)[: len(losses)]
    return concluded(rates, losses, smoothed.values, receipt)


def checked_schedule(start: float, end: float, steps: int, mode: str) -> Schedule:
    """The schedule of a test; ArgumentError where a value is out of bounds."""
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


class Smoothing:
    """The smoothed loss of a test, and whether the test has ended with it."""

    def __init__(self, share: float, diverge: float) -> None:
        if not 0 < check_number(share, "smoothing") <= 1:
            raise ArgumentError(f"smoothing: got {share!r}; allowed: above 0 and at most 1")
        if check_number(diverge, "diverge") <= 1:
            raise ArgumentError(f"diverge: got {diverge!r}; allowed: above 1")
        self.share, self.diverge = share, diverge
        self.values: list[float] = []
        self.best = math.inf

    def ended(self, loss: float) -> bool:
        """Takes a loss into account."""
        if self.values:
            loss = self.share * loss + (1 - self.share) * self.values[-1]
        self.values.append(loss)
        if not math.isfinite(loss):
            return True
        self.best = min(self.best, loss)
        return loss > self.diverge * self.best >= 0


def rates_of(start: float, end: float, steps: int, mode: str) -> np.ndarray:
    """The rate of every step, float64 [steps]."""
    spaced = np.geomspace if mode == "exponential" else np.linspace
    found: np.ndarray = spaced(start, end, steps)
    return found


def concluded(
    rates: np.ndarray, losses: np.ndarray, smoothed: list[float], receipt: dict[str, Any]
) -> RangeTest:
    """The result; warns where there is no suggestion, or something was touched."""
    suggestion = _suggestion(rates, np.array(smoothed))
    if suggestion is None:
        warn(
            f"lr_range_test: no suggestion from {len(rates)} steps, since they are fewer than {FEWEST} "
            "or the loss fell nowhere; use a smaller start or more steps"
        )
    warn_touched(receipt)
    return RangeTest(rates, losses, np.array(smoothed), suggestion, receipt)


class _Sweep:
    """One test: steps until the rate is at its end or the loss has gone."""

    def __init__(self, steps: TrainingSteps, smoothing: Smoothing) -> None:
        self.steps, self.smoothing = steps, smoothing

    def run(self, source: Any, steps: int, bar: Progress) -> None:
        epoch = 0
        while True:
            for tensors, indices in full_batches(source, epoch):
                program = self.steps.recorder.program(tensors, indices.shape[1])
                for i in range(len(indices)):
                    self.steps.take(program, tensors, indices[i : i + 1], bar)
                    ended = self.smoothing.ended(float(self.steps.history.losses[-1]))
                    # a schedule does not count skipped steps, so the rate would stay behind
                    if ended or self.steps.optimizer.skipped_steps or len(self.smoothing.values) == steps:
                        return
            epoch += 1


def _drawn(ranged: RangeTest, ax: Any = None) -> Any:
    """The loss over the rate of a range test, with its suggestion."""
    figure, (axes,) = panels(1, ax)
    axes.plot(ranged.rates, ranged.losses, color=BLUE, alpha=0.25, linewidth=0.7)
    axes.plot(ranged.rates, ranged.smoothed, color=BLUE)
    title = "No rate suggested"
    if ranged.suggestion is not None:
        title = f"Steepest at {ranged.suggestion:.3g}"
        axes.axvline(ranged.suggestion, color=ORANGE, linewidth=1)
    axes.set(title=title, xlabel="learning rate", ylabel="loss", xscale="log")
    return figure
