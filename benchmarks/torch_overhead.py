"""What `lrswift.torch.Adapted` adds to a training step of PyTorch, beside the bare optimizer in the same run.

Two models: an MLP 784-1000-1000-10 at batch 128, and one of 60 tensors with 100 k parameters in all. The
two loops take turns, step by step, so that whatever else the machine does hits both; a row is the median.
Needs torch: `python benchmarks/torch_overhead.py [--steps N] [--threads N]`.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

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


def times(make: Callable, base: Callable, rate: Callable, steps: int) -> tuple[list[float], list[float]]:
    """Seconds of each training step, bare and adapted, in turn."""
    found: tuple[list[float], list[float]] = [], []
    loops = []
    for adapted in (False, True):
        torch.manual_seed(0)
        model, x, y = make()
        optimizer = base(list(model.parameters()))
        loops.append((model, x, y, lr.torch.Adapted(optimizer, lr=rate()) if adapted else optimizer))
    for i in range(steps + 10):
        for adapted in (i % 2, 1 - i % 2):
            model, x, y, optimizer = loops[adapted]
            started = time.perf_counter()
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            if adapted:
                optimizer.step(loss=loss)
            else:
                optimizer.step()
            if i >= 10:
                found[adapted].append(time.perf_counter() - started)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, {options.threads} threads, medians of {options.steps} steps, in ms")
    print(f"{'model':12}{'base':16}{'rate':6}{'bare':>8}{'adapted':>9}{'extra':>8}{'':>8}")
    for model in options.models.split(","):
        make = MODELS[model]
        for base, of in BASES.items():
            for rate, adapter in RATES.items():
                bare, adapted = (1e3 * statistics.median(t) for t in times(make, of, adapter, options.steps))
                extra = adapted - bare
                print(f"{model:12}{base:16}{rate:6}{bare:8.2f}{adapted:9.2f}{extra:8.2f}{extra / bare:8.1%}")


if __name__ == "__main__":
    main()
