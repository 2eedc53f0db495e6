"""The outer loop of `learn_schedule`: the learner, the record of its outer steps, and their checkpoints."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import store
from .._core import Learner as CoreLearner
from ..errors import ArgumentError, Diverged, ShapeError, warn
from ..hypergradients.sharing import best_window, sharing_noise
from ..loop.digests import digest
from ..progress import Progress
from .finalists import NETWORKS_A_SEED, Finals
from .inner_run import Job, Outcome, joined, run
from .learned_schedule import LearnedSchedule
from .settings import Settings, starting_values
from .workers import Workers

# of checkpoints; another whenever the same outcomes lead to other outer steps
FORMAT = 2


@dataclass(frozen=True)
class Engine:
    """Whose tensors the networks are of. run: trains and differentiates one, picklable."""

    name: str = "lrswift"
    run: Callable[[Job], Outcome] = run


class Learning:
    """One call of `learn_schedule`: the learner, and the record of the outer steps done."""

    def __init__(
        self,
        make_model: Callable[[int], Any],
        loss: Callable[..., Any],
        train: tuple[np.ndarray, ...],
        valid: tuple[np.ndarray, ...],
        settings: Settings,
        engine: Engine = Engine(),
    ) -> None:
        self.make_model, self.loss, self.train, self.valid = make_model, loss, train, valid
        self.settings, self.engine = settings, engine
        self.seeds = settings.learning.seeds
        initial, step_size, windows = starting_values(settings)
        self.learner = CoreLearner(
            update=settings.learning.update, counts=settings.counts, initial=initial, step_size=step_size,
            windows=windows, step_decay=settings.learning.step_decay, layers=max(1, len(settings.layers)),
        )  # fmt: skip
        count = sum(settings.counts)
        self.record: dict[str, np.ndarray] = {
            "values": np.zeros((0, count)),
            "seed_losses": np.zeros((0, self.seeds)),
            "hypergradients": np.zeros((0, self.seeds, count)),
            "signals": np.zeros((0, count)),
            "retreated": np.zeros(0, bool),
        }
        self.shapes: dict[str, tuple[int, ...]] | None = None
        self.warned = False
        self.finals = Finals.empty(NETWORKS_A_SEED * self.seeds)

    @property
    def done(self) -> int:
        """How many outer steps are done."""
        return len(self.record["values"])

    def get(self, key: str) -> np.ndarray:
        """A state of the native learner, as an array."""
        found: Any = self.learner.get(key)
        return np.array(found.numpy())

    def run(self, workers: Workers, outer_steps: int, checkpoint: Any, progress: bool) -> LearnedSchedule:
        """Takes outer steps until they are done or converged; `checkpoint` is written after each."""
        settings = self.settings
        total = (
            self.seeds
            * settings.learning.blocks
            * sum(settings.budget(o) for o in range(self.done, outer_steps))
        )
        with Progress(total, "learn_schedule", progress, "inner step") as bar, self.kept_on_interrupt():
            while self.done < outer_steps and not self.get("converged")[0]:
                budget = settings.budget(self.done)
                outcomes = self.trained(workers, self.jobs(budget), settings.learning.blocks, bar)
                self.learn(outcomes, budget == settings.steps)
                if checkpoint is not None:
                    self.write(checkpoint)
                best = float(self.get("best_loss")[0])
                signal = float(np.median(self.record["signals"][-1, : settings.counts[0]]))
                bar.note({"outer": self.done, "best": best, "signal": signal})
                self.judge(outcomes)
            self.compare_finalists(workers, bar)
        return self.schedule()

    @contextmanager
    def kept_on_interrupt(self) -> Iterator[None]:
        """A KeyboardInterrupt has the schedule of the outer steps that are done as `schedule`."""
        try:
            yield
        except KeyboardInterrupt as stop:
            if self.done:
                stop.schedule = self.schedule()  # type: ignore[attr-defined]
            raise

    def jobs(self, budget: int, differentiated: bool = True) -> list[Job]:
        """A task for each seed, or for each block of its values."""
        return [
            self.job(self.get("values"), budget, self.settings.replica_seed(self.done, replica), columns)
            for replica in range(self.seeds)
            for columns in (self.settings.columns() if differentiated else [()])
        ]

    def job(self, row: np.ndarray, budget: int, seed: int, columns: tuple[int, ...] | None) -> Job:
        """One network under the values of `row`; columns: as of Job."""
        rates, momenta, decays = (v.tolist() for v in self.parted(row))
        options = self.settings.options
        if columns == ():
            # nothing to differentiate by: forward mode is then training alone
            options = replace(options, mode="forward")
        return Job(
            self.make_model, self.loss, self.train, self.valid, budget, self.settings.batch_size,
            (rates, tuple(momenta), tuple(decays)), seed, columns, options,
        )  # fmt: skip

    def parted(self, row: np.ndarray) -> list[np.ndarray]:
        """Rates, [layers, windows] where each layer has its own, momenta, decays."""
        rates, momenta, decays = np.split(row, np.cumsum(self.settings.counts)[:-1])
        if self.settings.layers:
            rates = rates.reshape(len(self.settings.layers), -1)
        return [rates, momenta, decays]

    def compare_finalists(self, workers: Workers, bar: Progress) -> None:
        """Validates the best outer steps once more, on networks that had no say in their choice."""
        losses = self.mean_losses()
        order = np.argsort(losses, kind="stable")
        chosen = np.array(
            [o for o in order[: self.settings.learning.finalists] if np.isfinite(losses[o])], np.int64
        )
        if self.settings.learning.finalists > 1 and len(chosen):
            self.finals = Finals.of(chosen, self.validate(workers, bar, self.record["values"][chosen]))

    def validate(self, workers: Workers, bar: Progress, values: np.ndarray) -> list[Outcome]:
        """Validates rows of values [F, N]; the same networks for all: what differs is the schedule."""
        seeds = [self.settings.final_seed(i) for i in range(NETWORKS_A_SEED * self.seeds)]
        jobs = [self.job(row, self.settings.steps, seed, ()) for row in values for seed in seeds]
        return workers.map(self.engine.run, jobs, functools.partial(_advance, bar, 0))

    def trained(self, workers: Workers, jobs: Sequence[Job], blocks: int, bar: Progress) -> list[Outcome]:
        """The outcomes of whole seeds, of which each is `blocks` jobs."""
        done = functools.partial(_advance, bar, jobs[0].steps)
        return joined(workers.map(self.engine.run, jobs, done), blocks)

    def mean_losses(self) -> np.ndarray:
        """Mean validation losses by outer step, inf where it was not validated at full length."""
        losses = self.record["seed_losses"].mean(1)
        return np.where(np.isnan(losses), np.inf, losses)

    def learn(self, outcomes: Sequence[Outcome], whole: bool) -> None:
        """Moves the values and records the outer step. whole: at full length."""
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
        # at once, as Ctrl-C may come between
        self.record = {
            name: np.concatenate([self.record[name], np.asarray(value)[None]]) for name, value in row.items()
        }

    def judge(self, outcomes: Sequence[Outcome]) -> None:
        """Says what went wrong, after the outer step is safe."""
        failed = [o for o in outcomes if o.failure is not None]
        if failed:
            message = (
                f"outer step {self.done - 1}: {len(failed)} of {len(outcomes)} runs diverged at "
                f"{', '.join(o.whereabouts for o in failed)}"
            )
            if len(failed) == len(outcomes) and self.settings.learning.update != "gated":
                error = Diverged(f"learn_schedule: {message}; its schedule holds the outer steps done")
                error.schedule = self.schedule()
                raise error
            warn(f"learn_schedule: {message}")
        rates = self.record["signals"][-1, : self.settings.counts[0]]
        if failed or self.warned or self.seeds < 2 or np.median(rates) >= 1:
            return
        self.warned = True
        window = self.suggested_window()
        advice = "more seeds may help" if window is None else f"try windows of about {window:.0f} steps"
        warn(
            f"learn_schedule: outer step {self.done - 1}: half of the rates' hypergradients are below their "
            f"standard error over {self.seeds} seeds; {advice}"
        )

    def suggested_window(self) -> float | None:
        """Theorem 4.1's best window for the noise and drift seen at the last healthy outer step."""
        count, windows = self.settings.counts[0], self.settings.windows[0]
        if self.seeds < 2 or windows < 2:
            return None
        healthy = [h for h in self.record["hypergradients"][:, :, :count] if np.isfinite(h).all()]
        if not healthy:
            return None
        # what all layers would share
        sums = healthy[-1].reshape(self.seeds, -1, windows).sum(1)
        noise = sharing_noise(sums, max(1, self.settings.steps // windows))
        return min(best_window(noise.mse1, noise.epsilon, noise.correlation), float(self.settings.steps))

    def schedule(self) -> LearnedSchedule:
        """The schedule as far as it was learned."""
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
            suggested_window=self.suggested_window(), nesterov=self.settings.options.optimizer == "nesterov",
            layers=self.settings.layers,
            cost=(
                self.finals.losses.size * self.settings.steps,
                self.seeds * sum(map(self.settings.budget, range(self.done))),
            ),
        )  # fmt: skip

    # ---- checkpoints -----------------------------------------------------------------------------------
    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes the state after an outer step, atomically."""
        facts = {
            "settings": self.identity(), "warned": self.warned, "shapes": self.shapes,
            "format": FORMAT,
        }  # fmt: skip
        arrays = self.record | {"state": self.get("state")}
        store.write(path, arrays, {"lrswift.learning": json.dumps(facts)})

    def identity(self) -> dict[str, Any]:
        """Settings and data that must not change between a checkpoint and its continuation, by name."""
        facts = self.settings.identity() | {"train": digest(self.train), "valid": digest(self.valid)}
        if self.engine.name != Engine.name:
            facts["engine"] = self.engine.name
        found: dict[str, Any] = json.loads(json.dumps(facts))
        return found

    def read(self, path: str | os.PathLike[str]) -> None:
        """Puts back what `write` wrote, once all of it is checked.

        Raises ArgumentError for a file of another call, FormatError for one that is damaged or altered.
        """
        where = f"resume: {os.fspath(path)}"
        arrays, facts = read_facts(path, "lrswift.learning", "checkpoint of learn_schedule", self.identity())
        try:
            state = arrays.pop("state")
            record = self._checked(arrays)
            shapes, warned = shapes_of(facts["shapes"]), facts["warned"]
            if not isinstance(warned, bool) or state.dtype != np.float64 or state.ndim != 1:
                raise ValueError("a state of another kind")
            self.learner.load({"state": state.tolist()})
        except store.FACTS_ERRORS as error:
            raise store.altered(where, error) from None
        self.record, self.shapes, self.warned = record, shapes, warned

    def _checked(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        done = len(arrays["values"])
        for name, mine in self.record.items():
            found = arrays[name]
            if found.dtype != mine.dtype or found.shape != (done, *mine.shape[1:]):
                raise ValueError(f"{name} of {found.dtype} and shape {list(found.shape)}")
        return {name: arrays[name] for name in self.record}


def read_facts(
    path: str | os.PathLike[str], key: str, kind: str, mine: dict[str, Any]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """(arrays, facts) of a checkpoint whose settings are `mine`. ArgumentError for another's."""
    where = f"resume: {os.fspath(path)}"
    arrays, metadata = store.read(path)
    if key not in metadata:
        raise ArgumentError(f"{where}: no {kind}; allowed: a file that `checkpoint` wrote")
    facts = store.facts_of(where, metadata[key])
    check_format(path, facts)
    stored = facts.get("settings")
    if not isinstance(stored, dict):
        raise store.altered(where, "no settings")
    # older files say nothing of the data
    found = [
        f"{name}={stored.get(name)!r}, got {value!r}"
        for name, value in mine.items()
        if stored.get(name) != value and (name in stored or name not in ("train", "valid"))
    ]
    if "engine" in stored and "engine" not in mine:
        found.append(f"engine={stored['engine']!r}, got {Engine.name!r}")
    if found:
        raise ArgumentError(f"{where} was made with {', and with '.join(found)}; allowed: the same arguments")
    return arrays, facts


def shapes_of(value: Any) -> dict[str, tuple[int, ...]]:
    """Shapes of parameters by name, as JSON has them. ValueError for others."""
    if not isinstance(value, dict) or not all(isinstance(shape, list) for shape in value.values()):
        raise ValueError("shapes that are none")
    if not all(type(n) is int and n >= 0 for shape in value.values() for n in shape):
        raise ValueError("shapes that are none")
    return {name: tuple(shape) for name, shape in value.items()}


def check_format(path: str | os.PathLike[str], facts: dict[str, Any]) -> None:
    """ArgumentError where other outer steps were taken than those of today."""
    if facts.get("format") != FORMAT:
        raise ArgumentError(
            f"resume: {path} was written by another version, whose outer steps differ; "
            f"allowed: checkpoints of format {FORMAT}, got {facts.get('format', 1)}; start anew"
        )


def _advance(bar: Progress, steps: int, _: Outcome) -> None:
    bar.advance(steps)
