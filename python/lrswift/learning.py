"""`learn_schedule`: learning rates, momenta and weight decays from the hypergradients of whole runs (FDS)."""

from __future__ import annotations

import functools
import json
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import _core, _safetensors
from ._farm import Farm
from ._finals import NETWORKS_A_SEED, Finals
from ._learning_input import RANGES, Settings, arrays_of, check, check_search, starting_values
from ._progress import Progress
from ._replica import Job, Outcome, joined, run, step_of
from ._tensor import Tensor
from .errors import ArgumentError, Diverged, ShapeError
from .learned import LearnedSchedule
from .sharing import best_window, sharing_noise

# of checkpoints; another whenever the same outcomes lead to other outer steps
FORMAT = 2


def learn_schedule(
    make_model: Callable[[int], Any],
    loss: Callable[..., Tensor],
    train: Any,
    valid: Any = None,
    steps: int = 1000,
    batch_size: int = 128,
    learning_rates: int = 7,
    momentums: int = 1,
    weight_decays: int = 1,
    outer_steps: int = 10,
    step_size: Sequence[float] = (0.1, 0.15, 4e-4),
    step_decay: float = 0.5,
    initial: Sequence[Any] = (0, 0, 0),
    update: str = "gated",
    seeds: int = 2,
    seed: int = 0,
    clip_gradient: float | None = None,
    clip_hvp: float | None = None,
    executor: Any = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    *,
    optimizer: str = "sgd",
    horizon: int | None = None,
    mode: str = "forward",
    budgets: Sequence[int] | None = None,
    blocks: int = 1,
    finalists: int = 5,
    start: str | None = None,
    trials: int = 16,
    ranges: Sequence[Sequence[float]] = RANGES,
    per: str = "all",
    curvature: str = "hessian",
    progress: bool = True,
) -> LearnedSchedule:
    """Learns a schedule for training runs of `steps` steps, by differentiating whole runs.

    Each outer step trains `seeds` fresh networks, make_model(seed) -> Module, with the present schedule and
    moves every value against its hypergradient. The best validated schedules of all outer steps, `finalists`
    of them, are validated once more, on 10 `seeds` fresh networks each (training alone), and the one whose
    mean loss plus standard error is lowest is returned: the lowest of many noisy losses is often luck. A
    network whose training loss peaked late, and lost all that it had won, counts as a fifth of the way back
    to its untrained loss, however it ended. finalists=1 takes the lowest loss of the outer steps.

    train: (x, y) arrays, a Dataset, or an iterable of batches, which are joined. valid: the same, or the
    fraction of `train` to hold out (None: 0.1), drawn once from `seed`. loss: as in `fit`.
    learning_rates, momentums, weight_decays: how many values share the steps (learning_rates=steps: nothing
    is shared). step_size, initial: for rates, momenta, decays; a number each, or one per value.
    update: "gated" moves a value where the seeds agree and retreats where hypergradients have lost their
    meaning: early rates are raised towards later ones, and all are traded for momentum; "sign" steps by the
    sign of the mean, halved (`step_decay`) when it flips; "gradient" is the paper's printed step, step_size
    times the window's average. Stops early when every step is below 5 % of its value.
    horizon: see `hypergradient` (1: greedy). budgets: inner steps of the first outer steps,
    smaller than `steps`; schedules are compared at full length only. optimizer: "sgd" or "nesterov".
    clip_gradient, clip_hvp, mode, curvature: as in `hypergradient`.

    per: "layer" learns rates for every module that holds parameters, `learning_rates` of them each; step_size
    and initial then are, for rates, a number, one per window, or a row of them per layer.

    executor: None, anything with `submit`, or a function that makes such an executor anew when its workers
    die; a task is a seed, or one of its `blocks` disjoint sets of values to differentiate by (each repeats
    the training); the numbers are the same as here. checkpoint: a file written atomically after
    each outer step; resume: goes on from it, if it is there, bit by bit as if never interrupted; only
    `outer_steps`, `blocks`, `executor` and `finalists` may differ. progress: a bar with the time left.

    start: "optuna" begins from `trials` starting points instead of `initial` alone: `initial` itself, then
    what Optuna's TPE sampler, seeded by `seed`, proposes within `ranges`, (low, high) for rates, momenta and
    decays. Each is trained with `seeds` networks, without derivatives. Refined, for three outer steps at a
    time, is `initial`, then the best validated point, a refined one from where it stood; every refined point
    within `ranges` goes back into the study, and the next proposals follow. Cost: trials * seeds * steps
    plain training steps, those of the finalists, and at most outer_steps * seeds * steps differentiated ones
    (`budgets` apart), each of about 1 + 2 K plain ones with K values in use; `cost` of the result counts
    both. `study` is Optuna's. To resume, outer_steps and trials must be the same as well. ImportError
    without optuna.

    A run that diverges counts as a loss of inf, with a warning that names the step. When half of the rates'
    hypergradients are below their standard error, a warning says so and proposes a sharing window.
    Raises ArgumentError, ShapeError, DTypeError (arguments), and Diverged, whose `schedule` holds what was
    done, when all seeds diverge under another update than "gated".
    Source: FDS (Micaelli and Storkey, arXiv 2007.07869), Algorithm 1 and section 4.
    """
    settings = check(
        steps=steps, batch_size=batch_size, counts=(learning_rates, momentums, weight_decays),
        outer_steps=outer_steps, step_size=step_size, step_decay=step_decay, initial=initial, update=update,
        seeds=seeds, seed=seed, clip_gradient=clip_gradient, clip_hvp=clip_hvp, optimizer=optimizer,
        horizon=horizon, mode=mode, budgets=budgets, blocks=blocks, finalists=finalists, per=per,
        curvature=curvature, make_model=make_model,
    )  # fmt: skip
    search = check_search(start, trials, ranges, settings)
    data = arrays_of(train, valid, settings)
    learning: Any = Learning(make_model, loss, *data, settings)
    if search is not None:
        from ._starting import Starting

        learning = Starting(learning, search, outer_steps)
    if checkpoint is not None and resume and Path(checkpoint).exists():
        learning.read(checkpoint)
    farm = Farm(executor)
    try:
        return learning.run(farm, outer_steps, checkpoint, progress)
    finally:
        farm.close()


