"""What exact hypergradients cost: time per inner step over a plain step, memory over a long run, and peers.

    python benchmarks/hypergradients.py     LeNet on MNIST, 10,000 steps, 7 + 1 + 1 columns
    python benchmarks/hypergradients.py --peers     a step of 8 + 1 + 1 columns, beside PyTorch and JAX

float32, batch 128, 2 threads. Peers take turns, each in a process of its own, with the peak of its memory
above what it held when its library was loaded. The target is a step with K active columns in 1 + 2.2 K plain
steps; the arithmetic alone takes 1.7 to 1.8 plain steps a column.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from support import remote, turns
from support.work import Columns

import lrswift as lr
from lrswift.hypergradients.episode import Episode, IndexedBatches
from lrswift.progress import Progress

BATCH, STRETCH, EARLY = 128, 20, 500
SEVEN = {"learning_rates": [0.05] * 7, "momentums": [0.9], "weight_decays": [1e-4]}
Arrays = tuple[np.ndarray, np.ndarray]


def resident() -> float:
    """MB of memory that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def images(root: str | None) -> Arrays:
    """MNIST, or noise where it is not."""
    try:
        train = lr.data.load("mnist", root).train
    except lr.MissingFiles as missing:
        print(f"noise instead of MNIST: {missing}")
        rng = np.random.default_rng(0)
        return rng.random((4096, 28, 28), np.float32), rng.integers(0, 10, 4096)
    return np.asarray(train.x, np.float32) / 255, np.asarray(train.y, np.int64)


def stretches(model: Any, arrays: Arrays, count: int, values: Any, mode: str) -> Iterator[tuple[int, float]]:
    """(steps taken, milliseconds a step) after every few steps of a run."""
    indices = np.random.default_rng(1).integers(0, len(arrays[0]), (count, BATCH))
    steps = IndexedBatches(arrays, indices, np.float32)
    run = Episode(model, lr.nn.functional.cross_entropy, count, values, mode=mode, dtype=np.float32)
    with Progress(None, "", False) as bar:
        for low in range(0, count, STRETCH):
            high = min(low + STRETCH, count)
            start = time.perf_counter()
            run.train(steps, low, high, bar)
            yield high, 1e3 * (time.perf_counter() - start) / (high - low)


def plain_step(model: Any, arrays: Arrays) -> float:
    """Milliseconds of a training step without derivatives: the fastest of ten stretches."""
    return min(ms for _, ms in stretches(model, arrays, 10 * STRETCH, SEVEN, "plain"))


def long_run(arrays: Arrays, count: int) -> None:
    """One run with 7 rates, momentum and decay: cost by active columns, memory by step."""
    lr.seed(0)
    model = lr.models.lenet()
    print(f"LeNet, {model.num_parameters()} parameters, batch {BATCH}, {count} steps")
    print(f"{'columns':>7} {'ms/step':>8} {'plain':>7} {'ratio':>6} {'1 + 2.2 K':>9}")
    times: list[float] = []
    early = 0.0
    for done, ms in stretches(model, arrays, count, SEVEN, "forward"):
        times.append(ms)
        if done == EARLY:
            # with all that the plain steps between will take
            plain_step(model, arrays)
            early = resident()
        window = 7 * (done - STRETCH) // count
        if done == count or 7 * done // count > window:
            # The machine is not the same for hours: a plain step is measured beside each window.
            step, plain = float(np.median(times)), plain_step(model, arrays)
            columns = window + 3
            print(
                f"{columns:7} {step:8.2f} {plain:7.2f} {step / plain:6.2f} {1 + 2.2 * columns:9.1f}",
                flush=True,
            )
            times = []
    late = resident()
    print(
        f"resident: {early:.1f} MB by step {EARLY}, {late:.1f} MB at step {count} ({late / early - 1:+.2%})"
    )


# ---- peers ---------------------------------------------------------------------------------------------

# network, turns that a run allows
NETWORKS = [("mlp", 20), ("lenet", 30), ("wrn-16-1", 5)]
PEERS = ["torch loop", "torch vmap", "jax vmap", "jax linearize"]


def peers(networks: list[str], threads: int, patience: float) -> None:
    """A step of ten columns by every contestant in turn, each in a process of its own."""
    remote.prepare(threads)
    print(f"8 + 1 + 1 columns, batch {BATCH}, {threads} threads; * others took more than a tenth\n")
    print("| network | | ms | over lrswift (quartiles) | peak MB | over lrswift |\n|---|---|--:|--:|--:|--:|")
    for network, steps in NETWORKS:
        if network not in networks:
            continue
        work = Columns(network, "momentum", BATCH, threads, steps)
        given: dict[str, tuple[Any, ...]] = {"lrswift": ("support.by_lrswift:hypergradients", work)}
        for peer in PEERS:
            library, kind = peer.split()
            if importlib.util.find_spec(library):
                given[peer] = (f"support.by_{library}:hypergradients", work, kind)
        with remote.contestants(given, patience) as (ready, missing):
            # a run has been two turns into its last eighth before the first that counts, and one to warm up
            found = turns.take_turns(ready, steps - 3, 60, remote.own_time)
            own, memory = found["lrswift"], ready["lrswift"].peak
            for name, outcome in found.items():
                low, middle, high = outcome.over(own)
                ratio, more = f"{middle:.2f} ({low:.2f}-{high:.2f})", f"{ready[name].peak / memory:.1f}"
                title = f"{network}{own.mark} | {name}"
                cells = f"{1e3 * outcome.middle:.1f} | {ratio} | {ready[name].peak:.0f} | {more}"
                print(f"| {title} | {cells} |", flush=True)
        for name, reason in missing.items():
            print(f"| {network} | {name} | left out: {reason} | | | |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="folder with MNIST; else $LRSWIFT_DATA, ./data")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=2)
    known = [network for network, *_ in NETWORKS]
    parser.add_argument("--peers", nargs="*", choices=known, help="networks; none for all")
    parser.add_argument("--processor", action="store_true", help="of --peers: processor time, on one thread")
    parser.add_argument(
        "--patience", type=float, default=300, help="seconds until all peers must be ready; 300"
    )
    given = parser.parse_args()
    threads = given.threads
    if given.processor:
        threads, turns.Clock.processor = 1, True
    if given.peers is not None:
        peers(given.peers or known, threads, given.patience)
    else:
        lr.set_threads(threads)
        long_run(images(given.data), given.steps)


if __name__ == "__main__":
    main()
