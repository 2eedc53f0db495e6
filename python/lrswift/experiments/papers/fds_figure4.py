"""FDS, figure 4: a schedule learned over a long horizon beside a grid of schedules set by hand.

WRN-16-1 on CIFAR-10's images, seven learning rates, a momentum and a weight decay, all learned from zero in
reverse mode from snapshots. The grid has constant, cosine, one-cycle and step schedules times rates, momenta
and weight decays, of the same number of training steps. All are trained once and validated on the images that
the schedule was learned on, too; the best three of the grid and the learned one are then trained from fresh
seeds on all training images, and tested. Images are not augmented.
Source: Micaelli and Storkey, arXiv 2007.07869, figure 4 (there five rates, 50 epochs, augmentation).
"""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ... import models, optim, random
from ...data import load
from ...errors import Diverged
from ...learning.inner_run import row_numbers, seeded
from ...learning.learn import learn_schedule
from ...learning.learned_schedule import LearnedSchedule
from ...nn import Module
from ...nn.functional import cross_entropy
from ...pictures.figure import BLUE, GRAY, GREEN, ORANGE, panels
from ...progress import Progress
from ...schedule import Piecewise
from ...training.fit import fit
from .lines import append, read
from .problem import Figure, Pair, cosine

NAME = "fds-figure4"
LEARNED = "learned"
RATES, PAIRS = (0.03, 0.1, 0.3), ((0.9, 5e-4), (0.9, 0.0), (0.5, 5e-4))
# of the grid, that are tested
BEST = 3


@dataclass(frozen=True)
class _Scale:
    steps: int
    batch_size: int
    outer_steps: int
    seeds: int
    images: int
    validation: int
    test: int
    fresh: int
    rates: tuple[float, ...] = RATES
    pairs: tuple[tuple[float, float], ...] = PAIRS


_SCALES = {
    "quick": _Scale(8, 4, 2, 2, 200, 40, 40, 1, (0.1,), ((0.9, 5e-4),)),
    "small": _Scale(60, 32, 5, 2, 5000, 500, 2000, 3, (0.03, 0.1), ((0.9, 5e-4),)),
    "medium": _Scale(600, 64, 10, 2, 20_000, 1000, 10_000, 3),
}


@dataclass(frozen=True)
class _Hand:
    """A schedule set by hand."""

    shape: str
    rate: float
    momentum: float
    decay: float

    @property
    def name(self) -> str:
        return f"{self.shape} {self.rate:g}, {self.momentum:g}, {self.decay:g}"

    def rates(self, steps: int) -> np.ndarray:
        """float64 [steps]."""
        return SHAPES[self.shape](self.rate, steps)

    def optimizer(self, params: Any, steps: int) -> optim.Optimizer:
        """SGD with this schedule."""
        rates = Piecewise(self.rates(steps).tolist(), steps)
        return optim.SGD(params, rates, momentum=self.momentum, weight_decay=self.decay)


def constant(rate: float, steps: int) -> np.ndarray:
    """float64 [steps]."""
    return np.full(steps, rate)


def one_cycle(rate: float, steps: int) -> np.ndarray:
    """float64 [steps]: along a line up from a tenth over three tenths of the run, then down as a cosine."""
    up = max(1, round(0.3 * steps))
    return np.concatenate([np.linspace(0.1 * rate, rate, up), cosine(rate, steps - up)])


def step(rate: float, steps: int) -> np.ndarray:
    """float64 [steps]: a tenth after half of the run, a hundredth after three quarters."""
    return rate * 0.1 ** np.floor(np.maximum(0, 4 * np.arange(steps) / steps - 1))


SHAPES: dict[str, Callable[[float, int], np.ndarray]] = {
    "constant": constant, "cosine": cosine, "one-cycle": one_cycle, "step": step,
}  # fmt: skip


class _Rows:
    """Batches as rows of whole arrays, gathered when their turn comes."""

    def __init__(self, data: Pair, rows: np.ndarray) -> None:
        self.data, self.rows = data, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        x, y = self.data
        return ((x[r], y[r]) for r in self.rows)