class Learning:
    """One call of `learn_schedule`: the learner, and the record of the outer steps done."""

    def __init__(
        self,
        make_model: Callable[[int], Any],
        loss: Callable[..., Tensor],
        train: tuple[np.ndarray, ...],
        valid: tuple[np.ndarray, ...],
        settings: Settings,
    ) -> None:
        self.make_model, self.loss, self.train, self.valid = make_model, loss, train, valid
        self.settings = settings
        initial, step_size, windows = starting_values(settings)
        self.learner = _core.Learner(
            update=settings.update, counts=settings.counts, initial=initial, step_size=step_size,
            windows=windows, step_decay=settings.step_decay, layers=max(1, len(settings.layers)),
        )  # fmt: skip
        count = sum(settings.counts)
        self.record: dict[str, np.ndarray] = {
            "values": np.zeros((0, count)),
            "seed_losses": np.zeros((0, settings.seeds)),
            "hypergradients": np.zeros((0, settings.seeds, count)),
            "signals": np.zeros((0, count)),
            "retreated": np.zeros(0, bool),
        }
        self.shapes: dict[str, tuple[int, ...]] | None = None
        self.warned = False
        self.finals = Finals.empty(NETWORKS_A_SEED * settings.seeds)

    @property
    def done(self) -> int:
        return len(self.record["values"])

    def get(self, key: str) -> np.ndarray:
        found: Any = self.learner.get(key)
        return np.array(found.numpy())

    def run(self, farm: Farm, outer_steps: int, checkpoint: Any, progress: bool) -> LearnedSchedule:
        settings = self.settings
        total = (
            settings.seeds * settings.blocks * sum(settings.budget(o) for o in range(self.done, outer_steps))
        )
        with Progress(total, "learn_schedule", progress, "inner step") as bar:
            while self.done < outer_steps and not self.get("converged")[0]:
                budget = settings.budget(self.done)
                outcomes = trained(farm, self.jobs(budget), settings.blocks, bar)
                self.learn(outcomes, budget == settings.steps)
                if checkpoint is not None:
                    self.write(checkpoint)
                best = float(self.get("best_loss")[0])
                signal = float(np.median(self.record["signals"][-1, : settings.counts[0]]))
                bar.note({"outer": self.done, "best": best, "signal": signal})
                self.judge(outcomes)
            self.compare_finalists(farm, bar)
        return self.schedule()

    def jobs(self, budget: int, differentiated: bool = True) -> list[Job]:
        """A task for each seed, or for each block of its values."""
        return [
            self.job(self.get("values"), budget, self.settings.replica_seed(self.done, replica), columns)
            for replica in range(self.settings.seeds)
            for columns in (self.settings.columns() if differentiated else [()])
        ]

    def job(self, row: np.ndarray, budget: int, seed: int, columns: tuple[int, ...] | None) -> Job:
        rates, momenta, decays = (v.tolist() for v in self.parted(row))
        # nothing to differentiate by: forward mode is then training alone
        mode = {"mode": "forward"} if columns == () else {}
        return Job(
            self.make_model, self.loss, self.train, self.valid, budget, self.settings.batch_size,
            (rates, tuple(momenta), tuple(decays)), seed, columns, self.settings.options() | mode,
        )  # fmt: skip

    def parted(self, row: np.ndarray) -> list[np.ndarray]:
        """Rates, [layers, windows] where each layer has its own, momenta, decays."""
        rates, momenta, decays = np.split(row, np.cumsum(self.settings.counts)[:-1])
        if self.settings.layers:
            rates = rates.reshape(len(self.settings.layers), -1)
        return [rates, momenta, decays]

    def compare_finalists(self, farm: Farm, bar: Progress) -> None:
        """Validates the best outer steps once more, on networks that had no say in their choice."""
        losses = self.mean_losses()
        order = np.argsort(losses, kind="stable")
        chosen = np.array([o for o in order[: self.settings.finalists] if np.isfinite(losses[o])], np.int64)
        if self.settings.finalists > 1 and len(chosen):
            self.finals = Finals.of(chosen, self.validate(farm, bar, self.record["values"][chosen]))

    def validate(self, farm: Farm, bar: Progress, values: np.ndarray) -> list[Outcome]:
        """Of values [F, N], row by row; the same networks for all: what differs is the schedule."""
        seeds = [self.settings.final_seed(i) for i in range(NETWORKS_A_SEED * self.settings.seeds)]
        jobs = [self.job(row, self.settings.steps, seed, ()) for row in values for seed in seeds]
        return farm.map(run, jobs, functools.partial(_advance, bar, 0))

    def mean_losses(self) -> np.ndarray:
        """By outer step, inf where it was not validated at full length."""
        losses = self.record["seed_losses"].mean(1)
        return np.where(np.isnan(losses), np.inf, losses)

    def learn(self, outcomes: Sequence[Outcome], whole: bool) -> None:
        for replica, outcome in enumerate(outcomes):
            if self.shapes is None:
                self.shapes = outcome.shapes
            if outcome.shapes != self.shapes:
                raise ShapeError(
                    f"make_model: parameters {outcome.shapes} for seed {replica} of outer step {self.done}, "
                    f"{self.shapes} before; allowed: the same for every seed"
                )
        row = {
            "values": self.get("values"),
            "seed_losses": np.array([o.valid_loss for o in outcomes]),
            "hypergradients": np.stack([o.hypergradients for o in outcomes]),
        }
        self.learner.observe(
            {
                "losses": row["seed_losses"].tolist(),
                "hypergradients": row["hypergradients"].ravel().tolist(),
                "whole": float(whole),
            }
        )
        row["signals"] = self.get("signals")
        row["retreated"] = self.get("retreated")[0] != 0
        if not whole:
            row["seed_losses"] = np.full(len(outcomes), np.nan)
        for name, value in row.items():
            self.record[name] = np.concatenate([self.record[name], np.asarray(value)[None]])

    def judge(self, outcomes: Sequence[Outcome]) -> None:
        """Says what went wrong, after the outer step is safe."""
        failed = [o.failure for o in outcomes if o.failure is not None]
        if failed:
            message = (
                f"outer step {self.done - 1}: {len(failed)} of {len(outcomes)} runs diverged at "
                f"{', '.join(map(step_of, failed))}"
            )
            if len(failed) == len(outcomes) and self.settings.update != "gated":
                error = Diverged(f"learn_schedule: {message}; its schedule holds the outer steps done")
                error.schedule = self.schedule()  # type: ignore[attr-defined]
                raise error
            warnings.warn(f"learn_schedule: {message}", stacklevel=4)
        rates = self.record["signals"][-1, : self.settings.counts[0]]
        if failed or self.warned or self.settings.seeds < 2 or np.median(rates) >= 1:
            return
        self.warned = True
        window = self.suggested_window()
        advice = "more seeds may help" if window is None else f"try windows of about {window:.0f} steps"
        warnings.warn(
            f"learn_schedule: outer step {self.done - 1}: half of the rates' hypergradients are below their "
            f"standard error over {self.settings.seeds} seeds; {advice}",
            stacklevel=4,
        )

    def suggested_window(self) -> float | None:
        """Theorem 4.1's best window for the noise and drift seen at the last healthy outer step."""
        count, windows = self.settings.counts[0], self.settings.windows[0]
        if self.settings.seeds < 2 or windows < 2:
            return None
        healthy = [h for h in self.record["hypergradients"][:, :, :count] if np.isfinite(h).all()]
        if not healthy:
            return None
        # what all layers would share
        sums = healthy[-1].reshape(self.settings.seeds, -1, windows).sum(1)
        noise = sharing_noise(sums, max(1, self.settings.steps // windows))
        return min(best_window(noise.mse1, noise.epsilon, noise.correlation), float(self.settings.steps))

    def schedule(self) -> LearnedSchedule:
        losses = self.mean_losses()
        best = int(losses.argmin()) if np.isfinite(losses).any() else -1
        if (final := self.finals.best) is not None:
            best = final
        values = self.record["values"][best] if best >= 0 else self.get("best_values")
        rates, momenta, decays = self.parted(values)
        return LearnedSchedule(
            rates, momenta, decays, self.settings.steps, best,
            values=self.record["values"], seed_losses=self.record["seed_losses"],
            hypergradients=self.record["hypergradients"], signals=self.record["signals"],
            retreated=self.record["retreated"], finalists=self.finals.steps,
            final_losses=self.finals.losses, final_penalties=self.finals.penalties,
            converged=bool(self.get("converged")[0]),
            suggested_window=self.suggested_window(), nesterov=self.settings.optimizer == "nesterov",
            layers=self.settings.layers,
            cost=(
                self.finals.losses.size * self.settings.steps,
                self.settings.seeds * sum(map(self.settings.budget, range(self.done))),
            ),
        )  # fmt: skip

    # ---- checkpoints -----------------------------------------------------------------------------------
    def write(self, path: str | os.PathLike[str]) -> None:
        facts = {
            "settings": self.settings.identity(), "warned": self.warned, "shapes": self.shapes,
            "format": FORMAT,
        }  # fmt: skip
        arrays = self.record | {"state": self.get("state")}
        _safetensors.write(path, arrays, {"lrswift.learning": json.dumps(facts)})

    def read(self, path: str | os.PathLike[str]) -> None:
        arrays, metadata = _safetensors.read(path)
        if "lrswift.learning" not in metadata:
            raise ArgumentError(
                f"resume: {path}: no checkpoint of learn_schedule; allowed: a file that `checkpoint` wrote"
            )
        facts = json.loads(metadata["lrswift.learning"])
        check_format(path, facts)
        mine = json.loads(json.dumps(self.settings.identity()))
        for name, value in mine.items():
            if facts["settings"].get(name) != value:
                raise ArgumentError(
                    f"resume: {path} was made with {name}={facts['settings'].get(name)!r}, got {value!r}; "
                    "allowed: the same arguments"
                )
        self.learner.load({"state": arrays.pop("state").tolist()})
        self.record = arrays
        self.warned = facts["warned"]
        self.shapes = {name: tuple(shape) for name, shape in facts["shapes"].items()}


def check_format(path: str | os.PathLike[str], facts: dict[str, Any]) -> None:
    """ArgumentError where other outer steps were taken than those of today."""
    if facts.get("format") != FORMAT:
        raise ArgumentError(
            f"resume: {path} was written by another version, whose outer steps differ; "
            f"allowed: checkpoints of format {FORMAT}, got {facts.get('format', 1)}; start anew"
        )


def trained(farm: Farm, jobs: Sequence[Job], blocks: int, bar: Progress) -> list[Outcome]:
    """The outcomes of whole seeds, of which each is `blocks` jobs."""
    return joined(farm.map(run, jobs, functools.partial(_advance, bar, jobs[0].steps)), blocks)


def _advance(bar: Progress, steps: int, _: Outcome) -> None:
    bar.advance(steps)
