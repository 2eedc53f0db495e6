"""`LearnedSchedule`: the hyperparameters that `learn_schedule` found, and how it came to them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import store
from ..errors import ArgumentError, FormatError
from ..hypergradients.layers import parameters_by_layer
from ..optim import SGD
from ..pictures.figure import GRAY, ORANGE, panels
from ..pictures.notebook import shown
from ..schedule import Piecewise
from .settings import FAMILIES

JSON_FORMAT = "lrswift.schedule"
_ARRAYS = (
    "values", "seed_losses", "hypergradients", "signals", "retreated", "finalists",
    "final_losses",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class LearnedSchedule:
    """A schedule of rates, momenta and weight decays, the best validated of all outer steps.

    Of T steps, step t uses entry floor(n t / T) of n. Below, there were O outer steps with S seeds and N
    values in all, F finalists, and rows are outer steps or, after a search, starting points, which have no
    hypergradients and no signals (NaN).

    Attributes:
        learning_rates: float64 [n], or [layers, n] with per="layer".
        momentums: float64 [n].
        weight_decays: float64 [n].
        steps: the T they were learned on.
        best: the outer step they come from; -1 if none was ever validated.
        values: float64 [O, N], what was tried.
        seed_losses: float64 [O, S], validation losses; inf where a run diverged.
        hypergradients: float64 [O, S, N], sums over windows.
        signals: float64 [O, N], |mean over seeds| / standard error, the health of each hypergradient: about 1
            and below is noise (0 with one seed).
        retreated: bool [O], where the gated update fell back.
        converged: whether every step became small beside its value.
        suggested_window: steps that should share a rate by Theorem 4.1 with the noise seen in the present
            windows (`sharing_noise` says how it depends on them); None: unknown.
        nesterov: whether `optimizer` is Nesterov's.
        finalists: int64 [F], outer steps that were validated once more on fresh networks; empty with
            finalists=1.
        final_losses: float64 [F, 10 S], their validation losses.
        final_penalties: float64 [F, 10 S]: where the training loss, after half of its decline, rose again by
            all of it, a fifth of the way from the validation loss to the untrained one, else 0. The finalist
            with the lowest mean plus standard error of the sums of both was taken.
        cost: training steps over all seeds, (plain, differentiated).
        trials: int64 [O], number of the starting point that a row is, or was refined from. None: no search.
        study: Optuna's, with the refined points; it is not saved. None: no search.
        layers: with per="layer", names of the modules that the rows of `learning_rates` belong to.
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
        """Validation losses, float64 [O]: means over seeds, inf where a run diverged."""
        return self.seed_losses.mean(1)

    def optimizer(self, params: Any, steps: int) -> SGD:
        """Makes SGD with this schedule, stretched or compressed to another number of steps.

        Args:
            params: parameters, as for `optim.SGD`; where layers have rates of their own,
                model.named_parameters(), which tells them.
            steps: training steps, at least 1.

        Returns:
            An `optim.SGD`.

        Raises:
            ArgumentError: a parameter belongs to none of the layers, or a value is out of bounds.
            ArgumentTypeError: `params` or `steps` are of a wrong type.
            DTypeError: a parameter of a dtype that is not allowed.
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

    def plot(self, ax: Any = None) -> Any:
        """A matplotlib Figure: schedules of all outer steps, light to dark, the best one in color.

        Args:
            ax: as many axes of matplotlib to draw into. None: a new Figure. Default None.

        Returns:
            The Figure, a panel for each family of values and one for the validation losses, or `ax`.

        Raises:
            ArgumentError: `ax` are not so many axes.
            ImportError: matplotlib is not installed.
        """
        return _drawn(self, ax)

    def _repr_html_(self) -> str:
        facts = {"steps": str(self.steps), "outer steps": str(len(self.values))}
        if self.best >= 0:
            facts["best outer step"] = str(self.best + 1)
            facts["its validation loss"] = f"{self.valid_losses[self.best]:.5g}"
            facts["learning rates"] = ", ".join(f"{r:.3g}" for r in np.ravel(self.learning_rates)[:12])
        return shown("Learned schedule", facts, self.plot if len(self.values) else None)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a safetensors file, atomically.

        Args:
            path: of the file, in a folder that exists.

        Raises:
            ArgumentError: a pipe or a device is in the file's place.
            ArgumentTypeError: `path` is none.
            DTypeError: an array has been replaced by one of a dtype that files do not hold.
            FileNotFoundError: the folder does not exist.
            OSError: the folder cannot be written, or a folder is in the file's place.
        """
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

    def save_json(self, path: str | os.PathLike[str]) -> None:
        """Writes the schedule, without how it was found, as JSON that other frameworks read; atomically.

        Step t of `steps` takes entry floor(n t / steps) of each list of n numbers; to stretch the schedule to
        more steps, their number takes the place of `steps`:

            {"format": "lrswift.schedule", "version": 1, "rule": "sgd", "steps": 1000,
             "learning_rates": [0.1, 0.05], "momentums": [0.9], "weight_decays": [0.0005], "layers": []}

        The rule is PyTorch's SGD, "sgd", or its Nesterov form, "nesterov"; a list that is empty means 0.
        Where `layers` names modules, `learning_rates` has a list for each.

        Args:
            path: of the file, in a folder that exists.

        Raises:
            ArgumentError: a pipe or a device is in the file's place.
            ArgumentTypeError: `path` is none.
            FileNotFoundError: the folder does not exist.
            OSError: the folder cannot be written, or a folder is in the file's place.
        """
        facts = {
            "format": JSON_FORMAT, "version": 1, "rule": "nesterov" if self.nesterov else "sgd",
            "steps": self.steps,
        }  # fmt: skip
        lists = {name: getattr(self, name).tolist() for name in FAMILIES}
        store.write_json(path, facts | lists | {"layers": list(self.layers)}, indent=None)

    @classmethod
    def load_json(cls, path: str | os.PathLike[str]) -> LearnedSchedule:
        """Reads what `save_json` wrote.

        Args:
            path: of the file.

        Returns:
            The `LearnedSchedule`, without a record of outer steps.

        Raises:
            FileNotFoundError: there is no such file.
            FormatError: it is no JSON, or was altered.
            ArgumentError: it holds no schedule of this version.
        """
        return _from_json(cls, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> LearnedSchedule:
        """Reads what `save` wrote.

        Args:
            path: of the file.

        Returns:
            The `LearnedSchedule`, without `study`.

        Raises:
            FileNotFoundError: there is no such file.
            FormatError: it is no whole safetensors file, or was altered.
            ArgumentError: it holds no learned schedule.
        """
        where = f"load: {os.fspath(path)}"
        arrays, metadata = store.read(path)
        missing = [name for name in (*FAMILIES, *_ARRAYS) if name not in arrays]
        if "lrswift.schedule" not in metadata or missing:
            raise ArgumentError(f"{where}: no learned schedule; allowed: a file that `save` wrote")
        facts = store.facts_of(where, metadata["lrswift.schedule"], ("steps", "best"))
        try:
            _check(where, facts, arrays)
        except FormatError:
            raise
        except store.FACTS_ERRORS as error:
            raise store.altered(where, error) from None
        held: dict[str, Any] = {name: arrays[name] for name in (*FAMILIES, *_ARRAYS)}
        held["final_penalties"] = arrays.get("final_penalties", np.zeros_like(arrays["final_losses"]))
        facts |= {"layers": tuple(facts.get("layers", ())), "cost": tuple(facts.get("cost", (0, 0)))}
        return cls(**held, **facts, trials=arrays.get("trials"))


def _from_json(kind: type[LearnedSchedule], path: str | os.PathLike[str]) -> LearnedSchedule:
    where = f"load_json: {os.fspath(path)}"
    try:
        facts = store.facts_of(where, Path(path).read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise store.altered(where, "bytes that are no text") from None
    if facts.get("format") != JSON_FORMAT or facts.get("version") != 1:
        raise ArgumentError(f"{where}: no schedule of version 1; allowed: a file that `save_json` wrote")
    known = {"format", "version", "rule", "steps", *FAMILIES, "layers"}
    if set(facts) != known:
        raise store.altered(where, f"other entries: {', '.join(sorted(set(facts) ^ known))}")
    try:
        rule, steps, layers = facts["rule"], facts["steps"], facts["layers"]
        values = [np.array(facts[name], np.float64) for name in FAMILIES]
    except store.FACTS_ERRORS as error:
        raise store.altered(where, error) from None
    if rule not in ("sgd", "nesterov"):
        raise store.altered(where, f"rule={rule!r}")
    count = sum(v.size for v in values)
    nothing = np.zeros((0, count))
    made: dict[str, Any] = dict(zip(FAMILIES, values, strict=True))
    made |= {
        "values": nothing, "seed_losses": np.zeros((0, 1)), "hypergradients": np.zeros((0, 1, count)),
        "signals": nothing, "retreated": np.zeros(0, bool),
    }  # fmt: skip
    others = {"finalists": np.zeros(0, np.int64), "final_losses": np.zeros((0, 0))}
    try:
        _check(where, {"steps": steps, "best": -1, "layers": layers}, made | others)
    except FormatError:
        raise
    except store.FACTS_ERRORS as error:
        raise store.altered(where, error) from None
    return kind(**made, steps=steps, best=-1, nesterov=rule == "nesterov", layers=tuple(layers))


def _check(where: str, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """FormatError, or one of store.FACTS_ERRORS, unless they are what `save` writes."""
    layers, cost, window = facts.get("layers", []), facts.get("cost", [0, 0]), facts.get("suggested_window")
    rates = arrays["learning_rates"]
    tried, seeds = arrays["seed_losses"].shape
    count = sum(arrays[name].size for name in FAMILIES)
    finals = arrays["final_losses"]
    rows = len(arrays["finalists"])
    wanted = {
        "learning_rates": (len(layers), rates.shape[-1]) if layers else (rates.size,),
        "momentums": (arrays["momentums"].size,), "weight_decays": (arrays["weight_decays"].size,),
        "values": (tried, count), "hypergradients": (tried, seeds, count), "signals": (tried, count),
        "retreated": (tried,), "trials": (tried,), "finalists": (rows,),
        "final_losses": (rows, finals.shape[1]), "final_penalties": finals.shape,
    }  # fmt: skip
    kinds = {"retreated": "bool", "trials": "int64", "finalists": "int64"}
    for name, shape in wanted.items():
        found = arrays.get(name)
        if found is not None and (found.shape != shape or found.dtype != kinds.get(name, "float64")):
            raise store.altered(where, f"{name} of {found.dtype} and shape {list(found.shape)}")
    if not rates.size or not all(np.isfinite(arrays[name]).all() for name in FAMILIES):
        raise store.altered(where, "rates that are none")
    if not set(facts) <= {"steps", "best", "converged", "suggested_window", "nesterov", "cost", "layers"}:
        raise store.altered(where, f"more than it should: {', '.join(facts)}")
    if not isinstance(layers, list) or not all(isinstance(name, str) for name in layers):
        raise store.altered(where, f"layers={layers!r}")
    if not isinstance(cost, list) or len(cost) != 2 or not all(type(n) is int and n >= 0 for n in cost):
        raise store.altered(where, f"cost={cost!r}")
    if window is not None and type(window) not in (int, float):
        raise store.altered(where, f"suggested_window={window!r}")
    if type(facts["steps"]) is not int or facts["steps"] < 1:
        raise store.altered(where, f"steps={facts['steps']!r}")
    if type(facts["best"]) is not int or not -1 <= facts["best"] < tried:
        raise store.altered(where, f"best={facts['best']!r} of {tried}")
    if not all(type(facts.get(name, False)) is bool for name in ("converged", "nesterov")):
        raise store.altered(where, "flags that are none")
    if rows and not 0 <= arrays["finalists"].min() <= arrays["finalists"].max() < tried:
        raise store.altered(where, f"finalists of {tried} that are none")


def _drawn(learned: LearnedSchedule, ax: Any = None) -> Any:
    """Schedules of all outer steps over the inner ones, light to dark, and their validation losses.

    Of rates by layer, the best ones alone.

    The form of figure 4 of FDS (Micaelli and Storkey, arXiv 2007.07869).
    """
    import matplotlib as mpl

    families = [("Learning rate", np.atleast_2d(learned.learning_rates))]
    families += [("Momentum", learned.momentums[None]), ("Weight decay", learned.weight_decays[None])]
    ends = np.cumsum([0, *(values.size for _, values in families)])
    shown = [(t, v, e) for (t, v), e in zip(families, ends, strict=False) if v.size]
    figure, axes = panels(len(shown) + 1, ax)
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
