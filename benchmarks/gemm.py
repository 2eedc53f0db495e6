"""The float32 matrix product over the processor's peak, beside OpenBLAS and, when importable, PyTorch's MKL.

    python benchmarks/gemm.py [--rounds 30] [--threads N]

The peak is a loop of multiply-adds from registers, on all threads, measured in the same rounds. The floor of
a product is its operations over that peak; for these shapes memory asks for less. A figure is the median
over rounds of (rate of the product) / (rate of the peak), with the quartiles; a star marks a row during which
other processes took more than a tenth of the processor. `--processor` counts processor time on one thread
instead of wall time: all that can be compared on a crowded machine.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable

import support.turns as turns

import lrswift as lr
from lrswift import _core

try:
    import torch
except ImportError:
    torch = None

# (name, m, n, k, transpose a, transpose b): squares; then a network 784-1000-1000-10's forward products,
# input and weight gradients at batch 128 and 64; then the first layer of 784-32-10 at batch 32
SHAPES = [
    ("square 512", 512, 512, 512, 0, 0),
    ("square 1024", 1024, 1024, 1024, 0, 0),
    ("square 2048", 2048, 2048, 2048, 0, 0),
    ("forward 784-1000, 128", 128, 1000, 784, 0, 1),
    ("forward 1000-1000, 128", 128, 1000, 1000, 0, 1),
    ("forward 1000-10, 128", 128, 10, 1000, 0, 1),
    ("input 1000-1000, 128", 128, 1000, 1000, 0, 0),
    ("weights 784-1000, 128", 1000, 784, 128, 1, 0),
    ("weights 1000-1000, 128", 1000, 1000, 128, 1, 0),
    ("forward 1000-1000, 64", 64, 1000, 1000, 0, 1),
    ("weights 1000-1000, 64", 1000, 1000, 64, 1, 0),
    ("forward 784-32, 32", 32, 32, 784, 0, 1),
    ("weights 784-32, 32", 32, 784, 32, 1, 0),
]
Shape = tuple[str, int, int, int, int, int]


def ours(kernels: str, shape: Shape, repeats: int) -> float:
    _, m, n, k, ta, tb = shape
    sizes = {"m": m, "n": n, "k": k, "transpose_a": ta, "transpose_b": tb, "repeats": repeats}
    sizes["processor"] = turns.Clock.processor
    seconds, operations = _core.measure("gemm", {"kernels": kernels, **sizes})
    return operations / seconds


def mkl(shape: Shape) -> Callable[[int], float]:
    _, m, n, k, ta, tb = shape
    a = torch.rand((k, m) if ta else (m, k))
    b = torch.rand((n, k) if tb else (k, n))
    a, b = (a.T if ta else a), (b.T if tb else b)
    out = torch.empty(m, n)

    def turn(repeats: int) -> float:
        start = turns.Clock.now()
        for _ in range(repeats):
            torch.mm(a, b, out=out)
        return 2.0 * m * n * k * repeats / (turns.Clock.now() - start)

    return turn


def peak() -> float:
    seconds, operations = _core.measure(
        "multiply_adds", {"rounds": 100_000, "processor": turns.Clock.processor}
    )
    return operations / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=lr.get_threads())
    parser.add_argument("--kernels", nargs="*", default=[lr.config()["gemm_kernels"][-1], "openblas"])
    parser.add_argument("--processor", action="store_true", help="processor time, on one thread")
    arguments = parser.parse_args()
    if arguments.processor:
        arguments.threads, turns.Clock.processor = 1, True
    lr.set_threads(arguments.threads)
    names = list(arguments.kernels)
    if torch is not None:
        torch.set_num_threads(arguments.threads)
        names.append("torch")
    print(f"{arguments.threads} threads; fraction of the peak, median (quartiles)\n")
    print("| product | floor | " + " | ".join(names) + " |\n|---|--:|" + "--:|" * len(names))
    for shape in SHAPES:
        operations = 2.0 * shape[1] * shape[2] * shape[3]
        repeats = max(1, int(5e8 / operations))
        contestants: dict[str, turns.Turn] = {"peak": peak}
        for name in arguments.kernels:
            contestants[name] = functools.partial(ours, name, shape, repeats)
        if torch is not None:
            contestants["torch"] = functools.partial(mkl(shape), repeats)
        found = turns.take_turns(contestants, arguments.rounds)
        cells = []
        for name in names:
            low, middle, high = found[name].over(found["peak"])
            cells.append(f"{100 * middle:.0f} % ({100 * low:.0f}-{100 * high:.0f})")
        floor = operations / found["peak"].middle
        print(
            f"| {shape[0]}{found['peak'].mark} | {1e6 * floor:.1f} us | " + " | ".join(cells) + " |",
            flush=True,
        )


if __name__ == "__main__":
    main()
