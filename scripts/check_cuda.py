"""Checks lrswift's PyTorch bridge and hypergradients on a GPU, against the CPU; in less than five minutes.

    python scripts/check_cuda.py [--device cuda] [--steps 40]

Needs PyTorch with CUDA and lrswift installed (`make install`, or pip install of its wheel). What runs on the
device is compared with the same on the CPU: the rates of every kind of adapter, receipts, resumed runs,
hypergradients and a learned schedule. Then transfers from the device are counted, and steps are timed beside
the bare optimizer. Exits with 1 if a check fails, with 2 if there is no such device. With --device cpu the
logic runs without a GPU: torch's own arithmetic, as on a device, against the native library's.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import lrswift as lr
from lrswift.torch import _sums

A = lr.adapt
BASES: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-3),
    "adam": lambda p: torch.optim.Adam(p, lr=1e-3, eps=1e-4),
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-3, eps=1e-4),
}
RATES: dict[str, Callable[[], Any]] = {
    "l4": A.L4,
    "tlr": lambda: A.TLR(0.01, window=5),
    "tlr by tensor": lambda: A.TLR(0.01, window=5, per="tensor"),
    "hd": lambda: A.HD(0.01, 1e-6),
    "dog": A.DoG,
    "sps": lambda: A.SPS(max_lr=0.1),
    "qlabgrad": lambda: A.QLABGrad(max_lr=0.1),
    "schedule": lambda: lr.schedule.Constant(0.01),
    "prodigy": A.Prodigy,
}
# bases that a whole method may not have
WITHOUT = {("sgd", "prodigy")}
# of float32 on the device against float32 on the CPU, as the sums of convolutions differ in their order
NEAR = 1e-4
# of the same arithmetic in float64 in another order
EXACT = 1e-8
SGD = {"learning_rates": [0.1, 0.05, 0.02], "momentums": [0.9, 0.5], "weight_decays": [1e-3]}
ADAM = {**SGD, "learning_rates": [0.01, 0.005, 0.002], "epsilons": [1e-2]}
VALUES: dict[str, dict[str, Any]] = {"sgd": SGD, "nesterov": SGD, "adam": ADAM}


@dataclass(frozen=True)
class Check:
    """One line of the report. passed: None where a figure is given alone."""

    name: str
    passed: bool | None
    detail: str

    def __str__(self) -> str:
        mark = {True: "ok", False: "FAILED", None: ""}[self.passed]
        return f"{self.name:44} {mark:7} {self.detail}"


def network(device: str, dtype: torch.dtype) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """With batch norm, the same on every device."""
    torch.manual_seed(0)
    # a bias before batch norm has a gradient of rounding errors alone, and rates that go by its sign
    module = nn.Sequential(
        *(
            nn.Conv2d(1, 6, 3, padding=1, bias=False),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
        ),
        *(nn.Linear(96, 32), nn.Tanh(), nn.Linear(32, 5)),
    )
    x, y = torch.randn(64, 1, 8, 8), torch.arange(64) % 5
    return module.to(device, dtype), x.to(device, dtype), y.to(device)


def adapted(base: torch.optim.Optimizer, rate: Any, device: str) -> Any:
    """device "cpu" as the native library takes it, any other as torch does."""
    made = lr.torch.Adapted(base, lr=rate)
    made._finder.native = device == "cpu"
    return made


class Loop:
    """Training steps on `place`, which is a device or a word for torch's own way on the CPU."""

    def __init__(self, place: str, base: str, rate: str, dtype: torch.dtype = torch.float64) -> None:
        self.module, self.x, self.y = network("cpu" if place == "torch" else place, dtype)
        self.optimizer = adapted(BASES[base](self.module.parameters()), RATES[rate](), place)

    def loss(self) -> torch.Tensor:
        return F.cross_entropy(self.module(self.x), self.y)

    def step(self) -> None:
        self.optimizer.zero_grad()
        loss = self.loss()
        loss.backward()
        self.optimizer.step(loss=loss, loss_closure=self.loss)

    def rates(self, steps: int) -> list[float]:
        found: list[float] = []
        for _ in range(steps):
            self.step()
            rate = self.optimizer.lr
            found += [rate] if isinstance(rate, float) else list(rate.values())
        return found


def far(found: Any, expected: Any) -> float:
    """The largest difference, relative to the largest value; inf where either is not finite."""
    a, b = np.asarray(found, np.float64).ravel(), np.asarray(expected, np.float64).ravel()
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf")
    return float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-30)) if b.size else 0.0


