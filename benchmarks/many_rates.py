"""Rates of every layer and window against a shared schedule, at equal cost.

    python benchmarks/many_rates.py [--problems lenet_bn transformer] [--seeds 0 1 2] [--data DIR]

LeNet with batch-norm on Fashion-MNIST (T = 100 steps of 64; 7 layers x 7 windows = 49 rates), and a
transformer on characters of Shakespeare's plays (T = 100 steps of 16; 16 layers x 3 windows = 48 rates),
with momentum and weight decay. `learn_schedule` in reverse mode, whose cost does not depend on the number of
rates, from zero: "shared" has the windows' rates alone; "per layer" those of each layer; "shared, then per
layer" spends the second half of its outer steps on the rates of each layer, from the shared ones. All take as
many outer steps. Losses are means of eight fresh networks on data that no choice has seen, batch-norm by
statistics of the batch; one that diverges counts as untrained.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from fashion_schedule import lenet_bn, standardized
from optuna_start import next_character

import lrswift as lr
from lrswift.experiments.leaderboard.workloads import characters

STEPS, OUTER, FRESH = 100, 12, 8
ARMS = ("shared", "per layer", "shared, then per layer")


@dataclass(frozen=True)
class Problem:
    make: Callable[[int], Any]
    loss: Callable[..., Any]
    batch: int
    windows: int
    # (x, y) to learn from, and to test on
    train: tuple[Any, Any]
    test: tuple[Any, Any]


def problem(name: str, root: str | None) -> Problem:
    if name == "transformer":
        train, test = characters.excerpts(root)
        return Problem(lambda seed: characters.Transformer(), next_character, 16, 3, train, test)
    data = standardized(lr.data.load("fashion-mnist", root).scaled())
    train = data.train.x[:20_000, ..., None], data.train.y[:20_000]
    test = data.test.x[:2000, ..., None], data.test.y[:2000]
    return Problem(lenet_bn, lr.nn.functional.cross_entropy, 64, 7, train, test)


def learned(case: Problem, arm: str, seed: int) -> tuple[lr.LearnedSchedule, int]:
    """The schedule, and how many steps were differentiated."""

    def learn(outer_steps: int, per: str, finalists: int = 3, **changes: Any) -> lr.LearnedSchedule:
        return lr.learn_schedule(
            case.make, case.loss, case.train, 0.1, STEPS, case.batch, case.windows, outer_steps=outer_steps,
            seed=seed, per=per, mode="reverse", finalists=finalists, progress=False, **changes,
        )  # fmt: skip

    if arm != "shared, then per layer":
        found = learn(OUTER, "all" if arm == "shared" else "layer")
        return found, found.cost[1]
    first = learn(OUTER // 2, "all", finalists=1)
    start = (tuple(first.learning_rates), tuple(first.momentums), tuple(first.weight_decays))
    sizes = (float(0.3 * np.abs(first.learning_rates).max() + 1e-3), 0.03, 1e-4)
    found = learn(OUTER - OUTER // 2, "layer", initial=start, step_size=sizes)
    return found, first.cost[1] + found.cost[1]


def tested(case: Problem, schedule: lr.LearnedSchedule) -> list[float]:
    """Test losses of fresh networks."""
    (x, y), (test_x, test_y) = case.train, case.test
    losses = []
    for seed in range(FRESH):
        lr.seed(7000 + seed)
        model = case.make(0)
        optimizer = schedule.optimizer(model.named_parameters(), STEPS)
        rng = np.random.default_rng(seed)

        def step(model: Any = model, rng: Any = rng) -> Any:
            rows = rng.integers(0, len(x), case.batch)
            return case.loss(model(lr.tensor(x[rows])), lr.tensor(y[rows]))

        with lr.no_grad():
            untrained = case.loss(model(lr.tensor(test_x)), lr.tensor(test_y)).item()
        try:
            for _ in range(STEPS):
                optimizer.minimize(step)
        except lr.Diverged:
            losses.append(untrained)
            continue
        with lr.no_grad():
            losses.append(case.loss(model(lr.tensor(test_x)), lr.tensor(test_y)).item())
    return losses


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", nargs="+", choices=("lenet_bn", "transformer"))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--data", help="folder of data sets; else $LRSWIFT_DATA, ./data")
    given = parser.parse_args()
    lr.set_threads(1)
    warnings.simplefilter("ignore")
    print(
        "| problem | rates | seed | how many | validation loss | test loss | worst | steps differentiated |"
    )
    print("|---|---|--:|--:|--:|--:|--:|--:|", flush=True)
    for name in given.problems or ("lenet_bn", "transformer"):
        case = problem(name, given.data)
        for seed in given.seeds:
            for arm in ARMS:
                found, cost = learned(case, arm, seed)
                valid = found.final_losses.mean(1).min()
                losses = tested(case, found)
                print(
                    f"| {name} | {arm} | {seed} | {found.learning_rates.size} | {valid:.4f} "
                    f"| {np.mean(losses):.4f} | {max(losses):.4f} | {cost} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
