"""How fast convolution is on the layers of well-known networks, beside PyTorch where it is installed.

    python benchmarks/convolution.py [--threads 2] [--batch 16] [--layers lenet,mnist] [--cpu-time]

Forward, input gradient and weight gradient take turns, lrswift and PyTorch (channels-last) a call each. A
figure is the median over rounds in 10^9 operations a second, two for each product that the definition
names; the ratio is the median of PyTorch's time over ours in the same round, with its quartiles.
`--cpu-time` counts the processor time of one thread each instead of the clock: it is blind to sharing and
waiting, and right on a machine with other work.
"""

from __future__ import annotations

import os

os.environ.pop("OPENBLAS_CORETYPE", None)

import argparse
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import lrswift as lr
from lrswift import _core
from lrswift.nn import functional as F

try:
    import torch
except ImportError:
    torch = None


class Layer(NamedTuple):
    """A square convolution over square images."""

    name: str
    size: int
    inputs: int
    kernel: int
    outputs: int
    stride: int = 1
    padding: int = 1


LAYERS = [
    Layer("lenet 5x5 1-6", 28, 1, 5, 6, padding=2),
    Layer("lenet 5x5 6-16", 14, 6, 5, 16, padding=0),
    Layer("mnist 5x5 1-20", 28, 1, 5, 20, padding=0),
    Layer("mnist 5x5 20-50", 12, 20, 5, 50, padding=0),
    Layer("wrn 3x3 3-16", 32, 3, 3, 16),
    Layer("wrn 3x3 16-16", 32, 16, 3, 16),
    Layer("wrn 3x3 16-32 / 2", 32, 16, 3, 32, stride=2),
    Layer("wrn 3x3 32-32", 16, 32, 3, 32),
    Layer("resnet 3x3 64-64", 32, 64, 3, 64),
    Layer("resnet 3x3 128-128", 16, 128, 3, 128),
    Layer("resnet 3x3 256-256", 8, 256, 3, 256),
    Layer("resnet 3x3 512-512", 4, 512, 3, 512),
    Layer("resnet 1x1 64-128 / 2", 32, 64, 1, 128, stride=2, padding=0),
]
PASSES = ("forward", "input gradient", "weight gradient")


def calls(layer: Layer, batch: int) -> tuple[float, list[list[Callable[[], object]]]]:
    """Operations of one pass, and for each pass what each contestant runs."""
    random = np.random.default_rng(0)
    x = random.normal(size=(batch, layer.size, layer.size, layer.inputs)).astype(np.float32)
    w = random.normal(size=(layer.kernel, layer.kernel, layer.inputs, layer.outputs)).astype(np.float32)
    setting = {"stride": layer.stride, "padding": layer.padding}
    tx, tw = lr.tensor(x), lr.tensor(w)
    leaf_x, leaf_w = lr.tensor(x, requires_grad=True), lr.tensor(w, requires_grad=True)
    from_x, from_w = F.conv2d(leaf_x, tw, **setting), F.conv2d(tx, leaf_w, **setting)
    g = random.normal(size=from_x.shape).astype(np.float32)
    seed = lr.tensor(g)
    runs: list[list[Callable[[], object]]] = [
        [lambda: F.conv2d(tx, tw, **setting)],
        [lambda: _core.gradients(from_x, seed, (leaf_x,))],
        [lambda: _core.gradients(from_w, seed, (leaf_w,))],
    ]
    if torch is not None:
        # a permuted view of channels-last data is what PyTorch calls channels-last
        px, pg = (torch.tensor(a).permute(0, 3, 1, 2) for a in (x, g))
        pw = torch.tensor(w).permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
        pair = [[layer.stride] * 2, [layer.padding] * 2, [1, 1], False, [0, 0], 1]

        def backward(mask: list[bool]) -> object:
            return torch.ops.aten.convolution_backward(pg, px, pw, None, *pair, mask)

        runs[0].append(lambda: torch.nn.functional.conv2d(px, pw, **setting))
        runs[1].append(lambda: backward([True, False, False]))
        runs[2].append(lambda: backward([False, True, False]))
    return 2.0 * g.size * layer.kernel**2 * layer.inputs, runs


def measure(contestants: list[Callable[[], object]], rounds: int, clock: Callable[[], float]) -> np.ndarray:
    """Seconds [contestant, round]; they take turns."""
    for run in contestants:
        run()
    times = np.empty((len(contestants), rounds))
    for i in range(rounds):
        for j, run in enumerate(contestants):
            start = clock()
            run()
            times[j, i] = clock() - start
    return times


def main() -> None:
    """Prints one row per layer and pass."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--threads", type=int, default=lr.get_threads())
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--layers", default="", help="comma-separated beginnings of names")
    parser.add_argument("--cpu-time", action="store_true")
    args = parser.parse_args()
    threads = 1 if args.cpu_time else args.threads
    clock = time.process_time if args.cpu_time else time.perf_counter
    lr.set_threads(threads)
    if torch is not None:
        torch.set_num_threads(threads)
    peer = "| PyTorch GF/s | ratio (quartiles) |" if torch is not None else "|"
    print(f"| layer, batch {args.batch}, {threads} threads | pass | GF/s {peer}")
    print("|---" * (5 if torch is not None else 3) + "|")
    for layer in LAYERS:
        if not any(layer.name.startswith(name) for name in args.layers.split(",")):
            continue
        operations, runs = calls(layer, args.batch)
        for name, contestants in zip(PASSES, runs, strict=True):
            if name == "input gradient" and layer.inputs in (1, 3):
                continue  # the first layer's: never computed in training
            times = measure(contestants, int(max(7, min(100, 2e9 / operations))), clock)
            rates = operations / np.median(times, axis=1) / 1e9
            row = f"| {layer.name} | {name} | {rates[0]:.0f} |"
            if len(rates) > 1:
                low, middle, high = np.quantile(times[1] / times[0], (0.25, 0.5, 0.75))
                row += f" {rates[1]:.0f} | {middle:.2f} ({low:.2f}-{high:.2f}) |"
            print(row, flush=True)


if __name__ == "__main__":
    main()
