"""FDS, figure 3: greedy, unshared and shared hypergradients beside cosine annealing.

A network 784-100-10, plain SGD, all rates learned from zero in three forms: "greedy" differentiates the
validation loss after every single step (horizon 1), "unshared" the whole run with a rate per step, "shared"
the whole run with windows of steps. Each is changed by our gated update, and by the paper's own, a step by
the sign; shared rates by the printed step along the average, too. Cosine annealing gets the best of a grid
of initial rates. All are then trained anew from fresh seeds and tested on images that no choice has seen.
Source: Micaelli and Storkey, arXiv 2007.07869, figure 3 (there LeNet on MNIST and SVHN, one epoch).
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ... import models, optim, random, store
from ...learning.inner_run import row_numbers, seeded
from ...learning.learn import learn_schedule
from ...learning.learned_schedule import LearnedSchedule
from ...nn import Module
from ...nn.functional import cross_entropy
from ...pictures.figure import BLUE, GRAY, GREEN, ORANGE, panels
from ...progress import Progress
from ...schedule import Piecewise
from ...training.fit import fit
from .problem import Figure, Pair, cosine, fashion_mnist

NAME = "fds-figure3"
FORMS = ("greedy", "unshared", "shared")
# form -> (which hypergradients, which update)
RULES = {
    **{form: (form, "gated") for form in FORMS},
    **{f"{form}, sign": (form, "sign") for form in FORMS},
    "shared, gradient": ("shared", "gradient"),
}
STEP_SIZE = (0.1, 0.15, 4e-4)


@dataclass(frozen=True)
class _Scale:
    steps: int
    window: int
    batch_size: int
    outer_steps: int
    validation: int
    fresh: int
    initial_rates: tuple[float, ...]


_GRID = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
_SCALES = {
    "quick": _Scale(8, 4, 16, 2, 100, 2, (0.05, 0.2)),
    "small": _Scale(100, 10, 128, 20, 1000, 8, _GRID),
    "medium": _Scale(500, 50, 128, 50, 5000, 20, _GRID),
}


def make(scale: str, data: str | os.PathLike[str] | None, out: Path, seed: int, progress: bool) -> str:
    """Learns, tests, writes NAME.csv, .json, .png and .safetensors; returns the table as text."""
    settings = _SCALES[scale]
    (x, y), test = fashion_mnist(data)
    held = settings.validation
    train, valid = (x[:-held], y[:-held]), (x[-held:], y[-held:])
    learned = {name: _learn(name, settings, train, valid, out, seed, progress) for name in RULES}
    schedules = {form: per_step(found.learning_rates, settings.steps) for form, found in learned.items()}
    grid = _cosine_losses(settings, train, valid, seed, progress)
    chosen = min(grid, key=lambda initial: grid[initial])
    schedules["cosine"] = cosine(chosen, settings.steps)
    outcomes = {}
    with Progress(len(schedules) * settings.fresh, f"{NAME}: fresh", progress, "run") as bar:
        for name, rates in schedules.items():
            # far from the numbers of the grid's runs
            seeds = [random.derived(seed, 1000 + i) for i in range(settings.fresh)]
            outcomes[name] = np.array([_trained(rates, settings, train, test, s) for s in seeds])
            bar.advance(settings.fresh)
    rows = table(schedules, outcomes, learned)
    arrays = {f"rates.{name}": rates for name, rates in schedules.items()}
    arrays |= {f"outcomes.{name}": value for name, value in outcomes.items()}
    store.write(out / f"{NAME}.safetensors", arrays, {})
    facts = {"cosine_initial_rate": chosen, "cosine_validation_losses": list(grid.values())}
    figure = Figure(NAME, rows, settings, seed, facts, lambda: _picture(schedules, outcomes, learned))
    return figure.write(out, f"cosine annealing from {chosen:g}, the best of {settings.initial_rates}")


def _learn(
    name: str, settings: _Scale, train: Pair, valid: Pair, out: Path, seed: int, progress: bool
) -> LearnedSchedule:
    form, update = RULES[name]
    file = f"{NAME}-{name.replace(', ', '-')}.checkpoint"
    values = settings.steps if form == "unshared" else settings.steps // settings.window
    with warnings.catch_warnings():
        # that unshared hypergradients are noise is what the figure shows; the table has the signals
        warnings.filterwarnings("ignore", message="learn_schedule: ")
        return learn_schedule(
            network, cross_entropy, train, valid, settings.steps, settings.batch_size, values, 0, 0,
            outer_steps=settings.outer_steps, step_size=STEP_SIZE, seed=seed, mode="reverse",
            horizon=1 if form == "greedy" else None,
            checkpoint=out / file, resume=True, progress=progress, finalists=1, update=update,
        )  # fmt: skip


def network(seed: int) -> Module:
    """784-100-10, ReLU."""
    return models.mlp(784, (100,))


def per_step(values: np.ndarray, steps: int) -> np.ndarray:
    """float64 [steps]: entry floor(n t / T) of the values at step t."""
    return np.asarray(values[len(values) * np.arange(steps) // steps])


def _cosine_losses(
    settings: _Scale, train: Pair, valid: Pair, seed: int, progress: bool
) -> dict[float, float]:
    """Initial rate -> validation loss, the mean of two seeds."""
    losses = {}
    with Progress(len(settings.initial_rates), f"{NAME}: cosine", progress, "rate") as bar:
        for initial in settings.initial_rates:
            rates = cosine(initial, settings.steps)
            runs = [_trained(rates, settings, train, valid, random.derived(seed, i))[0] for i in range(2)]
            losses[initial] = float(np.mean(runs))
            bar.advance(1, loss=losses[initial])
    return losses


def _trained(rates: np.ndarray, settings: _Scale, train: Pair, held: Pair, seed: int) -> tuple[float, float]:
    """(loss, accuracy) on `held` of a fresh network trained with these rates."""
    rows = row_numbers(len(train[0]), settings.steps, settings.batch_size, seed).ravel()
    model = seeded(network, seed)
    optimizer = optim.SGD(model.named_parameters(), Piecewise(rates.tolist(), settings.steps))
    history = fit(
        model, optimizer, (train[0][rows], train[1][rows]), held,
        batch_size=settings.batch_size, shuffle=False, progress=False,
    )  # fmt: skip
    return float(history.rows[-1]["valid_loss"]), float(history.rows[-1]["accuracy"])


def table(
    schedules: dict[str, np.ndarray], outcomes: dict[str, np.ndarray], learned: dict[str, LearnedSchedule]
) -> list[dict[str, Any]]:
    """A row per schedule.

    last_mean_rate: where the outer steps ended; the schedule itself is the best validated of them.
    roughness: mean change of the rate between steps. signal: median health of the hypergradients, over all
    outer steps (see `LearnedSchedule.signals`), empty for cosine annealing.
    """
    return [
        {
            "schedule": name,
            "mean_rate": float(rates.mean()),
            "largest_rate": float(rates.max()),
            "last_mean_rate": float(learned[name].values[-1].mean()) if name in learned else "",
            "roughness": float(np.abs(np.diff(rates)).mean()),
            "signal": float(np.median(learned[name].signals)) if name in learned else "",
            "test_loss": float(outcomes[name][:, 0].mean()),
            "test_loss_std": float(outcomes[name][:, 0].std(ddof=1)),
            "accuracy": float(outcomes[name][:, 1].mean()),
        }
        for name, rates in schedules.items()
    ]


def _picture(
    schedules: dict[str, np.ndarray], outcomes: dict[str, np.ndarray], learned: dict[str, LearnedSchedule]
) -> Any:
    colors = {"greedy": ORANGE, "unshared": GRAY, "shared": BLUE, "cosine": GREEN}
    colors = {name: colors[name.partition(",")[0]] for name in schedules}
    styles = {name: ":" if "sign" in name else "--" if "gradient" in name else "-" for name in schedules}
    figure, (left, middle, right) = panels(3)
    for name, rates in schedules.items():
        left.stairs(
            rates, np.arange(len(rates) + 1), baseline=None, color=colors[name], linestyle=styles[name],
            label=name,
        )  # fmt: skip
    last = per_step(learned["greedy"].values[-1], len(schedules["greedy"]))
    left.stairs(
        last, np.arange(len(last) + 1), baseline=None, color=ORANGE, linestyle="-.", label="greedy, last"
    )
    left.axhline(0, color=GRAY, linewidth=0.8)
    left.set(title="Learning rate", xlabel="step")
    figure.legend(frameon=False, loc="outside lower center", ncols=5)
    for form, found in learned.items():
        losses = np.where(np.isfinite(found.valid_losses), found.valid_losses, np.nan)
        middle.plot(
            np.arange(1, len(losses) + 1), losses, marker=".", linestyle=styles[form], color=colors[form]
        )
    middle.set(title="Validation loss while learning", xlabel="outer step", yscale="log")
    for place, (name, value) in enumerate(outcomes.items()):
        right.plot(np.full(len(value), place), value[:, 0], ".", color=colors[name], alpha=0.6)
        right.plot([place - 0.25, place + 0.25], [value[:, 0].mean()] * 2, color=colors[name])
    right.set_xticks(range(len(outcomes)), list(outcomes), rotation=60, fontsize=7)
    right.set(title="Test loss, fresh seeds")
    return figure
