"""What exact hypergradients cost: time per inner step over a plain step, memory over a long run, and peers.

    python benchmarks/hypergradients.py     LeNet on MNIST, 10,000 steps, 7 + 1 + 1 columns
    python benchmarks/hypergradients.py --peers     a step of 8 + 1 + 1 columns, beside PyTorch if it is there

float32, batch 128, 2 threads. The target is a step with K active columns in 1 + 2.2 K plain steps; the
arithmetic alone takes 1.7 to 1.8 plain steps a column.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Before NumPy loads: pinned kernels are half as fast, and fresh mappings are what costs PyTorch most.
os.environ.pop("OPENBLAS_CORETYPE", None)
os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(1 << 30))
os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(1 << 33))

import numpy as np  # noqa: E402

import lrswift as lr  # noqa: E402
from lrswift._episode import Episode, Steps  # noqa: E402
from lrswift._progress import Progress  # noqa: E402

BATCH, THREADS, STRETCH, EARLY = 128, 2, 20, 500
SEVEN = {"learning_rates": [0.05] * 7, "momentums": [0.9], "weight_decays": [1e-4]}
EIGHT = {"learning_rates": [0.01] * 8, "momentums": [0.9], "weight_decays": [1e-4]}
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
    steps = Steps(arrays, indices, np.float32)
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
        if done <= EARLY:
            early = resident()
        window = 7 * (done - 1) // count
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


def ours(network: str, arrays: Arrays, last: int) -> list[float]:
    lr.seed(0)
    model = lr.models.lenet() if network == "lenet" else lr.models.mlp(784)
    indices = np.random.default_rng(1).integers(0, len(arrays[0]), (8 * last, BATCH))
    run = Episode(model, lr.nn.functional.cross_entropy, 8 * last, EIGHT, dtype=np.float32)
    steps, times = Steps(arrays, indices, np.float32), []
    with Progress(None, "", False) as bar:
        # the eighth rate, and with it the tenth column, begins after seven eighths of the run
        run.train(steps, 0, 7 * last, bar)
        for t in range(7 * last, 8 * last):
            start = time.perf_counter()
            run.train(steps, t, t + 1, bar)
            times.append(1e3 * (time.perf_counter() - start))
    return times


def torch_network(network: str) -> Any:
    from torch import nn

    if network == "mlp":
        layers = [nn.Flatten(), nn.Linear(784, 1000), nn.ReLU(), nn.Linear(1000, 1000), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(1000, 10))
    features = [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]
    features += [nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    head = [nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)]
    return nn.Sequential(*features, *head)


def torch_step(network: str, arrays: Arrays, last: int, products: str) -> list[float]:
    """The recursion of FDS by hand; "loop": a double backward a column; "vmap": of forward over reverse."""
    import torch
    from torch.func import functional_call, grad, jvp, vmap

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    model = torch_network(network)
    names, theta = zip(
        *[(n, p.detach().clone().requires_grad_()) for n, p in model.named_parameters()], strict=True
    )
    x, y = torch.tensor(arrays[0])[:, None], torch.tensor(arrays[1])
    rows = torch.tensor(np.random.default_rng(1).integers(0, len(x), (last + 3, BATCH)))
    v = [torch.zeros_like(p) for p in theta]
    z = [torch.full((10, *p.shape), 1e-3) for p in theta]
    c = [torch.full((10, *p.shape), 1e-3) for p in theta]
    rate, momentum, decay = 0.01, 0.9, 1e-4
    times = []
    for batch in rows:
        start = time.perf_counter()
        inputs, labels = x[batch], y[batch]

        def loss(p: Any, inputs: Any = inputs, labels: Any = labels) -> Any:
            logits = functional_call(model, dict(zip(names, p, strict=True)), inputs)
            return torch.nn.functional.cross_entropy(logits, labels)

        if products == "loop":
            g = torch.autograd.grad(loss(theta), theta, create_graph=True)
            columns = [torch.autograd.grad(g, theta, [t[j] for t in z], retain_graph=True) for j in range(10)]
            hz = [torch.stack(parts) for parts in zip(*columns, strict=True)]
        else:
            fixed = tuple(p.detach() for p in theta)

            def product(t: Any, fixed: Any = fixed, loss: Any = loss) -> Any:
                return jvp(grad(loss), (fixed,), (t,))

            g, hz = vmap(product, out_dims=(None, 0))(tuple(z))
        with torch.no_grad():
            for p, gp, vp, zp, cp, hp in zip(theta, g, v, z, c, hz, strict=True):
                cp.mul_(momentum).add_(hp).add_(zp, alpha=decay)
                cp[8] += vp
                cp[9] += p
                vp.mul_(momentum).add_(gp).add_(p, alpha=decay)
                zp.sub_(cp, alpha=rate)
                zp[7] -= vp
                p.sub_(vp, alpha=rate)
        times.append(1e3 * (time.perf_counter() - start))
    return times[3:]


CONTESTANTS: dict[str, Callable[[str, Arrays, int], list[float]]] = {
    "lrswift": ours,
    "torch, loop": lambda *a: torch_step(*a, "loop"),
    "torch, vmap": lambda *a: torch_step(*a, "vmap"),
}


def contest(name: str, network: str) -> None:
    """In a process of its own, for the sake of its peak of memory."""
    if name != "lrswift":
        importlib.import_module("torch")
    lr.set_threads(THREADS)
    rng = np.random.default_rng(0)
    arrays = rng.random((1024, 28, 28), np.float32), rng.integers(0, 10, 1024)
    before = resident()
    times = CONTESTANTS[name](network, arrays, 12)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(f"{network:6} {name:12} {np.median(times):8.1f} {min(times):8.1f} {peak - before:8.0f}")


def peers() -> None:
    """Every contestant once, on every network."""
    print(f"8 + 1 + 1 columns, batch {BATCH}, {THREADS} threads")
    print(f"{'':6} {'':12} {'median ms':>9} {'best ms':>7} {'peak MB':>8}", flush=True)
    for network in ("mlp", "lenet"):
        for name in CONTESTANTS:
            if name == "lrswift" or importlib.util.find_spec("torch"):
                command = [sys.executable, __file__, "--contestant", name, "--network", network]
                subprocess.run(command, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="folder with MNIST; else $LRSWIFT_DATA, ./data")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--network", choices=["mlp", "lenet"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contestant:
        contest(given.contestant, given.network)
    elif given.peers:
        peers()
    else:
        lr.set_threads(THREADS)
        long_run(images(given.data), given.steps)


if __name__ == "__main__":
    main()
