"""Training steps while another process burns one core: does a pool of waiting threads collapse?

    python benchmarks/disturber.py [--threads 2] [--rounds 15] [--rows mlp-adam lenet]

Each round takes every contestant's turn twice, alone and beside the burner; the ratio of the two is within a
round. A machine of n cores that shares them fairly has n - 1/2 of them left for n threads; equal shares of
work that wait for the slowest take 2. A barrier that only spins keeps its core from the thread that it waits
for, and takes tens. PyTorch, where it is installed, beside; one thread of lrswift for comparison.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from importlib.util import find_spec
from typing import Any

from support import remote, turns
from support.work import Training

WORK = {
    "mlp-adam": ("mlp", "adam", 128),
    "mlp-small": ("mlp-small", "sgd", 32),
    "lenet": ("lenet", "momentum", 128),
}


def burn(burning: Any) -> None:
    """Takes one core whenever it is told to."""
    while burning.wait():
        while burning.is_set():
            pass


class Beside:
    """A contestant's turn while the burner burns."""

    def __init__(self, turn: turns.Turn, burning: Any) -> None:
        self.turn, self.burning = turn, burning

    def __call__(self) -> float:
        self.burning.set()
        time.sleep(0.05)
        try:
            return self.turn()
        finally:
            self.burning.clear()
            time.sleep(0.02)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--rows", nargs="*", default=list(WORK), choices=list(WORK))
    arguments = parser.parse_args()
    remote.prepare(arguments.threads)
    context = multiprocessing.get_context("spawn")
    burning = context.Event()
    burner = context.Process(target=burn, args=(burning,), daemon=True)
    burner.start()
    print("| step | | alone, ms | beside a burner, ms | ratio (quartiles) |\n|---|---|--:|--:|--:|")
    for name in arguments.rows:
        work = Training(*WORK[name], arguments.threads)
        given: dict[str, tuple[Any, ...]] = {
            f"lrswift, {arguments.threads} threads": ("support.by_lrswift:training", work),
            "lrswift, 1 thread": ("support.by_lrswift:training", Training(*WORK[name], 1)),
        }
        if find_spec("torch"):
            given[f"torch, {arguments.threads} threads"] = ("support.by_torch:training", work, "fused")
        with remote.contestants(given, 60) as (ready, _):
            for contestant, turn in ready.items():
                both = {"alone": turn, "beside": Beside(turn, burning)}
                found = turns.take_turns(both, arguments.rounds, 20, remote.own_time)
                low, middle, high = found["beside"].over(found["alone"])
                times = " | ".join(f"{1e3 * outcome.middle:.3f}" for outcome in found.values())
                print(
                    f"| {name} | {contestant} | {times} | {middle:.2f} ({low:.2f}-{high:.2f}) |", flush=True
                )
    burner.kill()


if __name__ == "__main__":
    main()
