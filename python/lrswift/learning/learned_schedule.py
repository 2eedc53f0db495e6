"""`LearnedSchedule`: the hyperparameters that `learn_schedule` found, and how it came to them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import store
from ..errors import ArgumentError
from ..hypergradients.layers import parameters_by_layer
from ..optim import SGD
from ..pictures.figure import GRAY, ORANGE, panels
from ..schedule import Piecewise
from .settings import FAMILIES

_ARRAYS = (
    "values", "seed_losses", "hypergradients", "signals", "retreated", "finalists",
    "final_losses",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class LearnedSchedule:
    """A schedule of rates, momenta and weight decays, the best validated of all outer steps.

    learning_rates, momentums, weight_decays: float64, entry floor(n t / T) is used at step t of T. With
    per="layer" learning_rates is [layers, n], a row for each of `layers`, the names of modules.
    steps: the T they were learned on. best: the outer step they come from, -1 if none was ever validated.

    Of the O outer steps, with S seeds and N values in all: values [O, N], what was tried; seed_losses [O, S]
    and valid_losses [O], its validation losses and their means (inf where a run diverged); hypergradients
    [O, S, N], sums over windows; signals [O, N], |mean over seeds| / standard error, the health of each
    hypergradient: about 1 and below is noise (0 with one seed); retreated [O], where the gated update fell
    back. finalists [F], final_losses, final_penalties [F, 10 S]: outer steps validated once more on fresh
    networks; that with the lowest mean plus standard error of the sums of both was taken. A penalty is a
    fifth of the way from the validation loss to the untrained one where the training loss, after half of its
    decline, rose again by all of it. Empty with finalists=1. converged: every step became small beside its
    value. suggested_window: steps that should share a rate by Theorem 4.1 with the noise seen in
    the present windows (`sharing_noise` says how it depends on them), None when unknown. cost: training steps
    over all seeds, (plain, differentiated).

    With start="optuna" a row is a starting point, which has no hypergradients and no signals (NaN), or an
    outer step; trials [O]: number of the starting point that a row is, or was refined from. study: Optuna's,
    with the refined points; it is not saved.
    """

    learning_rates: np.ndarray
    momentums: np.ndarray
    weight_decays: np.ndarray
    steps: int
    best: int
    values: np.ndarray = field(repr=False)
    seed_losses: np.ndarray = field(repr=False)
    hypergradients: np.ndarray = field(repr=False)
    signals: np.ndarray = field(repr=False)
    retreated: np.ndarray = field(repr=False)
    converged: bool = False
    suggested_window: float | None = None
    nesterov: bool = False
    finalists: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64), repr=False)
    final_losses: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)), repr=False)
    final_penalties: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)), repr=False)
    cost: tuple[int, int] = (0, 0)
    trials: np.ndarray | None = field(default=None, repr=False)
    study: Any = field(default=None, repr=False)
    layers: tuple[str, ...] = ()

    @property
    def valid_losses(self) -> np.ndarray:
        """float64 [O]: means over seeds."""
        return self.seed_losses.mean(1)

    def optimizer(self, params: Any, steps: int) -> SGD:
        """SGD over `params` with this schedule, stretched or compressed to `steps` steps.

        Where layers have rates of their own, params must be `model.named_parameters()`, which tells them;
        ArgumentError otherwise.
        """
        pieces: dict[str, Any] = {
            argument: Piecewise(values.tolist(), steps)
            for argument, values in (("momentum", self.momentums), ("weight_decay", self.weight_decays))
            if len(values)
        }
        rates = [Piecewise(row.tolist(), steps) for row in np.atleast_2d(self.learning_rates)]
        if self.layers:
            groups = zip(parameters_by_layer(params, self.layers), rates, strict=True)
            params = [{"params": held, "lr": rate} for held, rate in groups]
        return SGD(params, rates[0], nesterov=self.nesterov, **pieces)

    def plot(self) -> Any:
        """A matplotlib Figure: schedules of all outer steps, light to dark, the best one in color."""
        return _drawn(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a safetensors file, atomically."""
        arrays = {name: getattr(self, name) for name in (*FAMILIES, *_ARRAYS)}
        arrays["final_penalties"] = self.final_penalties
        if self.trials is not None:
            arrays["trials"] = self.trials
        facts = {
            "steps": self.steps, "best": self.best, "converged": self.converged,
            "suggested_window": self.suggested_window, "nesterov": self.nesterov,
            "cost": self.cost, "layers": self.layers,
        }  # fmt: skip
        store.write(path, arrays, {"lrswift.schedule": json.dumps(facts)})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> LearnedSchedule:
        """What `save` wrote. FileNotFoundError, or ArgumentError for another kind of file."""
        arrays, metadata = store.read(path)
        missing = [name for name in (*FAMILIES, *_ARRAYS) if name not in arrays]
        if "lrswift.schedule" not in metadata or missing:
            raise ArgumentError(f"load: {path}: no learned schedule; allowed: a file that `save` wrote")
        facts: dict[str, Any] = json.loads(metadata["lrswift.schedule"])
        facts.update((name, arrays[name]) for name in (*FAMILIES, *_ARRAYS))
        facts["final_penalties"] = arrays.get("final_penalties", np.zeros_like(arrays["final_losses"]))
        facts["layers"] = tuple(facts.get("layers", ()))
        facts["cost"] = tuple(facts.get("cost", (0, 0)))
        return cls(**facts, trials=arrays.get("trials"))


