"""What hypergradients of a torch module cost: reverse and forward in torch, plain vmap, and the engine.

    python benchmarks/torch_hypergradients.py [--rounds 9] [--steps 16] [--threads 1] [--processor] [--wide]

LeNet, batch 128, float32 (float64 with --wide), SGD with momentum, ten values: eight learning rates, a
momentum and a weight decay. All take turns in one process, a round begins with the next; a time is that of
a run over its steps, the median over rounds, a ratio is within a round, with its quartiles. "vmap" is FDS as
one would write it in torch, which carries all ten columns in every step; forward mode carries those whose
window has begun. A star marks a row during which other processes took more than a tenth of the processor.
"""

from __future__ import annotations

import argparse

import numpy as np
import support.turns as turns
import torch
import torch.nn.functional as F
from support import by_torch
from support.work import Columns

import lrswift as lr

VALUES = {
    "learning_rates": [Columns.RATE] * 8,
    "momentums": [Columns.MOMENTUM],
    "weight_decays": [Columns.DECAY],
}


def timed(run, steps: int) -> turns.Turn:  # type: ignore[no-untyped-def]
    run()

    def turn() -> float:
        start = turns.Clock.now()
        run()
        return (turns.Clock.now() - start) / steps

    return turn


def contestants(steps: int, threads: int, wide: bool) -> dict[str, turns.Turn]:
    work = Columns("lenet", "momentum", 128, threads, steps)
    x, y = work.data()
    rows = np.random.default_rng(1).integers(0, len(x), (steps, work.batch))
    torch.manual_seed(0)
    module = by_torch.network("lenet")
    batches = [(torch.from_numpy(x[r])[:, None], torch.from_numpy(y[r])) for r in rows]
    dtype = torch.float64 if wide else torch.float32
    native = lr.from_torch(module, batches[0][0])
    arrays = [tuple(part.numpy() for part in batch) for batch in batches]

    def by_torch_mode(mode: str, **changes: object) -> turns.Turn:
        def run() -> None:
            lr.torch.hypergradient(
                module, F.cross_entropy, batches, batches[:1], mode=mode, dtype=dtype, **VALUES, **changes
            )

        return timed(run, steps)

    def by_engine(mode: str) -> turns.Turn:
        def run() -> None:
            lr.hypergradient(
                native, lr.nn.functional.cross_entropy, arrays, arrays[:1], mode=mode,
                dtype=lr.float64 if wide else lr.float32, **VALUES,
            )  # fmt: skip

        return timed(run, steps)

    found = {
        "reverse": by_torch_mode("reverse"),
        "forward, tiles of 10": by_torch_mode("forward", tile=10),
        "training alone": by_torch_mode("reverse", columns=()),
        "engine, reverse": by_engine("reverse"),
        "engine, forward": by_engine("forward"),
    }
    found["vmap, ten columns a step"] = by_torch.hypergradients(work, "vmap", dtype)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--processor", action="store_true")
    parser.add_argument("--wide", action="store_true")
    args = parser.parse_args()
    turns.Clock.processor = args.processor
    torch.set_num_threads(args.threads)
    lr.set_threads(args.threads)
    found = turns.take_turns(contestants(args.steps, args.threads, args.wide), args.rounds, args.seconds)
    own = found["reverse"]
    print(f"LeNet, batch 128, {args.steps} steps, {args.threads} thread(s); ratios over reverse, quartiles\n")
    print("| | ms a step | over reverse |\n|---|--:|--:|")
    for name, outcome in found.items():
        low, middle, high = outcome.over(own)
        print(f"| {name}{outcome.mark} | {1e3 * outcome.middle:.1f} | {middle:.2f} ({low:.2f}-{high:.2f}) |")


if __name__ == "__main__":
    main()
