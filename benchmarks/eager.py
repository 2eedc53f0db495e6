"""Single calls on small tensors beside PyTorch's, in microseconds: what a call costs beside its arithmetic.

    python benchmarks/eager.py [--rounds 15] [--size 32]

Matrices of 32 x 32 numbers in float32, on one thread, once without and once with gradients: the second makes
a graph that is let go of at once. A figure is the median over rounds of the time of one of 2,000 calls; the
ratio is the median of the ratios within a round, PyTorch's time over ours.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import support.turns as turns
import torch

import lrswift as lr

CALLS = 2000
Call = Callable[[], Any]


def rows(size: int, gradients: bool) -> Iterator[tuple[str, Call, Call]]:
    """Name, our call, PyTorch's."""
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((size, size)).astype(np.float32) for _ in range(2))
    a, b = (lr.tensor(v, requires_grad=gradients) for v in (x, y))
    p, q = (torch.tensor(v, requires_grad=gradients) for v in (x, y))
    yield "a + b", lambda: a + b, lambda: p + q
    yield "a * b", lambda: a * b, lambda: p * q
    yield "relu(a)", lambda: lr.relu(a), lambda: torch.relu(p)
    yield "a @ b", lambda: a @ b, lambda: p @ q
    yield "a.T @ b", lambda: a.T @ b, lambda: p.T @ q
    yield "a + 1", lambda: a + 1.0, lambda: p + 1.0
    yield "a.T", lambda: a.T, lambda: p.T
    yield "a.reshape(-1)", lambda: a.reshape(-1), lambda: p.reshape(-1)
    yield "a[3:9]", lambda: a[3:9], lambda: p[3:9]
    yield "a.sum()", lambda: a.sum(), lambda: p.sum()


def timed(call: Call) -> turns.Turn:
    def turn() -> float:
        start = turns.Clock.now()
        for _ in range(CALLS):
            call()
        return (turns.Clock.now() - start) / CALLS

    return turn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--size", type=int, default=32)
    arguments = parser.parse_args()
    turns.Clock.processor = True
    lr.set_threads(1)
    torch.set_num_threads(1)
    print("| call | gradients | lrswift, us | PyTorch, us | ratio (quartiles) |\n|---|---|--:|--:|--:|")
    for gradients in (False, True):
        for name, ours, theirs in rows(arguments.size, gradients):
            found = turns.take_turns({"ours": timed(ours), "theirs": timed(theirs)}, arguments.rounds)
            low, middle, high = found["theirs"].over(found["ours"])
            mine, other = (1e6 * found[who].middle for who in ("ours", "theirs"))
            made = "yes" if gradients else "no"
            print(
                f"| {name} | {made} | {mine:.2f} | {other:.2f} | {middle:.2f} ({low:.2f}-{high:.2f}) |",
                flush=True,
            )


if __name__ == "__main__":
    main()
