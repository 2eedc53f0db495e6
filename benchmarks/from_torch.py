"""A training step of PyTorch modules: eager, compiled, and in the engine after `lrswift.from_torch`.

    python benchmarks/from_torch.py [--rows gpt lstm ...] [--rounds 9] [--steps 3] [--threads 1] [--processor]
                                    [--no-compile] [--profile]

SGD with momentum, float32, the same data. All take turns in one process, a round begins with the next; a time
is the median over rounds, a ratio is within a round, with its quartiles. A star marks a row during which
other processes took more than a tenth of the processor. `--processor` counts processor time on one thread
instead of wall time, for a machine with other work. The last line is the median network's ratio to the better
of the two. `--profile` says instead which operations the engine's steps are made of.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import warnings
from collections import Counter
from collections.abc import Callable

import numpy as np
import support.turns as turns
import torch
import torch.nn.functional as F
from support.torch_networks import NETWORKS, Made

import lrswift as lr
from lrswift.loop.recorder import Recorder

RATE, MOMENTUM = 1e-3, 0.9


def by_torch(made: Made, steps: int, compiled: bool) -> turns.Turn:
    module, x, y = made
    loss = F.mse_loss if y.is_floating_point() else F.cross_entropy
    forward = torch.compile(module) if compiled else module
    optimizer = torch.optim.SGD(module.parameters(), lr=RATE, momentum=MOMENTUM, foreach=True)

    def step() -> None:
        optimizer.zero_grad()
        loss(forward(x), y).backward()
        optimizer.step()

    return timed(step, steps)


def by_engine(made: Made, steps: int) -> turns.Turn:
    module, x, y = made
    native = lr.from_torch(module, x)
    loss = lr.nn.functional.mse_loss if y.is_floating_point() else lr.nn.functional.cross_entropy
    if not y.is_floating_point() and y.ndim == 2:
        # [N, C, T] against [N, T], as torch takes them
        criterion = lr.from_torch(Rows(), (module(x).detach(), y))
        loss = criterion
    optimizer = lr.optim.SGD(native.parameters(), lr=RATE, momentum=MOMENTUM)
    data = (lr.tensor(x.numpy()), lr.tensor(y.numpy()))
    program = Recorder(native, lambda model, a, b: loss(model(a), b)).program(data, len(x))
    rows = np.arange(len(x), dtype=np.int64)[None]
    return timed(lambda: program.run(optimizer._core, data, rows, 1e9), steps)


class Rows(torch.nn.Module):
    def forward(self, outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(outputs, target)


def timed(step: Callable[[], object], steps: int) -> turns.Turn:
    for _ in range(3):
        step()

    def turn() -> float:
        start = turns.Clock.now()
        for _ in range(steps):
            step()
        return (turns.Clock.now() - start) / steps

    return turn


def contestants(name: str, steps: int, compile: bool) -> dict[str, turns.Turn]:
    found = {}
    for kind in ("eager", "compiled", "lrswift"):
        torch.manual_seed(0)
        made = NETWORKS[name]()
        if kind == "lrswift":
            found[kind] = by_engine(made, steps)
        elif kind == "eager" or compile:
            found[kind] = by_torch(made, steps, kind == "compiled")
    return found


def profile(name: str) -> None:
    """How often each operation of torch stands in the graph."""
    module, x, _ = NETWORKS[name]()
    plan = lr.from_torch(module, x)._plans[True]
    print(
        name, *(f"{count} {target}" for target, count in Counter(s.target for s in plan.steps).most_common())
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", nargs="*", choices=[*NETWORKS], default=[*NETWORKS])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--processor", action="store_true")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--profile", action="store_true")
    args = parser.parse_args()
    turns.Clock.processor = args.processor
    threads = 1 if args.processor else args.threads
    torch.set_num_threads(threads)
    lr.set_threads(threads)
    warnings.simplefilter("ignore", UserWarning)
    compile = not args.no_compile and shutil.which(os.environ.get("CXX", "g++")) is not None
    print(f"milliseconds a step, {threads} thread(s); ratios: theirs over lrswift, with quartiles")
    best = []
    for name in args.rows:
        if args.profile:
            profile(name)
            continue
        found = turns.take_turns(contestants(name, args.steps, compile), args.rounds, args.seconds)
        own = found.pop("lrswift")
        ratios = {kind: outcome.over(own) for kind, outcome in found.items()}
        best.append(min(middle for _, middle, _ in ratios.values()))
        cells = [
            f"{kind} {1e3 * found[kind].middle:8.2f} ({low:.2f} {middle:.2f} {high:.2f})"
            for kind, (low, middle, high) in ratios.items()
        ]
        print(f"{name:12s} lrswift {1e3 * own.middle:8.2f}{own.mark}  {'  '.join(cells)}", flush=True)
    if best:
        print(f"median network: {statistics.median(best):.2f}, least: {min(best):.2f}")


if __name__ == "__main__":
    main()