def make(scale: str, data: str | os.PathLike[str] | None, out: Path, seed: int, progress: bool) -> str:
    """Learns, trains the grid, tests, writes NAME.csv, .json and .png; returns the table as text.

    Runs are kept in NAME.jsonl, the outer steps in NAME.checkpoint: what is there is not done again.
    """
    settings = _SCALES[scale]
    whole, test = cifar(data, settings)
    (x, y), held = whole, settings.validation
    train, valid = (x[:-held], y[:-held]), (x[-held:], y[-held:])
    runs = _Runs(out / f"{NAME}.jsonl", settings, scale, seed)
    hands = [
        _Hand(shape, rate, *pair)
        for shape, rate, pair in itertools.product(SHAPES, settings.rates, settings.pairs)
    ]
    learned = _learn(settings, train, valid, out, seed, progress)
    found = {LEARNED: learned.optimizer} | {hand.name: hand.optimizer for hand in hands}

    def trained(name: str, data: Pair, judged: Pair, number: int) -> dict[str, float]:
        return _trained(found[name], settings, data, judged, random.derived(seed, number))

    with Progress(len(found), f"{NAME}: grid", progress, "run") as bar:
        for name in found:
            runs.get(f"{name}|validation", lambda n=name: trained(n, train, valid, 0))  # type: ignore[misc]
            bar.advance(1)
    ranked = sorted((hand.name for hand in hands), key=lambda name: runs.loss(f"{name}|validation"))
    with Progress((1 + BEST) * settings.fresh, f"{NAME}: fresh", progress, "run") as bar:
        for name, i in itertools.product((LEARNED, *ranked[:BEST]), range(settings.fresh)):
            # far from the numbers of the validated runs
            key = f"{name}|test {i}"
            runs.get(key, lambda n=name, i=i: trained(n, whole, test, 1000 + i))  # type: ignore[misc]
            bar.advance(1)
    rows = table(learned, ranked, hands, settings, runs.kept)
    facts = {
        "learned_rates": learned.learning_rates.tolist(),
        "valid_losses": learned.valid_losses.tolist(),
        "cost": learned.cost,
    }
    figure = Figure(NAME, rows, settings, seed, facts, lambda: _picture(learned, hands, settings, rows))
    return figure.write(out, f"{len(hands)} schedules by hand, the best {BEST} tested; rate, momentum, decay")


def cifar(root: str | os.PathLike[str] | None, settings: _Scale) -> tuple[Pair, Pair]:
    """(x, y) of training and test images, channels of the training pixels with mean 0 and deviation 1."""
    with warnings.catch_warnings():
        # two of five files are enough
        warnings.filterwarnings("ignore", message="cifar10: missing")
        splits = load("cifar10", root).scaled()
    x = splits.train.x[: settings.images].astype(np.float32)
    mean, deviation = x.mean((0, 1, 2)), x.std((0, 1, 2))
    test = splits.test.x[: settings.test].astype(np.float32)
    pairs = (x, splits.train.y[: settings.images]), (test, splits.test.y[: settings.test])
    train, tested = (((part - mean) / deviation, y) for part, y in pairs)
    return train, tested


def network(seed: int) -> Module:
    """WRN-16-1."""
    return models.wide_resnet(16, 1)


def _learn(settings: _Scale, train: Any, valid: Any, out: Path, seed: int, progress: bool) -> LearnedSchedule:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="learn_schedule: ")
        return learn_schedule(
            network, cross_entropy, train, valid, settings.steps, settings.batch_size, 7,
            outer_steps=settings.outer_steps, seeds=settings.seeds, seed=seed, mode="reverse", finalists=1,
            checkpoint=out / f"{NAME}.checkpoint", resume=True, progress=progress,
        )  # fmt: skip


