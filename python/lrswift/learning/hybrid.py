"""Hybrid search: Optuna proposes starting points, hypergradients refine them, and Optuna learns of it."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import optuna

from .. import store
from ..errors import Diverged
from ..progress import Progress
from .inner_run import Job, Outcome
from .learned_schedule import LearnedSchedule
from .options import FAMILIES
from .outer_loop import FORMAT, Learning, read_facts, shapes_of
from .workers import Workers

# a sign step that was too large needs three to show it: there, back, and half
LEG = 3
# what Optuna's own sampler takes at random before it believes its model
RANDOM_STARTS = 10


class _Line:
    """A starting point and what became of it."""

    def __init__(self, number: int, learning: Learning, losses: np.ndarray) -> None:
        self.number, self.learning, self.start = number, learning, losses
        self.closed = False

    @property
    def best(self) -> float:
        """Validation loss of its best point so far."""
        own = float(self.learning.get("best_loss")[0])
        return min(_loss(self.start), own if math.isfinite(own) else math.inf)


class HybridSearch:
    """A search for starting points and their refinement; has the methods of `Learning` that a call needs."""

    def __init__(self, learning: Learning) -> None:
        self.first, settings = learning, learning.settings
        self.options = settings.learning
        self.ranges = distributions(settings.counts, self.options.ranges)
        sampler = optuna.samplers.TPESampler(
            seed=self.options.seed % 2**32,
            n_startup_trials=min(RANDOM_STARTS, (self.options.trials + 1) // 2),
        )
        with quiet():
            self.study = optuna.create_study(sampler=sampler)
        initial = [value for family in settings.initial for value in family]
        self.study.enqueue_trial(dict(zip(self.ranges, initial, strict=True)))
        self.lines: list[_Line] = []
        self.order: list[tuple[_Line, int]] = []
        self.log: list[list[Outcome]] = []
        self.replayed: list[list[Outcome]] = []
        self.cost = [0, 0]

    def run(self, workers: Workers, outer_steps: int, checkpoint: Any, progress: bool) -> LearnedSchedule:
        """Tries and refines starting points; `checkpoint` is written after each."""
        settings, trials = self.first.settings, self.options.trials
        seeds, blocks = self.options.seeds, self.options.blocks
        total = (trials + outer_steps * blocks) * seeds * settings.steps
        legs = -(-outer_steps // LEG)
        with Progress(total, "learn_schedule", progress, "inner step") as bar, quiet():
            for leg in range(legs):
                while len(self.lines) < self._due(leg, legs):
                    self.propose(workers, bar, checkpoint)
                for _ in range(min(LEG, outer_steps - leg * LEG)):
                    self.refine(workers, bar, checkpoint)
            return self.schedule(workers, bar)

    def _due(self, leg: int, legs: int) -> int:
        """Starts tried before a leg: `initial` before the first one, half of them before the next.

        All of them profit from what was refined before.
        """
        if leg == 0 and legs > 1:
            return 1
        return math.ceil(self.options.trials * (1 + (leg / (legs - 1) if legs > 1 else 1)) / 2)

    def propose(self, workers: Workers, bar: Progress, checkpoint: Any) -> None:
        """Tries one starting point."""
        settings = self.first.settings
        trial = self.study.ask(dict(self.ranges))
        values = [trial.params[name] for name in self.ranges]
        ends = np.cumsum(settings.counts)[:-1].tolist()
        initial = tuple(tuple(map(float, part)) for part in np.split(np.array(values), ends))
        # the second word: the first is the seed of the finalists' networks
        seed = int(np.random.SeedSequence((self.options.seed, trial.number)).generate_state(2, np.uint32)[1])
        first = self.first
        learning = Learning(
            first.make_model, first.loss, first.train, first.valid,
            replace(settings, initial=initial, learning=replace(settings.learning, seed=seed)), first.engine,
        )  # fmt: skip
        # an outer step that no refinement reaches: other networks than those of the refinement
        jobs = [
            replace(job, seed=learning.settings.replica_seed(2**31, replica))
            for replica, job in enumerate(learning.jobs(settings.steps, differentiated=False))
        ]
        outcomes = self.outcomes(workers, jobs, 1, bar)
        losses = np.array([o.valid_loss for o in outcomes])
        line = _Line(trial.number, learning, losses)
        self.study.tell(trial, _loss(losses))
        self.lines.append(line)
        self.order.append((line, -1))
        self.cost[0] += self.options.seeds * settings.steps
        self.write(checkpoint)
        bar.note({"trials": len(self.lines), "best": min(line.best for line in self.lines)})

    def refine(self, workers: Workers, bar: Progress, checkpoint: Any) -> None:
        """Takes one outer step from the most promising point; within a leg, the same line goes on."""
        line = self._chosen()
        if line is None:
            return
        learning, settings = line.learning, self.first.settings
        budget = settings.budget(learning.done)
        outcomes = self.outcomes(workers, learning.jobs(budget), self.options.blocks, bar)
        learning.learn(outcomes, budget == settings.steps)
        self.order.append((line, learning.done - 1))
        self.cost[1] += self.options.seeds * budget
        self._tell(line)
        self.write(checkpoint)
        bar.note({"trials": len(self.lines), "best": min(line.best for line in self.lines)})
        try:
            learning.judge(outcomes)
        except Diverged:
            line.closed = True

    def _chosen(self) -> _Line | None:
        """The line in hand until its leg is over, then the best; None when nothing can be refined further."""
        steps = sum(row >= 0 for _, row in self.order)
        last = self.order[-1][0]
        if steps % LEG and self._open(last):
            return last
        return min(filter(self._open, self.lines), key=lambda line: line.best, default=None)

    def _open(self, line: _Line) -> bool:
        return not line.closed and not line.learning.get("converged")[0]

    def _tell(self, line: _Line) -> None:
        """The study learns of a refined point; its model knows nothing beyond the ranges."""
        record, row = line.learning.record, line.learning.done - 1
        losses, values = record["seed_losses"][row], record["values"][row]
        params = dict(zip(self.ranges, map(float, values), strict=True))
        inside = all(self.ranges[name].low <= v <= self.ranges[name].high for name, v in params.items())
        if row == 0 or not inside or np.isnan(losses).any():
            return
        self.study.add_trial(
            optuna.trial.create_trial(
                params=params,
                distributions=dict(self.ranges),
                value=_loss(losses),
                user_attrs={"refined_from": line.number, "outer_step": row},
            )  # fmt: skip
        )

    def outcomes(self, workers: Workers, jobs: Sequence[Job], blocks: int, bar: Progress) -> list[Outcome]:
        """The outcomes of whole seeds; what a checkpoint has seen is taken from it."""
        if self.replayed:
            found = self.replayed.pop(0)
            bar.advance(len(jobs) * jobs[0].steps)
        else:
            found = self.first.trained(workers, jobs, blocks, bar)
        self.log.append(found)
        return found

    def schedule(self, workers: Workers, bar: Progress) -> LearnedSchedule:
        """All lines as one record, in the order they were tried, and the best of its finalists."""
        settings, count = self.first.settings, sum(self.first.settings.counts)
        rows: dict[str, list[Any]] = {name: [] for name in self.first.record}
        for line, row in self.order:
            absent = {
                "values": [value for family in line.learning.settings.initial for value in family],
                "seed_losses": line.start,
                "hypergradients": np.full((self.options.seeds, count), np.nan),
                "signals": np.full(count, np.nan),
                "retreated": False,
            }
            found = absent if row < 0 else {name: line.learning.record[name][row] for name in rows}
            for name in rows:
                rows[name].append(found[name])
        first = self.first
        first.record = {name: np.array(values) for name, values in rows.items()}
        first.compare_finalists(workers, bar)
        learned = first.schedule()
        chosen = self.order[max(learned.best, 0)][0]
        return replace(
            learned,
            converged=bool(chosen.learning.get("converged")[0]),
            cost=(self.cost[0] + first.finals.losses.size * settings.steps, self.cost[1]),
            trials=np.array([line.number for line, _ in self.order]),
            study=self.study,
        )

    # ---- checkpoints: the outcomes in order, from which everything else follows ------------------------
    def _identity(self) -> dict[str, Any]:
        names = ("trials", "ranges", "outer_steps")
        search = {name: getattr(self.options, name) for name in names}
        found: dict[str, Any] = json.loads(json.dumps(self.first.identity() | search))
        return found

    def write(self, path: str | os.PathLike[str] | None) -> None:
        """Writes all outcomes so far, atomically; nothing while they are replayed, or without a path."""
        if path is None or self.replayed:
            return
        facts = {
            "settings": self._identity(), "shapes": self.log[0][0].shapes, "format": FORMAT,
            "failures": [[o.failure for o in outcomes] for outcomes in self.log],
            "failed_at": [[o.failed_at for o in outcomes] for outcomes in self.log],
        }  # fmt: skip
        arrays = {
            "valid_losses": np.array([[o.valid_loss for o in outcomes] for outcomes in self.log]),
            "hypergradients": np.array([[o.hypergradients for o in outcomes] for outcomes in self.log]),
        }
        store.write(path, arrays, {"lrswift.starting": json.dumps(facts)})

    def read(self, path: str | os.PathLike[str]) -> None:
        """Puts outcomes in line to be replayed, once all of them are checked.

        Raises ArgumentError for a file of another call, FormatError for one that is damaged or altered.
        """
        arrays, facts = read_facts(
            path, "lrswift.starting", 'checkpoint of learn_schedule(start="optuna")', self._identity()
        )
        try:
            self.replayed = self._checked(arrays, facts)
        except store.FACTS_ERRORS as error:
            raise store.altered(f"resume: {os.fspath(path)}", error) from None

    def _checked(self, arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> list[list[Outcome]]:
        shapes, failures = shapes_of(facts["shapes"]), facts["failures"]
        losses, hypergradients = arrays["valid_losses"], arrays["hypergradients"]
        # older files say so in words alone
        failed_at = facts.get("failed_at", [[None] * len(row) for row in failures])
        shape = len(failures), self.options.seeds
        if losses.shape != shape or hypergradients.shape != (*shape, sum(self.first.settings.counts)):
            raise ValueError(f"losses of shape {losses.shape}, hypergradients of {hypergradients.shape}")
        if losses.dtype != np.float64 or hypergradients.dtype != np.float64:
            raise ValueError(f"losses of {losses.dtype}, hypergradients of {hypergradients.dtype}")
        told = [entry for row in failures for entry in row]
        steps = [entry for row in failed_at for entry in row]
        if not all(entry is None or isinstance(entry, str) for entry in told):
            raise ValueError("failures that are no texts")
        if not all(entry is None or (type(entry) is int and entry >= 0) for entry in steps):
            raise ValueError("failures at no step")
        rows = zip(losses, hypergradients, failures, failed_at, strict=True)
        return [
            [Outcome(float(v), h, shapes, f, failed_at=at) for v, h, f, at in zip(*row, strict=True)]
            for row in rows
        ]


def distributions(
    counts: Sequence[int], ranges: Sequence[Sequence[float]]
) -> dict[str, optuna.distributions.FloatDistribution]:
    """Optuna's distributions by name, in the order of the values."""
    return {
        f"{family}[{k}]": optuna.distributions.FloatDistribution(low, high)
        for family, count, (low, high) in zip(FAMILIES, counts, ranges, strict=True)
        for k in range(count)
    }


def _loss(losses: np.ndarray) -> float:
    """Mean over seeds; inf where one diverged, or was not trained in full."""
    mean = float(np.mean(losses))
    return mean if math.isfinite(mean) else math.inf


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Optuna announces every study and trial."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)
