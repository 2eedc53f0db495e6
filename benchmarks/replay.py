"""Hypergradients of long runs by reverse mode from snapshots: time in plain steps, memory above a plain run.

    python benchmarks/replay.py     LeNet on MNIST, 10,000 steps, by 9 values and by 10,000

float32, batch 128. Each run is a process of its own; its time is processor time over that of plain steps
that it takes before, half way and after. Peaks are of what the library holds, above the plain run's.

By arithmetic, in plain steps: a run, its second time where snapshots are few, a gradient and a Hessian
product for each step back, which multiplies 1.7 times as much as a gradient: 1 + replays / steps + 1 + 1.7.
A tangent column of forward mode: 1.7 while it is in use. A plain step does more than multiply.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from typing import Any

import numpy as np
from hypergradients import BATCH, STRETCH, images

import lrswift as lr
from lrswift._core import memory as core_memory
from lrswift.hypergradients.episode import Episode, IndexedBatches
from lrswift.hypergradients.options import HypergradientOptions
from lrswift.progress import Progress

MB = 1 << 20
NINE = {"learning_rates": [0.05] * 7, "momentums": [0.9], "weight_decays": [1e-4]}
PRODUCT, COLUMN = 1.7, 1.7


class Clock:
    """Processor seconds of a run, and of plain steps beside it."""

    def __init__(self, arrays: Any) -> None:
        lr.seed(0)
        self.model = lr.models.lenet()
        indices = np.random.default_rng(1).integers(0, len(arrays[0]), (STRETCH, BATCH))
        self.few = IndexedBatches(arrays, indices, np.float32)
        self.plain: list[float] = []

    def look(self) -> None:
        """Ten stretches of plain steps."""
        loss = lr.nn.functional.cross_entropy
        run = Episode(self.model, loss, 10 * STRETCH, NINE, mode="plain", dtype=np.float32)
        with Progress(None, "", False) as bar:
            for _ in range(10):
                begun = time.process_time()
                run.train(self.few, 0, STRETCH, bar)
                self.plain.append((time.process_time() - begun) / STRETCH)


def measured(
    root: str | None, threads: int, steps: int, mode: str, count: int, memory: int | None
) -> dict[str, float]:
    """One run by nine values, or with a rate for every step, in this process."""
    lr.set_threads(threads)
    arrays = images(root)
    clock = Clock(arrays)
    values = NINE if count == 9 else NINE | {"learning_rates": [0.05] * (count - 2)}
    indices = np.random.default_rng(1).integers(0, len(arrays[0]), (steps, BATCH))
    train = IndexedBatches(arrays, indices, np.float32)
    valid = IndexedBatches(arrays, indices[:8], np.float32)
    clock.look()
    before = core_memory(True)[0]
    options = HypergradientOptions(mode="auto" if mode == "plain" else mode, memory=memory)
    run = Episode(
        clock.model, lr.nn.functional.cross_entropy, steps, values, options,
        "plain" if mode == "plain" else None, dtype=np.float32,
    )  # fmt: skip
    with Progress(None, "", False) as bar:
        begun = time.process_time()
        run.train(train, 0, steps, bar)
        there = time.process_time() - begun
        clock.look()
        run.validate(valid)
        begun = time.process_time()
        run.collect()
        run.go_back(train, bar)
        back = time.process_time() - begun
    peak = (core_memory(False)[1] - before) / MB
    clock.look()
    plain = float(np.median(clock.plain))
    return {
        "plain": plain, "there": there / steps / plain, "back": back / steps / plain, "peak": peak,
        "replays": run.replays / steps,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="folder with MNIST; else $LRSWIFT_DATA, ./data")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument(
        "--forward-steps", type=int, default=500, help="of forward mode, whose cost is per step"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory", type=int, nargs="*", help="MB for snapshots, one run each; the default's")
    given = parser.parse_args()
    steps, some = given.steps, given.forward_steps
    rooms: list[int | None] = [MB * m for m in given.memory] if given.memory else [None]
    runs: list[tuple[int, str, int, int | None]] = [(some, "plain", 9, None), (some, "forward", 9, None)]
    runs += [(steps, "reverse", count, room) for room in rooms for count in (9, steps)]
    print(f"LeNet, batch {BATCH}, float32, threads: {given.threads}")
    print("| mode | steps | values | snapshots, MB | by arithmetic | plain steps | there | back | peak MB |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    base = 0.0
    context = multiprocessing.get_context("spawn")
    for length, mode, count, room in runs:
        with context.Pool(1) as pool:
            found = pool.apply(measured, (given.data, given.threads, length, mode, count, room))
        if mode == "plain":
            base, products = found["peak"], 1.0
        elif mode == "forward":
            # of nine columns seven begin one after the other
            products = 1 + COLUMN * (2 + 4)
        else:
            products = 2 + found["replays"] + PRODUCT
        told = "" if mode != "reverse" else "default" if room is None else str(room // MB)
        print(
            f"| {mode} | {length} | {count} | {told} | {products:.2f} | {found['there'] + found['back']:.2f} "
            f"| {found['there']:.2f} | {found['back']:.2f} | {found['peak'] - base:.0f} |",
            flush=True,
        )
    print(f"a plain step: {1e3 * found['plain']:.2f} ms")


if __name__ == "__main__":
    main()