class _Runs:
    """The file of runs."""

    def __init__(self, path: Path, settings: _Scale, scale: str, seed: int) -> None:
        self.path = path
        self.identity = {"study": NAME, "scale": scale, "settings": asdict(settings), "seed": seed}
        self.kept = dict(read(path, self.identity))

    def get(self, key: str, run: Callable[[], dict[str, float]]) -> None:
        """Runs what is not there."""
        if key not in self.kept:
            self.kept[key] = run()
            append(self.path, self.identity, key, self.kept[key])

    def loss(self, key: str) -> float:
        """Infinite where the run diverged."""
        loss = self.kept[key]["loss"]
        return np.inf if loss is None else float(loss)


def _trained(
    optimizer: Callable[..., Any], settings: _Scale, data: Pair, judged: Pair, seed: int
) -> dict[str, Any]:
    """Loss (None: it diverged) and accuracy in percent of a new network."""
    rows = row_numbers(len(data[0]), settings.steps, settings.batch_size, seed)
    model = seeded(network, seed)
    made = optimizer(model.named_parameters(), settings.steps)
    try:
        last = fit(model, made, _Rows(data, rows), judged, progress=False).rows[-1]
    except Diverged:
        return {"loss": None, "accuracy": 10.0}
    return {"loss": float(last["valid_loss"]), "accuracy": 100 * float(last["accuracy"])}


def table(
    learned: LearnedSchedule, ranked: list[str], hands: list[_Hand], settings: _Scale, kept: Any
) -> list[dict[str, Any]]:
    """A row per schedule: the learned one, then those of the grid, best validated first."""
    rows = []
    by_name = {hand.name: hand for hand in hands}
    for name in (LEARNED, *ranked):
        hand = by_name.get(name)
        tested = [kept[f"{name}|test {i}"] for i in range(settings.fresh) if f"{name}|test {i}" in kept]
        accuracies = [run["accuracy"] for run in tested]
        validated = kept[f"{name}|validation"]
        rows.append(
            {
                "schedule": hand.shape if hand else LEARNED,
                "rate": hand.rate if hand else float(learned.learning_rates.max()),
                "momentum": hand.momentum if hand else float(learned.momentums[0]),
                "decay": hand.decay if hand else float(learned.weight_decays[0]),
                "valid_loss": "" if validated["loss"] is None else validated["loss"],
                "accuracy": float(np.mean(accuracies)) if tested else "",
                "lowest": min(accuracies) if tested else "",
                "highest": max(accuracies) if tested else "",
            }
        )
    return rows


def _picture(
    learned: LearnedSchedule, hands: list[_Hand], settings: _Scale, rows: list[dict[str, Any]]
) -> Any:
    colors = {"constant": GRAY, "cosine": GREEN, "one-cycle": ORANGE, "step": "#7a5195", LEARNED: BLUE}
    figure, (left, middle, right) = panels(3)
    steps, values = np.arange(settings.steps + 1), learned.learning_rates
    mine = values[len(values) * np.arange(settings.steps) // settings.steps]
    left.stairs(mine, steps, baseline=None, color=BLUE, label=LEARNED, linewidth=2)
    for shape in SHAPES:
        best = next(row for row in rows if row["schedule"] == shape)
        rates = SHAPES[shape](best["rate"], settings.steps)
        left.stairs(rates, steps, baseline=None, color=colors[shape], label=shape)
    left.axhline(0, color=GRAY, linewidth=0.8)
    left.set(title="Learning rate", xlabel="step")
    losses = np.where(np.isfinite(learned.valid_losses), learned.valid_losses, np.nan)
    middle.plot(np.arange(1, len(losses) + 1), losses, ".-", color=BLUE)
    middle.set(title="Validation loss while learning", xlabel="outer step")
    tested = [row for row in rows if row["accuracy"] != ""]
    for place, row in enumerate(tested):
        right.plot([place, place], [row["lowest"], row["highest"]], color=colors[row["schedule"]])
        right.plot(place, row["accuracy"], "o", color=colors[row["schedule"]])
    names = [f"{r['schedule']}\n{r['rate']:.3g}" for r in tested]
    right.set_xticks(range(len(tested)), names, fontsize=7)
    right.set(title="Test accuracy, %, fresh seeds")
    figure.legend(frameon=False, loc="outside lower center", ncols=5)
    return figure
