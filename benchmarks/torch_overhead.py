"""What `lrswift.torch.Adapted` adds to a training step of PyTorch, beside the bare optimizer in the same run.

    python benchmarks/torch_overhead.py [--steps N] [--threads N] [--processor] [--torch-only]

Two models: an MLP 784-1000-1000-10 at batch 128, and one of 60 tensors with 100 k parameters in all. The two
loops take turns, step by step; a row is the median over the steps, of the whole step and of what is extra.
`--processor` takes processor time on one thread, which is what is left to compare on a crowded machine.
`--torch-only` keeps the native library from the tensors, as it is for those it cannot take. The first lines
say how long one pass over the MLP's parameters takes here, and how many passes a step cannot do without.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable

import torch
from support.turns import Clock

import lrswift as lr

BASES: dict[str, Callable[[list[torch.Tensor]], torch.optim.Optimizer]] = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.01),
    "SGD momentum": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
    "Adam": lambda p: torch.optim.Adam(p, lr=1e-3),
    "AdamW foreach": lambda p: torch.optim.AdamW(p, lr=1e-3, foreach=True),
}
RATES = {
    "L4": lambda: lr.adapt.L4(),
    "TLR": lambda: lr.adapt.TLR(1e-3, window=100),
    "HD": lambda: lr.adapt.HD(1e-3, 1e-8),
}


def mlp() -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    layers = [torch.nn.Linear(784, 1000), torch.nn.ReLU(), torch.nn.Linear(1000, 1000), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(1000, 10)), torch.randn(128, 784), labels()


def deep() -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    """30 layers of 57 by 57, with their biases."""
    layers: list[torch.nn.Module] = []
    for _ in range(30):
        layers += [torch.nn.Linear(57, 57), torch.nn.Tanh()]
    return torch.nn.Sequential(*layers), torch.randn(128, 57), labels()


def labels() -> torch.Tensor:
    return torch.randint(0, 10, (128,))


MODELS = {"mlp": mlp, "60-tensors": deep}


def times(
    make: Callable, base: Callable, rate: Callable, steps: int, native: bool
) -> tuple[list[float], list[float]]:
    """Seconds of each training step, bare and adapted, in turn."""
    found: tuple[list[float], list[float]] = [], []
    loops = []
    for adapted in (False, True):
        torch.manual_seed(0)
        model, x, y = make()
        optimizer = base(list(model.parameters()))
        if adapted:
            optimizer = lr.torch.Adapted(optimizer, lr=rate())
            if not native:
                optimizer._finder.native = False
        loops.append((model, x, y, optimizer))
    for i in range(steps + 10):
        for adapted in (i % 2, 1 - i % 2):
            model, x, y, optimizer = loops[adapted]
            started = Clock.now()
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            if adapted:
                optimizer.step(loss=loss)
            else:
                optimizer.step()
            if i >= 10:
                found[adapted].append(Clock.now() - started)
    return found


def passes(repeats: int = 30) -> None:
    """The floor: what reading and writing the MLP's vectors takes, by one in-place sum of two of them."""
    a, b = torch.ones(1_796_010), torch.ones(1_796_010)
    taken = []
    for _ in range(repeats):
        started = Clock.now()
        a.add_(b)
        taken.append(Clock.now() - started)
    third = 1e3 * statistics.median(taken) / 3
    print(f"a vector of the MLP, {a.nbytes / 1e6:.1f} MB, read or written once: {third:.3f} ms")
    print("no fewer: |g|^2 1, then SGD 3 (bare 3), momentum 3 + 3 (bare 5), Adam 6 + 3 (bare 7)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--processor", action="store_true", help="processor time, on one thread")
    parser.add_argument("--torch-only", action="store_true", help="by torch alone")
    options = parser.parse_args()
    if options.processor:
        options.threads, Clock.processor = 1, True
    torch.set_num_threads(options.threads)
    lr.set_threads(options.threads)
    kind = "processor time" if options.processor else "time"
    print(
        f"torch {torch.__version__}, {options.threads} threads, {options.steps} steps, medians, {kind} in ms"
    )
    passes()
    print(f"{'model':12}{'base':16}{'rate':6}{'bare':>8}{'adapted':>9}{'extra':>8}{'':>8}")
    for model in options.models.split(","):
        make = MODELS[model]
        for base, of in BASES.items():
            for rate, adapter in RATES.items():
                both = times(make, of, adapter, options.steps, not options.torch_only)
                bare, adapted = (1e3 * statistics.median(t) for t in both)
                extra = 1e3 * statistics.median(b - a for a, b in zip(*both, strict=True))
                print(f"{model:12}{base:16}{rate:6}{bare:8.2f}{adapted:9.2f}{extra:8.2f}{extra / bare:8.1%}")


if __name__ == "__main__":
    main()