def _drawn(learned: LearnedSchedule) -> Any:
    """Schedules of all outer steps over the inner ones, light to dark, and their validation losses.

    Of rates by layer, the best ones alone.

    The form of figure 4 of FDS (Micaelli and Storkey, arXiv 2007.07869).
    """
    import matplotlib as mpl

    families = [("Learning rate", np.atleast_2d(learned.learning_rates))]
    families += [("Momentum", learned.momentums[None]), ("Weight decay", learned.weight_decays[None])]
    ends = np.cumsum([0, *(values.size for _, values in families)])
    shown = [(t, v, e) for (t, v), e in zip(families, ends, strict=False) if v.size]
    figure, axes = panels(len(shown) + 1)
    outer = len(learned.values)
    shades = mpl.colormaps["Blues"](np.linspace(0.2, 0.95, max(outer, 2)))
    for ax, (title, best, first) in zip(axes, shown, strict=False):
        ax.axhline(0, color=GRAY, linewidth=0.8)
        # step t uses entry floor(n t / T)
        edges = np.ceil(np.arange(best.shape[1] + 1) * learned.steps / best.shape[1])
        if len(best) == 1:
            for o, row in enumerate(learned.values):
                tried = row[first : first + best.size]
                ax.stairs(tried, edges, baseline=None, color=shades[o], linewidth=1.2)
        colors = [ORANGE] if len(best) == 1 else mpl.colormaps["viridis"](np.linspace(0, 0.9, len(best)))
        labels = ["best"] if len(best) == 1 else learned.layers
        for values, color, label in zip(best, colors, labels, strict=True):
            ax.stairs(values, edges, baseline=None, color=color, linewidth=2, label=label)
        ax.set(title=title, xlabel="step", xlim=(0, learned.steps))
    axes[0].legend(frameon=False, title="layer" if learned.layers else None)
    losses = np.where(np.isfinite(learned.seed_losses), learned.seed_losses, np.nan)
    numbers = np.arange(1, outer + 1)
    axes[-1].plot(numbers, losses, ".", color=GRAY, markersize=4)
    axes[-1].plot(numbers, losses.mean(1), color=GRAY, linewidth=0.8)
    axes[-1].scatter(numbers, losses.mean(1), c=shades[:outer], zorder=3, s=28)
    if learned.best >= 0:
        axes[-1].plot(
            learned.best + 1, losses[learned.best].mean(), "o", color=ORANGE, markersize=7, zorder=4
        )
    axes[-1].set(title="Validation loss", xlabel="outer step")
    axes[-1].xaxis.get_major_locator().set_params(integer=True)
    if np.nanmin(losses, initial=np.inf) > 0:
        axes[-1].set_yscale("log")
    return figure
