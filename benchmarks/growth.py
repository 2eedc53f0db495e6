"""How the time of a training step grows with the batch, the width, the depth and the number of tangents.

    python benchmarks/growth.py [--out docs/growth.svg] [--threads 2] [--rounds 9] [--processor]

float32, random data. Sizes take turns; a time is the median over rounds. Beside each curve a straight line
through its largest size, in proportion to the operations of a step: where the curve leaves the line, work
that does not shrink with the size, or a kernel that serves small sizes worse, has taken over. Prints the time
over that line for every size. Needs matplotlib. `--processor`: processor time on one thread.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import support.turns as turns

import lrswift as lr
from lrswift.hypergradients.episode import Episode, IndexedBatches
from lrswift.loop.recorder import Recorder
from lrswift.pictures import figure as plots
from lrswift.progress import Progress

ROWS, SECONDS_A_TURN = 2048, 0.04


@dataclass(frozen=True)
class Curve:
    """Times of one network over one size; operations of a step at that size, up to a factor."""

    panel: str
    name: str
    sizes: Sequence[int]
    turn: Callable[[int], turns.Turn]
    operations: Callable[[int], float]


def step(model: Any, shape: tuple[int, ...], batch: int) -> turns.Turn:
    """Seconds of a step with momentum on a recorded program."""
    rng = np.random.default_rng(0)
    x, y = rng.random((ROWS, *shape), dtype=np.float32), rng.integers(0, 10, ROWS)
    data = (lr.tensor(x), lr.tensor(y))
    optimizer = lr.optim.SGD(list(model.parameters()), lr=1e-4, momentum=0.9)
    program = Recorder(model, lr.nn.functional.cross_entropy).program(data, batch)
    count = 1

    def timed() -> float:
        nonlocal count
        rows = rng.integers(0, ROWS, (count, batch), dtype=np.int64)
        start = turns.Clock.now()
        program.run(optimizer._core, data, rows, 1e9)
        taken = (turns.Clock.now() - start) / count
        count = max(1, min(400, round(SECONDS_A_TURN / taken)))
        return taken

    for _ in range(3):
        timed()
    return timed


def columns(model: Any, shape: tuple[int, ...], tangents: int, rounds: int) -> turns.Turn:
    """Seconds of a step that carries so many learning rates as tangents."""
    rng = np.random.default_rng(0)
    arrays = rng.random((ROWS, *shape), dtype=np.float32), rng.integers(0, 10, ROWS)
    last = rounds + 2
    count = max(1, tangents) * last
    steps = IndexedBatches(arrays, rng.integers(0, ROWS, (count, 128)), np.float32)
    values = {"learning_rates": [1e-3] * max(1, tangents), "momentums": [0.9]}
    mode = "forward" if tangents else "plain"
    run = Episode(model, lr.nn.functional.cross_entropy, count, values, mode=mode, dtype=np.float32)
    done = count - last
    with Progress(None, "", False) as bar:
        run.train(steps, 0, done + 1, bar)
    done += 1

    def timed() -> float:
        nonlocal done
        start = turns.Clock.now()
        with Progress(None, "", False) as bar:
            run.train(steps, done, done + 1, bar)
        done += 1
        return turns.Clock.now() - start

    return timed


def curves(rounds: int) -> list[Curve]:
    def mlp(width: int, depth: int = 2) -> Any:
        return lr.models.mlp(784, [width] * depth)

    batches, halves = [2**i for i in range(10)], [2**i for i in range(4, 13)]
    flat, square = (784,), (28, 28)
    tangents = [0, 1, 2, 4, 8, 16]
    return [
        Curve("batch", "784-1000-1000-10", batches, lambda n: step(mlp(1000), flat, n), float),
        Curve("batch", "LeNet", batches, lambda n: step(lr.models.lenet(), square, n), float),
        Curve(
            *("width", "784-w-w-10, batch 128", halves, lambda w: step(mlp(w), flat, 128)),
            lambda w: 2 * 784 * w + 3 * w * w + 30 * w,
        ),
        Curve(
            *("depth", "d layers of 256, batch 128", [2**i for i in range(7)]),
            *(lambda d: step(mlp(256, d), flat, 128), lambda d: 2 * 784 * 256 + 3 * 65536 * (d - 1) + 7680),
        ),
        Curve(
            *("depth", "d layers of 32, batch 32", [2**i for i in range(7)]),
            *(lambda d: step(mlp(32, d), flat, 32), lambda d: 2 * 784 * 32 + 3 * 1024 * (d - 1) + 960),
        ),
        # each tangent takes about 1.75 steps
        Curve(
            *("tangents", "784-300-300-10, batch 128", tangents),
            *(lambda k: columns(mlp(300), flat, k, rounds), lambda k: 1 + 1.75 * (k)),
        ),
        Curve(
            *("tangents", "LeNet, batch 128", tangents),
            *(lambda k: columns(lr.models.lenet(), square, k, rounds), lambda k: 1 + 1.75 * k),
        ),
    ]


def measure(curve: Curve, rounds: int) -> tuple[np.ndarray, np.ndarray, bool]:
    """Seconds by size, the line through the last, and whether others were busy."""
    contestants = {str(size): curve.turn(size) for size in curve.sizes}
    found = turns.take_turns(contestants, rounds)
    times = np.array([outcome.middle for outcome in found.values()])
    operations = np.array([curve.operations(size) for size in curve.sizes])
    return times, operations / operations[-1] * times[-1], bool(next(iter(found.values())).mark)


def draw(found: list[tuple[Curve, np.ndarray, np.ndarray]], path: Path) -> None:
    figure, axes = plots.panels(4)
    for axis, panel in zip(axes, ("batch", "width", "depth", "tangents"), strict=True):
        inside = [row for row in found if row[0].panel == panel]
        for (curve, times, line), color in zip(inside, (plots.BLUE, plots.ORANGE), strict=False):
            axis.plot(curve.sizes, 1e3 * times, "o-", ms=3.5, lw=1.4, color=color, label=curve.name)
            axis.plot(curve.sizes, 1e3 * line, "--", lw=1, color=color, alpha=0.6)
        if panel == "tangents":
            axis.set_xticks(inside[0][0].sizes)
        else:
            axis.set_xscale("log", base=2)
            axis.set_yscale("log")
        axis.set_xlabel(panel)
        axis.legend(frameon=False, fontsize=8)
    axes[0].set_ylabel("ms a step")
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/growth.svg"))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=lr.get_threads())
    parser.add_argument("--processor", action="store_true", help="processor time, on one thread")
    arguments = parser.parse_args()
    if arguments.processor:
        arguments.threads, turns.Clock.processor = 1, True
    lr.set_threads(arguments.threads)
    found = []
    for curve in curves(arguments.rounds):
        times, line, disturbed = measure(curve, arguments.rounds)
        found.append((curve, times, line))
        print(f"{curve.panel}: {curve.name}{'*' * disturbed}")
        print("  size      " + "".join(f"{size:9}" for size in curve.sizes))
        print("  ms        " + "".join(f"{1e3 * t:9.3f}" for t in times))
        print("  over line " + "".join(f"{t / b:9.2f}" for t, b in zip(times, line, strict=True)), flush=True)
    draw(found, arguments.out)


if __name__ == "__main__":
    main()