def near(name: str, found: Any, expected: Any, tolerance: float) -> Check:
    error = far(found, expected)
    return Check(name, error <= tolerance, f"relative difference {error:.1e}, allowed {tolerance:.0e}")


def check_rates(place: str, steps: int) -> Iterator[Check]:
    for base in BASES:
        for rate in RATES:
            if (base, rate) not in WITHOUT:
                expected = Loop("cpu", base, rate).rates(steps)
                yield near(
                    f"rates: {rate} over {base}", Loop(place, base, rate).rates(steps), expected, EXACT
                )


def check_receipt(place: str) -> Iterator[Check]:
    module, x, y = network(_device(place), torch.float32)
    found = lr.torch.find_lr(module, F.cross_entropy, (x, y), optimizer=torch.optim.SGD, batch_size=16)
    yield Check(
        "receipt: find_lr leaves all as it was", found.receipt["untouched"] is True, f"rate {found.lr:.3g}"
    )


def check_resume(place: str, steps: int) -> Iterator[Check]:
    for rate in ("l4", "tlr", "prodigy"):
        whole = Loop(place, "adam", rate)
        expected = whole.rates(steps)
        first = Loop(place, "adam", rate)
        head = first.rates(steps // 2)
        file = io.BytesIO()
        torch.save((first.optimizer.state_dict(), first.module.state_dict()), file)
        file.seek(0)
        own, weights = torch.load(file, weights_only=True)
        again = Loop(place, "adam", rate)
        again.module.load_state_dict(weights)
        again.optimizer.load_state_dict(own)
        found = head + again.rates(steps - steps // 2)
        yield near(f"resume: {rate} over adam", found, expected, EXACT)


def hypergradient(device: str, optimizer: str, mode: str, dtype: torch.dtype) -> Any:
    module, x, y = network(device, torch.float32)
    batches = [(x[i : i + 16], y[i : i + 16]) for i in range(0, 64, 16)] * 3
    return lr.torch.hypergradient(
        module, F.cross_entropy, batches, batches[:4], optimizer=optimizer, mode=mode, dtype=dtype, tile=4,
        **VALUES[optimizer],
    )  # fmt: skip


def derivatives(h: Any) -> np.ndarray:
    families = (h.learning_rates, h.momentums, h.weight_decays, h.beta2s, h.epsilons)
    # each family in its own unit
    return np.concatenate([f / max(np.abs(f).max(), 1e-30) for f in families if f.size])


def check_hypergradients(place: str) -> Iterator[Check]:
    device = _device(place)
    for optimizer in ("sgd", "nesterov", "adam"):
        for mode in ("forward", "reverse"):
            expected = derivatives(hypergradient("cpu", optimizer, mode, torch.float32))
            first = hypergradient(device, optimizer, mode, torch.float32)
            yield near(f"hypergradients: {optimizer}, {mode}", derivatives(first), expected, NEAR)
            again = hypergradient(device, optimizer, mode, torch.float32)
            same = np.array_equal(derivatives(first), derivatives(again))
            yield Check(f"hypergradients: {optimizer}, {mode}, once more", same, "the same bits")
        wide = [
            derivatives(hypergradient(device, optimizer, m, torch.float64)) for m in ("forward", "reverse")
        ]
        yield near(f"hypergradients: {optimizer}, both modes, float64", *wide, 1e-10)
    where = {str(p.device.type) for p in first.parameters.values()}
    yield Check("hypergradients: where the run ended", where == {device}, f"tensors on {', '.join(where)}")


def check_learning(place: str) -> Iterator[Check]:
    found = []
    for device in (_device(place), "cpu"):
        _, x, y = network(device, torch.float64)

        def make(seed: int, device: str = device) -> nn.Module:
            return network(device, torch.float64)[0]

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append(
                lr.torch.learn_schedule(
                    make,
                    F.cross_entropy,
                    (x, y),
                    0.25,
                    6,
                    16,
                    3,
                    outer_steps=2,
                    mode="reverse",
                    finalists=1,
                    progress=False,
                )  # fmt: skip
            )
    yield near("learn_schedule: values", found[0].values, found[1].values, EXACT)
    yield near("learn_schedule: losses", found[0].seed_losses, found[1].seed_losses, EXACT)


def check_transfers(place: str) -> Iterator[Check]:
    """From the fifth step on: what was done to gradients is looked at by value in the first ones."""
    for rate in ("l4", "tlr", "hd"):
        loop = Loop(place, "adam", rate, torch.float32)
        loop.rates(5)
        # where reading is free, a step reads twice
        loop.optimizer._finder._last.on_cpu = False
        steps = 20
        with counted(place) as count:
            for _ in range(steps):
                loop.step()
        done = count()
        yield Check(f"transfers: {rate} over adam", done <= steps, f"{done} in {steps} steps")


@contextlib.contextmanager
def counted(place: str) -> Iterator[Callable[[], int]]:
    """Counts how often the host waits for numbers: what CUDA says, or calls where there is none."""
    if _device(place) == "cuda":
        before = torch.cuda.get_sync_debug_mode()
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                yield lambda: sum("synchronizing" in str(w.message) for w in seen)
            finally:
                torch.cuda.set_sync_debug_mode(before)
        return
    own, calls = _sums._transfer, 0

    def transfer(*arguments: Any) -> list[float]:
        nonlocal calls
        calls += 1
        return own(*arguments)

    _sums._transfer = transfer
    try:
        yield lambda: calls
    finally:
        _sums._transfer = own


def figures(place: str, steps: int) -> Iterator[Check]:
    """Milliseconds a step, in turns: bare, and with an adapter."""
    for rate in ("l4", "tlr", "hd"):
        times: dict[str, list[float]] = {"bare": [], rate: []}
        loop = Loop(place, "adam", rate, torch.float32)
        bare = Loop(place, "adam", rate, torch.float32)
        plain = copy.deepcopy(bare.optimizer.base)
        plain.param_groups[0]["lr"] = 1e-3

        def step(bare: Loop = bare, plain: torch.optim.Optimizer = plain) -> None:
            plain.zero_grad()
            bare.loss().backward()
            plain.step()

        for _ in range(steps):
            for name, run in (("bare", step), (rate, loop.step)):
                _wait(place)
                start = time.perf_counter()
                run()
                _wait(place)
                times[name].append(1e3 * (time.perf_counter() - start))
        own, other = (statistics.median(times[name]) for name in ("bare", rate))
        yield Check(f"time: {rate} over adam", None, f"{other:.2f} ms a step, bare {own:.2f} ms")
    for mode in ("forward", "reverse"):
        hypergradient(_device(place), "sgd", mode, torch.float32)
        _wait(place)
        start = time.perf_counter()
        hypergradient(_device(place), "sgd", mode, torch.float32)
        took = 1e3 * (time.perf_counter() - start) / 12
        yield Check(f"time: hypergradient of 6 values, {mode}", None, f"{took:.1f} ms a training step")


def _device(place: str) -> str:
    return "cpu" if place == "torch" else place


def _wait(place: str) -> None:
    if _device(place) == "cuda":
        torch.cuda.synchronize()


def checks(place: str, steps: int) -> Iterator[Check]:
    yield from check_rates(place, steps)
    yield from check_receipt(place)
    yield from check_resume(place, steps)
    yield from check_hypergradients(place)
    yield from check_learning(place)
    yield from check_transfers(place)
    yield from figures(place, steps)


def missing(device: str) -> str | None:
    """Why there is no such device, and what to do."""
    if device == "cpu" or torch.cuda.is_available():
        return None
    built = torch.version.cuda
    why = f"PyTorch {torch.__version__} is built without CUDA" if built is None else "PyTorch sees no GPU"
    return (
        f"check_cuda: no GPU: {why}; nothing was checked. Install a CUDA build of PyTorch on a machine with "
        "an NVIDIA GPU, or run the logic alone with --device cpu"
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--steps", type=int, default=40, help="training steps of a comparison")
    given = parser.parse_args(arguments)
    if (why := missing(given.device)) is not None:
        print(why, file=sys.stderr)
        return 2
    # products and convolutions of 19 bits would differ by more than what is checked
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    name = torch.cuda.get_device_name() if given.device == "cuda" else "the CPU, by torch's own arithmetic"
    print(f"lrswift on {name}, PyTorch {torch.__version__}")
    start, failed = time.perf_counter(), 0
    for check in checks("torch" if given.device == "cpu" else given.device, given.steps):
        print(check, flush=True)
        failed += check.passed is False
    verdict = "all passed" if not failed else f"{failed} FAILED"
    print(f"{verdict}, {time.perf_counter() - start:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
