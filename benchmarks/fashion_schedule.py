"""A schedule learned from nothing on Fashion-MNIST, and the test accuracy it trains to.

    python benchmarks/fashion_schedule.py --data DIR --out DIR

LeNet without batch-norm (or --model bn: with it), T = 250 steps of 128 standardized images: 5 learning
rates, momentum and weight decay, all from zero, by `learn_schedule` with its defaults. Every outer seed then
trains --fresh new networks on other batches of the whole training set, and they are tested on the 10 000
test images. A run that is interrupted goes on from its checkpoint. Ten outer seeds with six networks an outer
step: `--seeds 0 1 2 3 4 5 6 7 8 9 --fresh 10 --networks 6`. The cost is in plain runs of T steps, of which a
differentiated one counts as five. `--quick` takes few images and steps, to try the script itself.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

import lrswift as lr
from lrswift import nn

cross_entropy = nn.functional.cross_entropy


def lenet(seed: int) -> nn.Module:
    return lr.models.lenet()


def lenet_bn(seed: int) -> nn.Module:
    """The same network with batch-norm after each convolution."""
    layers = list(lr.models.lenet())
    for width, place in ((16, 5), (6, 2)):
        layers.insert(place, nn.BatchNorm2d(width))
    return nn.Sequential(*layers)


MODELS = {"plain": lenet, "bn": lenet_bn}


def standardized(data: Any) -> Any:
    """Images with the training pixels' mean 0 and deviation 1."""
    mean, deviation = data.train.x.mean(), data.train.x.std()
    parts = {
        name: replace(part, x=(part.x - mean) / deviation)
        for name, part in (("train", data.train), ("test", data.test))
    }
    return replace(data, **parts)


def tested(schedule: lr.LearnedSchedule, data: Any, model: str, steps: int, seed: int) -> float:
    """Test accuracy of a network that neither the schedule nor its choice has seen."""
    lr.seed(seed)
    network = MODELS[model](seed)
    rows = np.random.default_rng(seed).permutation(len(data.train))[: 128 * steps]
    optimizer = schedule.optimizer(network.named_parameters(), steps)
    history = lr.fit(
        network, optimizer, data.train[rows], data.test, batch_size=128, shuffle=False, progress=False
    )
    return float(history.rows[-1]["accuracy"])


def outer(seed: int, data: Any, args: argparse.Namespace) -> dict[str, Any]:
    """One outer seed: the schedule, what it was validated at on the way, and the tests."""
    out = Path(args.out)
    name = f"{args.model}-{args.update}-{args.networks}-{seed}"
    start = time.perf_counter()
    schedule = lr.learn_schedule(
        MODELS[args.model], cross_entropy, data.train, None, args.steps, learning_rates=5, seed=seed,
        outer_steps=args.outer_steps, update=args.update, mode="reverse", seeds=args.networks,
        checkpoint=out / f"{name}.checkpoint", resume=True, progress=not args.quiet,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    schedule.save(out / f"{name}.safetensors")
    # 1000 apart: no two outer seeds share a network
    fresh = [
        tested(schedule, data, args.model, args.steps, 10_000 + 1000 * seed + i) for i in range(args.fresh)
    ]
    return {
        "seed": seed, "steps": args.steps, "outer_steps": len(schedule.values), "best": schedule.best,
        "valid_losses": schedule.valid_losses.tolist(), "retreats": int(schedule.retreated.sum()),
        "learning_rates": schedule.learning_rates.tolist(), "momentum": float(schedule.momentums[0]),
        "weight_decay": float(schedule.weight_decays[0]), "accuracies": fresh, "seconds": seconds,
        "cost": schedule.cost,
    }  # fmt: skip


def describe(row: dict[str, Any]) -> str:
    accuracies = " ".join(f"{100 * a:.2f}" for a in row["accuracies"])
    rates = " ".join(f"{r:.3f}" for r in row["learning_rates"])
    best, loss = row["best"], row["valid_losses"][row["best"]]
    # a differentiated step costs about five plain ones
    cost = (row["cost"][0] + 5 * row["cost"][1]) / row["steps"]
    return (
        f"| {row['seed']} | {best + 1} of {row['outer_steps']} | {loss:.3f} | {rates} "
        f"| {row['momentum']:.2f} | {accuracies} | {100 * fmean(row['accuracies']):.2f} | {cost:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="DIR", help="where fashion-mnist is")
    parser.add_argument("--out", metavar="DIR", help="for schedules and results.json")
    parser.add_argument("--model", choices=MODELS, default="plain")
    parser.add_argument("--update", choices=("gated", "sign"), default="gated")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="outer seeds")
    parser.add_argument("--fresh", type=int, default=3, help="networks tested per outer seed")
    parser.add_argument("--networks", type=int, default=2, help="of an outer step")
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--outer-steps", type=int, default=20)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    args = parser.parse_args()
    if args.out is None:
        args.out = tempfile.mkdtemp(prefix="fashion-schedule-")
    Path(args.out).mkdir(parents=True, exist_ok=True)
    data = standardized(lr.data.load("fashion-mnist", args.data).scaled())
    if args.quick:
        args.steps, args.outer_steps, args.seeds, args.fresh = 10, 3, args.seeds[:1], 1
        data = lr.data.Splits(data.name, data.train[:3000], data.test[:500], data.classes)
    print("| outer seed | best outer step | valid loss | rates | momentum | test accuracy, % | mean | cost |")
    print("|---|---|---|---|---|---|---|--:|")
    rows = []
    for seed in args.seeds:
        rows.append(outer(seed, data, args))
        print(describe(rows[-1]), flush=True)
        (Path(args.out) / f"{args.model}-{args.update}-{args.networks}.json").write_text(
            json.dumps(rows, indent=1)
        )


if __name__ == "__main__":
    main()
