"""`find_lr`: a learning rate for a model and its data, by short training runs or by ALRS's signs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Unpack

import numpy as np

from .. import random
from .._core import Finder as CoreFinder
from ..checks import check_number
from ..errors import ArgumentError, warn
from ..loop.feed import Batch, Feed, feed, full_batches
from ..loop.recorder import Modes, Recorder, rows
from ..loop.steps import CHUNK_SECONDS
from ..optim import Adam, Optimizer
from ..pictures.figure import BLUE, GRAY, ORANGE, panels
from ..pictures.notebook import shown
from ..progress import Progress
from ..records import takes
from ..tensors.autograd import enable_grad
from ..tensors.modes import frozen_statistics
from ..tensors.tensor import Tensor
from .sbf_search import SBFSearch
from .searches import DrivenSearch, ParameterSearch, driven
from .signs import USUAL, SignFields, SignOptions
from .untouched import refuse_iterator, trainable, untouched, warn_touched

RULES = ("trials", "signs")
# what a search by trials ends at is so much above the rate, as is what the paper's ends at
PAPER_FRACTION = 0.1
# about what a search takes: batches with "trials", windows with "signs"
TRIAL_BATCHES, SIGNALS = 170, 40


@dataclass(frozen=True)
class FoundRate:
    """A learning rate, and how `find_lr` found it.

    Attributes:
        lr: the rate to train with, `fraction` times `value`.
        value: with "signs", the rate at which the search ended; with "trials", ten times the rate found.
        done: whether the search came to its end.
        steps: how many batches were evaluated.
        signals: +1 (increase) and -1 (decrease), in order; none with "trials".
        gradients: float64 [steps], <gradient at w + A, A> at every batch, A being the last step ("signs") or
            all steps of a trial ("trials"); NaN where A is 0.
        values: float64 [steps], the rate tried at every batch; 0 where the loss is measured as it is.
        receipt: sha256 digests of parameters, gradients, buffers, modes, random states and the loader's
            position, "before" and "after", and "untouched", whether they are equal.
        reliable: whether what was measured could tell the rate. With "trials": the least loss lies between
            those of two other rates, and below the loss of the model as it is by twice its standard error.
            With "signs": the search came to its end, with signals of both kinds among the last 20.
        rule: "trials" or "signs".
    """

    lr: float
    value: float
    done: bool
    steps: int
    signals: list[int]
    gradients: np.ndarray = field(repr=False)
    values: np.ndarray = field(repr=False)
    receipt: dict[str, Any] = field(repr=False)
    reliable: bool = True
    rule: str = "signs"

    def plot(self, ax: Any = None) -> Any:
        """A matplotlib Figure: the rate tried and the derivative with respect to it, batch by batch.

        Args:
            ax: two axes of matplotlib to draw into. None: a new Figure. Default None.

        Returns:
            The Figure, of two panels, or `ax`.

        Raises:
            ArgumentError: `ax` are not so many axes.
            ImportError: matplotlib is not installed.
        """
        return _drawn(self, ax)

    def _repr_html_(self) -> str:
        facts = {
            "rate": f"{self.lr:.4g}", "found by": self.rule, "batches": str(self.steps),
            "reliable": "yes" if self.reliable else "no, what was measured could not tell rates apart",
            "model": "untouched" if self.receipt.get("untouched") else "changed",
        }  # fmt: skip
        return shown("Found rate", facts, self.plot)


@takes(
    "model loss data optimizer batch_size start fraction search max_epochs seed progress rule reading window "
    "threshold restart count_first_zero",
    signs=SignOptions,
)
def find_lr(
    model: Any,
    loss: Callable[..., Tensor],
    data: Any,
    optimizer: Callable[..., Optimizer] = Adam,
    batch_size: int = 64,
    start: float = 1.0,
    fraction: float = 0.1,
    search: ParameterSearch | None = None,
    max_epochs: int = 5,
    seed: int = 0,
    progress: bool = True,
    rule: str | None = None,
    *,
    signs: SignOptions = USUAL,
    **_: Unpack[SignFields],
) -> FoundRate:
    """Finds a learning rate for an optimizer on a model, and leaves both as they were.

    With the rule "trials", the model is trained for 32 batches at rates half a decade apart, always from
    where it is and on the same batches, until the least loss lies between two others; a ramp says where to
    begin. In a trial the rate falls to 0, so that the noise of the last steps does not count. What is found
    is a mean, in the logarithm, of the best trial's rate and a usual one: a few dozen steps say too little
    of many. That takes at most 200 batches.

    With the rule "signs", the paper's, and the optimizer's step d from the parameters w, each batch asks for
    the derivative of its loss L with respect to the rate r,

        d/dr L(w + r d) = <grad L(w + r d), d>,

    at the present value of r. In each window of max(1, int(batches per epoch / 50)) batches, derivatives that
    are negative in 9 of 10 cases and in sum ask for a larger rate, others for a smaller one.

    What differs from the paper's printed loop, and what gives that back: d is the last step, not the sum of
    all since the search began (reading="printed"); the first derivative, which is 0 because d is, does not
    count (count_first_zero=True); a window has at least one batch, where int(n / 50) may be 0; d and the
    optimizer's state begin anew whenever the value has doubled or halved (restart=inf). A window with a
    number that is not finite asks for a smaller rate and begins anew.

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
        search: what signs drive: an `adapt.SBFSearch`, or any object with increase(), decrease(), done and
            value. None: an SBFSearch that begins at `start`. Default None.
        max_epochs: with "signs", at most so many passes over the data. Default 5.
        seed: of the order of batches and of random numbers. Default 0.
        progress: whether to show a bar. Default True.
        rule: "trials", or "signs", which needs large batches and a model that was not trained yet. None:
            "signs" where `search` is given, else "trials". Default None.
        signs: a `SignOptions`, whose fields may be given one by one instead; for "signs" alone. None: its
            defaults.

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
        UserWarning: the result is not reliable, every signal said decrease, the search did not settle in
            `max_epochs`, or something is not as it was.

    Source:
        "signs": the ALRS paper, with displacements of single steps ("reading B"). "trials": docs/find-lr.md.
    """
    check_number(fraction, "fraction")
    refuse_iterator(data)
    kind = checked_rule(rule, search)
    signs.check(kind)
    chosen = driven(search if search is not None else SBFSearch(check_number(start, "start")))
    tensors = trainable(model, optimizer)
    with untouched(model, tensors, data) as receipt:
        random.seed(seed)
        alrs = _RateSearch(model, loss, data, optimizer, tensors, chosen, batch_size, seed, kind, signs)
        try:
            with Progress(alrs.expected(), "find_lr", progress, "batch") as bar:
                alrs.run(max_epochs, bar)
        except KeyboardInterrupt as stop:
            stop.values = np.concatenate([*alrs.values, np.zeros(0)])  # type: ignore[attr-defined]
            raise
        finally:
            alrs.finder.close()
    warn_touched(receipt)
    return concluded(chosen, kind, fraction, max_epochs, alrs.gradients, alrs.values, receipt)


def checked_rule(rule: str | None, search: ParameterSearch | None) -> str:
    """The rule meant. ArgumentError where there is none of that name, or where it takes no `search`."""
    kind = rule if rule is not None else "trials" if search is None else "signs"
    if kind not in RULES:
        raise ArgumentError(f"rule: got {rule!r}; allowed: {', '.join(map(repr, RULES))}")
    if kind == "trials" and search is not None:
        raise ArgumentError(
            f"search: got {type(search).__name__} with rule='trials'; allowed: with rule='signs'"
        )
    return kind


def attributes_of(
    rule: str, steps: int | None, rows: int | None = None, signs: SignOptions = USUAL
) -> dict[str, Any]:
    """What the core is told: of `steps` of an epoch and `rows` of a batch, None or 0 where not known."""
    if rule == "trials":
        return {"rule": rule, **({"rows": rows} if rows else {})}
    # an epoch of unknown length gets the window of a short one
    return {"rule": rule, "window": max(1, (steps or 0) // 50), **signs.attributes()}


def concluded(
    search: SBFSearch | DrivenSearch,
    rule: str,
    fraction: float,
    max_epochs: int,
    gradients: list[np.ndarray],
    values: list[np.ndarray],
    receipt: dict[str, Any],
) -> FoundRate:
    """The result of a search, with its warnings."""
    tried, done = np.concatenate(values), search.done
    if rule == "trials":
        value, signals = search._core.get("found") / PAPER_FRACTION, []
        reliable = bool(search._core.get("reliable"))
        if not reliable:
            warn(
                "find_lr: short training runs could not tell the rate (found.reliable is False): the loss "
                "did not fall by more than chance, or explodes at no rate, or 200 batches did not suffice; "
                "use larger batches, or compare rates by longer runs"
            )
    else:
        value = search.value
        signals = search.signals if isinstance(search, DrivenSearch) else signals_of(tried, value)
        reliable = done and set(signals[-20:]) == {1, -1}
        if signals and max(signals) < 0:
            warn(
                "find_lr: every signal said decrease, so the rate has only shrunk; "
                "use larger batches, whose gradients agree more, or a smaller start"
            )
        elif done and not reliable:
            warn(
                "find_lr: the last 20 signals are all alike, so the search did not end at a rate between too "
                "low and too high (found.reliable is False); use rule='trials'"
            )
        if not done:
            warn(f"find_lr: not settled after {max_epochs} epochs; raise max_epochs")
    return FoundRate(
        lr=fraction * value,
        value=value,
        done=done,
        steps=len(tried),
        signals=signals,
        gradients=np.concatenate(gradients),
        values=tried,
        receipt=receipt,
        reliable=reliable,
        rule=rule,
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
        search: SBFSearch | DrivenSearch,
        batch_size: int,
        seed: int,
        rule: str,
        signs: SignOptions,
    ) -> None:
        self.model = model
        self.search = search
        self.rule, self.seed = rule, seed
        self.recorder = Recorder(model, loss)
        self.feed: Feed = feed(data, "data", tensors[0].dtype, batch_size, True, seed)
        self.gradients: list[np.ndarray] = []
        self.values: list[np.ndarray] = []
        self.optimizer = optimizer(tensors, lr=search.value)
        # trials are over the same batches, kept for them
        count = int(search._core.get("length")) if rule == "trials" else 0
        self.batches = list(itertools.islice(self._single_batches(), count))
        size = self.batches[0][1].shape[1] if self.batches else None
        self.attributes = attributes_of(rule, self.feed.steps(), size, signs)
        self.finder = CoreFinder(self.optimizer._core, search._core, self.attributes)

    def expected(self) -> int:
        """About how many batches a search takes."""
        return TRIAL_BATCHES if self.rule == "trials" else SIGNALS * int(self.attributes["window"])

    def run(self, max_epochs: int, bar: Progress) -> None:
        Modes(self.model).train()
        if self.rule == "trials":
            return self._trials(bar)
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

    def _trials(self, bar: Progress) -> None:
        """Runs of all kinds over the same batches, with the same random numbers."""
        batches = self.batches
        while not self.search.done:
            position = int(self.search._core.get("position"))
            if position == 0:
                random.seed(self.seed)
            tensors, indices = batches[position]
            # whole arrays are the same in every batch, so that one run of the core takes them all
            if all(other is tensors for other, _ in batches):
                indices = np.concatenate([rows for _, rows in batches[position:]])
            program = self.recorder.program(tensors, indices.shape[1])
            if program is None:
                self._eagerly(tensors, indices[:1], bar)
            else:
                self._replay(program, tensors, indices, bar)

    def _single_batches(self) -> Iterator[tuple[Batch, np.ndarray]]:
        """Batch after batch, epoch after epoch, without end."""
        for epoch in itertools.count():
            for tensors, indices in full_batches(self.feed, epoch):
                for k in range(len(indices)):
                    yield tensors, indices[k : k + 1]

    def _replay(self, program: Any, tensors: Batch, indices: np.ndarray, bar: Progress) -> None:
        done = 0
        while done < len(indices) and not self.search.done:
            steps, gradients, values = self.finder.run(program, tensors, indices[done:], CHUNK_SECONDS)
            self.search.follow()
            self._add(np.frombuffer(gradients)[:steps], np.frombuffer(values)[:steps], bar)
            done += steps
            if self.rule == "trials" and self.search._core.get("position") == 0:
                return

    def _eagerly(self, tensors: Batch, indices: np.ndarray, bar: Progress) -> None:
        for numbers in indices:
            value = self.search.value
            self.finder.displace()
            self.optimizer.zero_grad()
            with enable_grad(), frozen_statistics():
                loss = self.recorder(*rows(tensors, numbers))
                loss.backward()
            gradient = self.finder.observe(loss.item())
            self.search.follow()
            self._add(np.array([gradient]), np.array([value]), bar)
            if self.search.done:
                return

    def _add(self, gradients: np.ndarray, values: np.ndarray, bar: Progress) -> None:
        self.gradients.append(gradients.copy())
        self.values.append(values.copy())
        if len(values) and math.isfinite(values[-1]):
            bar.advance(len(values), rate=values[-1])


def _drawn(found: FoundRate, ax: Any = None) -> Any:
    """The rate tried, and the derivative with respect to it, at every batch of a search."""
    figure, axes = panels(2, ax)
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
