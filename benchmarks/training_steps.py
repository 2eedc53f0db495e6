"""Training steps, and update rules alone, beside NumPy by hand, PyTorch and JAX where they are installed.

    python benchmarks/training_steps.py [--rows mlp-adam ...] [--threads 2] [--seconds 15] [--keep]

Random data, float32 unless a row's name ends in 64; a batch is gathered by index inside the step, as training
does. Each contestant has a process of its own and takes its turns when the others rest; a time is the median
over rounds, a ratio is within a round, with its quartiles; a star marks a row during which other processes
took more than a tenth of the processor. MB are the peak of memory above what the process held when its
library was loaded.
The floor of a training step is its multiply-adds over what a loop from registers reaches at best in the same
rounds, 20 ms at a time; that of an update rule the bytes that it must move over what a <- a + s b moves. A
row whose loop stays below 90 % of the best that is known of the machine is measured once more, and marked
with a dagger if that does not help. `--keep` adds what was measured to the file of this processor in
`benchmarks/results`.
`--processor` counts processor time on one thread instead of wall time, for a machine with other work.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import support.turns as turns
from support import networks, remote, results, sequence_networks
from support.work import Training, Updates


@dataclass(frozen=True)
class Row:
    """What is done, by whom, its floor in operations or bytes, and the ratio to the best peer aimed at."""

    name: str
    work: Training | Updates
    peers: tuple[str, ...]
    floor: float
    goal: float


@dataclass(frozen=True)
class Measured:
    """What came of a row: outcomes by contestant, the gauge at its best, peaks of memory, the missing."""

    found: dict[str, turns.Outcome]
    gauge: float
    peaks: dict[str, float]
    missing: dict[str, str]


DENSE = ("numpy", "torch", "torch fused", "jax jit", "jax scan")
IMAGES = ("torch", "torch fused", "torch channels-last", "torch compile", "jax jit")
ADAM, PACKAGES = ("torch fused", "torch checked", "optax"), ("optax", "package")
TRAINING = [
    ("mlp-adam", "mlp", "adam", 128, (*DENSE, "torch compile"), 1.25),
    ("mlp-sgd", "mlp", "sgd", 64, (*DENSE, "torch compile"), 1.25),
    ("mlp-small", "mlp-small", "sgd", 32, DENSE, 2.5),
    ("mnist-cnn", "mnist-cnn", "momentum", 64, IMAGES, 2.5),
    ("lenet", "lenet", "momentum", 128, IMAGES, 3.0),
    ("wrn-16-1", "wrn-16-1", "momentum", 128, IMAGES, 1.5),
    ("wrn-16-4", "wrn-16-4", "momentum", 128, ("torch channels-last", "torch compile"), 1.1),
    ("resnet-18", "resnet-18", "momentum", 128, ("torch channels-last", "torch compile"), 1.1),
]
SEQUENCES = ("torch", "torch fused", "torch compile")
TRAINING += [("gpt", "gpt", "adam", 16, SEQUENCES, 1.5), ("lstm", "lstm", "adam", 16, SEQUENCES, 2.0)]
TRAINING += [("gpt-512", "gpt-512", "adam", 4, SEQUENCES, 1.5)]
TRAINING += [
    ("words-adam", "words", "adam", 16, SEQUENCES[:2], 1.5),
    ("words-sgd", "words", "sgd", 16, SEQUENCES[:2], 1.5),
]
# In float64: their goal is over PyTorch in float64; our own time in float32 is shown beside.
DOUBLES = ("lrswift float32", "torch fused", "torch channels-last", "torch compile")
TRAINING_64 = [
    ("mlp-adam-64", "mlp", "adam", 128, ("lrswift float32", "torch fused", "torch compile"), 1.25),
    ("mnist-cnn-64", "mnist-cnn", "momentum", 64, DOUBLES, 1.25),
    ("lenet-64", "lenet", "momentum", 128, DOUBLES, 1.25),
    ("wrn-16-1-64", "wrn-16-1", "momentum", 128, DOUBLES, 1.25),
    ("wrn-16-4-64", "wrn-16-4", "momentum", 128, DOUBLES[:3], 1.25),
]
# with the vectors that a rule must read and write
RULES = [
    ("adam-10m", "adam", 10_000_000, ADAM, 7, 1.0),
    ("adam-100k", "adam", 100_000, ADAM, 7, 5.0),
    ("prodigy-10m", "prodigy", 10_000_000, PACKAGES, 13, 2.0),
    ("d-adaptation-10m", "d-adaptation", 10_000_000, PACKAGES, 9, 2.0),
    ("schedule-free-10m", "schedule-free", 10_000_000, PACKAGES, 7, 2.0),
]
PACKAGE = {"prodigy": "prodigyopt", "d-adaptation": "dadaptation", "schedule-free": "schedulefree"}


def step_operations(network: str) -> float:
    """Of a training step, for one example."""
    of_sequences = network in sequence_networks.LENGTHS
    return (sequence_networks.operations if of_sequences else networks.step_operations)(network)


def rows(threads: int) -> list[Row]:
    found = []
    for dtype, of in (("float32", TRAINING), ("float64", TRAINING_64)):
        for name, network, optimizer, batch, peers, goal in of:
            work = Training(network, optimizer, batch, threads, dtype)
            found.append(Row(name, work, peers, step_operations(network) * batch, goal))
    for name, rule, elements, peers, vectors, goal in RULES:
        found.append(Row(name, Updates(rule, elements, 60, threads), peers, 4.0 * vectors * elements, goal))
    return found


NO_KIND = {"training": "plain", "updates": "package"}


def library(peer: str, work: Training | Updates) -> str:
    """What must be importable for this peer."""
    if peer == "package":
        return PACKAGE[work.rule] if isinstance(work, Updates) else ""
    return peer.split()[0]


def factories(row: Row) -> dict[str, tuple[Any, ...]]:
    """How each contestant is made: its function and arguments."""
    task = "training" if isinstance(row.work, Training) else "updates"
    limit = "peak" if isinstance(row.work, Training) else "bandwidth"
    dtype = (row.work.dtype,) if isinstance(row.work, Training) else ()
    found: dict[str, tuple[Any, ...]] = {
        "floor": (f"support.by_lrswift:{limit}", row.work.threads, *dtype),
        "lrswift": (f"support.by_lrswift:{task}", row.work),
    }
    for peer in row.peers:
        if find_spec(library(peer, row.work)) is None:
            continue
        kind = peer.partition(" ")[2]
        if peer == "lrswift float32":
            found[peer] = ("support.by_lrswift:training", replace(row.work, dtype="float32"))
        elif peer == "numpy":
            found[peer] = ("support.by_numpy:training", row.work)
        elif peer.startswith("jax"):
            found[peer] = ("support.by_jax:training", row.work, kind)
        elif peer == "optax":
            found[peer] = ("support.by_jax:updates", row.work)
        else:
            found[peer] = (
                f"support.by_torch:{task}",
                row.work,
                kind or NO_KIND[task],
            )
    return found


SLOW = 0.9


def measured(row: Row, rounds: int, seconds: float, patience: float) -> Measured:
    """The row by all contestants that are there."""
    with remote.contestants(factories(row), patience) as (ready, missing):
        if "lrswift" not in ready or "floor" not in ready:
            raise SystemExit(f"{row.name}: lrswift: {missing}")
        found = turns.take_turns(ready, rounds, seconds, remote.own_time)
        gauge = max(found.pop("floor").values)
        return Measured(found, gauge, {name: ready[name].peak for name in found}, missing)


def run(row: Row, known: dict[str, Any], rounds: int, seconds: float, patience: float) -> str:
    """Prints the row, a line for each contestant, adds it to `known`, and returns its line of the summary."""
    is_training = isinstance(row.work, Training)
    clock = "processor time" if turns.Clock.processor else "wall time"
    how = f"{row.work.threads} threads, {clock}"
    gauge_name = f"{row.work.dtype if isinstance(row.work, Training) else 'memory'}, {how}"
    best = known["gauges"].get(gauge_name, 0.0)
    took = measured(row, rounds, seconds, patience)
    if took.gauge < SLOW * best:
        again = measured(row, rounds, seconds, patience)
        took = max(took, again, key=lambda one: one.gauge)
    slow = "" if took.gauge >= SLOW * best else "\N{DAGGER}"
    known["gauges"][gauge_name] = max(best, took.gauge)
    found, own = took.found, took.found["lrswift"]
    floor = row.floor / took.gauge
    mark = own.mark + slow
    unit = "GF/s" if is_training else "GB/s"
    print(f"| {row.name}{mark} | floor | {1e3 * floor:.3f} | at {took.gauge / 1e9:.0f} {unit} | | |")
    for name, outcome in found.items():
        share = f"{100 * floor / outcome.middle:.0f} %"
        ratio = ""
        if name != "lrswift":
            low, middle, high = outcome.over(own)
            ratio = f"{middle:.2f} ({low:.2f}-{high:.2f})"
        print(f"| | {name} | {1e3 * outcome.middle:.3f} | {share} | {ratio} | {took.peaks[name]:.0f} |")
    for name, reason in took.missing.items():
        print(f"| | {name} | left out: {reason} | | | |")
    sys.stdout.flush()
    known["rows"][f"{row.name}, {how}"] = {
        "gauge": took.gauge,
        "mark": mark,
        "milliseconds": {name: 1e3 * outcome.middle for name, outcome in found.items()},
        "over_lrswift": {name: outcome.over(own)[1] for name, outcome in found.items() if name != "lrswift"},
        "peak_mb": took.peaks,
    }
    peers = {name: outcome.over(own) for name, outcome in found.items() if not name.startswith("lrswift")}
    if not peers:
        return f"| {row.name}{mark} | {1e3 * own.middle:.3f} | none | | {row.goal:g} | |"
    best_peer = min(peers, key=lambda name: peers[name][1])
    low, middle, high = peers[best_peer]
    met = "met" if middle >= row.goal else "missed"
    ratio = f"{middle:.2f} ({low:.2f}-{high:.2f})"
    return f"| {row.name}{mark} | {1e3 * own.middle:.3f} | {best_peer} | {ratio} | {row.goal:g} | {met} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--rows", nargs="*", help="names of rows, or their beginnings")
    parser.add_argument("--rounds", type=int, default=25, help="at most, 25")
    parser.add_argument(
        "--seconds", type=float, default=15, help="for the rounds of a row, about; at least 3 rounds"
    )
    parser.add_argument(
        "--patience", type=float, default=90, help="seconds for a row's contestants to get ready"
    )
    parser.add_argument("--threads", type=int, default=min(2, cores))
    parser.add_argument("--processor", action="store_true", help="processor time, on one thread")
    parser.add_argument("--keep", action="store_true", help="add to the file of this processor")
    arguments = parser.parse_args()
    if arguments.processor:
        arguments.threads, turns.Clock.processor = 1, True
    remote.prepare(arguments.threads)
    start = time.perf_counter()
    kind = "processor time" if arguments.processor else "wall time"
    model = results.processor()
    known = results.load(model)
    print(f"{model}; {arguments.threads} threads, {kind}")
    print(
        "* others took more than a tenth of the processor; \N{DAGGER} the gauge was below 90 % of the best\n"
    )
    print("| step | | ms | of the floor | over lrswift (quartiles) | peak MB |\n|---|---|--:|--:|--:|--:|")
    chosen = [
        r for r in rows(arguments.threads) if not arguments.rows or r.name.startswith(tuple(arguments.rows))
    ]
    summary = [run(row, known, arguments.rounds, arguments.seconds, arguments.patience) for row in chosen]
    print("\n| step | lrswift ms | best peer | its time over ours | goal | |\n|---|--:|---|--:|--:|---|")
    print("\n".join(summary) + f"\n\n{time.perf_counter() - start:.0f} s in all")
    if arguments.keep:
        print(f"added to {os.path.relpath(results.save(known))}")


if __name__ == "__main__":
    main()
