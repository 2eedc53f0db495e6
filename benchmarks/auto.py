"""What lr="auto" costs: a run of it beside the same steps of AdamW at a schedule, in turns.

    python benchmarks/auto.py [--rounds 7] [--threads 1]

Prints the ratio of processor times, median and quartiles over rounds, with the guard and without. The floor
of the guard is a copy of parameters and state, 3 vectors read and written once in ten steps.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

import lrswift as lr

STEPS = {"mlp": 600, "lenet": 200, "wide": 100}


def network(name: str) -> lr.nn.Module:
    lr.seed(0)
    if name == "lenet":
        return lr.models.lenet()
    return lr.models.mlp(784, [128, 64] if name == "mlp" else [1000, 1000])


def run(
    name: str, make: Callable[[lr.nn.Module, int], lr.optim.Optimizer], x: np.ndarray, y: np.ndarray
) -> float:
    """Processor seconds of a run."""
    model, steps = network(name), STEPS[name]
    optimizer = make(model, steps)
    rows = np.resize(np.arange(len(x)), 64 * steps)
    start = time.process_time()
    lr.fit(model, optimizer, (x[rows], y[rows]), shuffle=False, progress=False)
    return time.process_time() - start


def auto(model: lr.nn.Module, steps: int) -> lr.optim.Optimizer:
    return lr.optim.Auto(model.named_parameters(), steps)


def unguarded(model: lr.nn.Module, steps: int) -> lr.optim.Optimizer:
    made = auto(model, steps)
    made.guard(on=False)
    return made


def plain(model: lr.nn.Module, steps: int) -> lr.optim.Optimizer:
    rate = lr.schedule.Trapezoid(3e-3, steps, steps // 20, steps * 6 // 10)
    return lr.optim.AdamW(model.named_parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=0.1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    lr.set_threads(args.threads)
    rng = np.random.default_rng(0)
    x, y = rng.random((4096, 28, 28), np.float32), rng.integers(0, 10, 4096)
    for name in STEPS:
        images = x if name == "lenet" else x.reshape(len(x), -1)
        made = {"guarded": auto, "search alone": unguarded, "plain": plain}
        times: dict[str, list[float]] = {key: [] for key in made}
        for _ in range(args.rounds):
            for key, make in made.items():
                times[key].append(run(name, make, images, y))
        for key in ("guarded", "search alone"):
            ratios = np.array(times[key]) / np.array(times["plain"])
            low, middle, high = np.quantile(ratios, (0.25, 0.5, 0.75))
            whole = np.median(times["plain"])
            print(f"{name:6} {key:13} {middle:.3f} ({low:.3f} to {high:.3f}) of {whole:.2f} s")


if __name__ == "__main__":
    main()
