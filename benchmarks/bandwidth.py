"""Pointwise and fused kernels, forward and backward, and update rules: GB/s beside what memory gives.

    python benchmarks/bandwidth.py [--rows exp ...] [--threads 2] [--rounds 15] [--processor]

float32 vectors of 10 million elements, which no cache holds. Bytes are those of the vectors that the kernel
must read or write once each, so that a kernel that passes twice shows half of the bandwidth; for update
rules those of the gradient's norm, which a step needs before it may move anything, are among them.
"update" is a <- a + s b, "triad" c <- a + s b, whose c is also read by the processor but not counted. A
share is within a round, of update, with its quartiles; a star marks a row during which other processes took
more than a tenth of the processor. `--processor`: processor time on one thread.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import numpy as np
import support.turns as turns
from support.by_lrswift import OPTIMIZERS, bandwidth

import lrswift as lr
from lrswift import _core
from lrswift.nn import functional as F

ELEMENTS = 10_000_000
Row = tuple[str, float, Callable[[], object]]  # its name, vectors moved, what is done


def leaf(*shape: int, low: float = 0.1, high: float = 2.0) -> lr.Tensor:
    rng = np.random.default_rng(0)
    return lr.tensor(rng.uniform(low, high, shape).astype(np.float32), requires_grad=True)


def passes(
    name: str, x: lr.Tensor, function: Callable[[lr.Tensor], lr.Tensor], vectors: tuple[float, float]
) -> Iterator[Row]:
    """Forward, and the gradient of x; vectors as multiples of x."""

    def forward() -> object:
        with lr.no_grad():
            return function(x)

    yield f"{name}", vectors[0] * x.size / ELEMENTS, forward
    out = function(x)
    seed = None if out.size == 1 else lr.tensor(np.ones(out.shape, np.float32))
    yield f"{name}, backward", vectors[1] * x.size / ELEMENTS, lambda: _core.gradients(out, seed, (x,))


def pointwise() -> Iterator[Row]:
    for name in ("exp", "log", "tanh", "sigmoid", "gelu", "relu"):
        yield from passes(name, leaf(ELEMENTS), getattr(lr, name), (2, 3))
    yield from passes("dropout", leaf(ELEMENTS), lambda x: F.dropout(x, 0.5), (2, 2))


def fused() -> Iterator[Row]:
    yield from passes(
        "softmax cross-entropy", leaf(1_000_000, 10), lambda x: F.cross_entropy(x, LABELS), (2, 2)
    )
    norm = lr.nn.LayerNorm(1000)
    yield from passes("layer-norm", leaf(10_000, 1000), norm, (2, 3))
    images = (152, 32, 32, 64)
    batch = lr.nn.BatchNorm2d(64)
    other = leaf(*images)
    yield from passes("batch-norm", leaf(*images), batch, (3, 5))
    yield from passes("batch-norm + ReLU", leaf(*images), lambda x: batch(x, relu=True), (3, 5))
    both = passes(
        "batch-norm + residual + ReLU", leaf(*images), lambda x: batch(x, residual=other, relu=True), (4, 6)
    )
    yield from both
    yield from passes("max-pooling 2x2", leaf(*images), lambda x: F.max_pool2d(x, 2), (1.25, 1.25))
    yield from passes("average pooling 2x2", leaf(*images), lambda x: F.avg_pool2d(x, 2), (1.25, 1.25))


LABELS = lr.tensor(np.arange(1_000_000) % 10)
RULES = {
    "SGD": (4, OPTIMIZERS["sgd"]),
    "SGD with momentum": (6, OPTIMIZERS["momentum"]),
    "Adam": (8, OPTIMIZERS["adam"]),
    "momentum, L4 (with <g, d>)": (9, lambda p: lr.optim.SGD(p, lr=lr.adapt.L4(), momentum=0.9)),
    "Adam, L4 (with <g, d>)": (11, lambda p: lr.optim.Adam(p, lr=lr.adapt.L4())),
    "Adam, Prodigy": (14, OPTIMIZERS["prodigy"]),
    "Adam, D-Adaptation": (10, OPTIMIZERS["d-adaptation"]),
    "Schedule-Free AdamW": (8, OPTIMIZERS["schedule-free"]),
    "SGD, clipped norm": (6, lambda p: lr.optim.SGD(p, lr=0.01, clip_norm=1.0)),
}


def rules() -> Iterator[Row]:
    """On 60 tensors, with fixed gradients."""
    for name, (vectors, make) in RULES.items():
        parameters = [leaf(ELEMENTS // 60) for _ in range(60)]
        for parameter in parameters:
            parameter.grad = lr.tensor(np.full(parameter.shape, 0.01, np.float32))
        optimizer = make(parameters)
        yield f"step of {name}", vectors, lambda optimizer=optimizer: optimizer.step(1.0)


def timed(call: Callable[[], object], moved: float) -> turns.Turn:
    """Bytes a second."""

    def turn() -> float:
        start = turns.Clock.now()
        call()
        call()
        return 2 * moved / (turns.Clock.now() - start)

    return turn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", nargs="*", default=[""], help="beginnings of names")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=lr.get_threads())
    parser.add_argument("--processor", action="store_true", help="processor time, on one thread")
    arguments = parser.parse_args()
    if arguments.processor:
        arguments.threads, turns.Clock.processor = 1, True
    lr.set_threads(arguments.threads)
    limits = {kind: bandwidth(arguments.threads, kind) for kind in ("update", "triad")}
    found = turns.take_turns(limits, arguments.rounds)
    both = ", ".join(f"{kind} {outcome.middle / 1e9:.0f} GB/s" for kind, outcome in found.items())
    print(f"{arguments.threads} threads; {both}\n")
    print("| kernel | vectors | GB/s | of update (quartiles) |\n|---|--:|--:|--:|")
    for make in (pointwise, fused, rules):
        for name, vectors, call in make():
            if not name.startswith(tuple(arguments.rows)):
                continue
            call()
            row = {"update": limits["update"], "kernel": timed(call, 4.0 * vectors * ELEMENTS)}
            found = turns.take_turns(row, arguments.rounds)
            kernel = found["kernel"]
            shares = [100 * share for share in kernel.over(found["update"])]
            share = f"{shares[1]:.0f} % ({shares[0]:.0f}-{shares[2]:.0f})"
            rate = f"{kernel.middle / 1e9:.0f}"
            print(f"| {name}{kernel.mark} | {vectors:.2g} | {rate} | {share} |", flush=True)


if __name__ == "__main__":
    main()
