"""Whether Optuna's starting points pay, at equal cost: `learn_schedule` with start="optuna" and without.

    python benchmarks/optuna_start.py [--problems mlp conv conv_bn transformer] [--seeds 0 1 2 3]

Four problems: digits by an MLP 64-256-10, by two convolutions, by the same with batch-norm, and the next
character of Shakespeare's plays by a transformer. T = 100 steps, five rates, momentum and decay, all from
zero; 16 outer steps, or 16 starting points and 12 outer steps: 188 plain runs each, a differentiated one
counted as four. Test losses are means of six fresh networks, by outer seed; one that diverges counts as
untrained.
"""

from __future__ import annotations

import argparse
import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import lrswift as lr
from lrswift import nn
from lrswift.experiments.leaderboard.workloads import characters

F = nn.functional
STEPS, FRESH = 100, 6


@dataclass(frozen=True)
class Problem:
    make: Callable[[int], nn.Module]
    data: Callable[[], tuple[Any, Any]]
    loss: Callable[..., Any]
    batch: int


@functools.cache
def digits(images: bool) -> tuple[Any, Any]:
    """Three quarters to learn from, the rest to test on."""
    found = lr.data.load("digits").train
    x, y = found.x.astype(np.float32) / 16, found.y
    order = np.random.default_rng(0).permutation(len(x))
    x = x[order].reshape((-1, 8, 8, 1) if images else (-1, 64))
    cut = len(x) * 3 // 4
    return (x[:cut], y[order][:cut]), (x[cut:], y[order][cut:])


def convolutional(norm: bool, seed: int) -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), *([nn.BatchNorm2d(8)] if norm else [])),
        *(nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(64, 10)),
    )


def next_character(logits: Any, y: Any) -> Any:
    return F.cross_entropy(logits.reshape((-1, logits.shape[-1])), y.reshape((-1,)))


PROBLEMS = {
    "mlp": Problem(
        lambda seed: lr.models.mlp(64, [256], 10), lambda: digits(False), F.cross_entropy, 32
    ),
    "conv": Problem(
        functools.partial(convolutional, False), lambda: digits(True), F.cross_entropy, 32
    ),
    "conv_bn": Problem(
        functools.partial(convolutional, True), lambda: digits(True), F.cross_entropy, 32
    ),
    "transformer": Problem(
        lambda seed: characters.Transformer(), lambda: characters.excerpts(None), next_character, 16
    ),
}  # fmt: skip


def tested(problem: Problem, schedule: lr.LearnedSchedule) -> float:
    """Mean test loss of fresh networks."""
    (x, y), (test_x, test_y) = problem.data()
    losses = []
    for seed in range(FRESH):
        lr.seed(5000 + seed)
        model = problem.make(0)
        optimizer = schedule.optimizer(model.named_parameters(), STEPS)
        rng = np.random.default_rng(seed)
        with lr.no_grad():
            untrained = problem.loss(model(lr.tensor(test_x)), lr.tensor(test_y)).item()
        try:
            for _ in range(STEPS):
                rows = rng.integers(0, len(x), problem.batch)
                optimizer.minimize(lambda m=model, r=rows: problem.loss(m(lr.tensor(x[r])), lr.tensor(y[r])))
        except lr.Diverged:
            losses.append(untrained)
            continue
        with lr.no_grad():
            losses.append(problem.loss(model(lr.tensor(test_x)), lr.tensor(test_y)).item())
    return float(np.mean(losses))


def learned(problem: Problem, start: str | None, seed: int) -> lr.LearnedSchedule:
    train, _ = problem.data()
    return lr.learn_schedule(
        problem.make, problem.loss, train, 0.2, STEPS, problem.batch, learning_rates=5, seed=seed,
        outer_steps=12 if start else 16, finalists=3, start=start, trials=16, progress=False,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3])
    given = parser.parse_args()
    lr.set_threads(1)
    warnings.simplefilter("ignore")
    print(f"| problem | start | test loss, seeds {' '.join(map(str, given.seeds))} | mean | plain runs |")
    print("|---|---|---|--:|--:|", flush=True)
    for name in given.problems:
        for start in (None, "optuna"):
            rows = []
            for seed in given.seeds:
                schedule = learned(PROBLEMS[name], start, seed)
                rows.append(tested(PROBLEMS[name], schedule))
                plain, differentiated = schedule.cost
            told = " ".join(f"{row:.4f}" for row in rows)
            cost = (plain + 4 * differentiated) / STEPS
            print(f"| {name} | {start} | {told} | {np.mean(rows):.4f} | {cost:.0f} |", flush=True)


if __name__ == "__main__":
    main()
