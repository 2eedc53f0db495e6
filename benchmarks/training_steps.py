"""Whole training steps beside PyTorch's, when it is importable: the time of a step and the ratio of the two.

    python benchmarks/training_steps.py [--rounds 30] [--threads N] [--only mlp-adam ...]

Random data, float32, each batch gathered by index inside the step, as training does. lrswift replays a
recorded program; PyTorch runs eagerly with its fused optimizer. All take turns; a figure is the median over
rounds, the ratio is within a round, with its quartiles; a star marks a row during which other processes took
more than a tenth of the processor. The floor is the step's multiply-adds over the peak that `gemm.py`
measures. `--processor` counts processor time on one thread instead of wall time.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import support.turns as turns

import lrswift as lr
from lrswift import _core
from lrswift._recording import Recorder

try:
    import torch
    from torch import nn
except ImportError:
    torch = None

IMAGES = 2048


@dataclass(frozen=True)
class Row:
    """One network, how it is trained, and the operations of a step per image, forward."""

    name: str
    model: Callable[[], Any]
    peer: Callable[[], Any]
    optimizer: str
    batch: int
    image: bool
    steps: int
    operations: float


def relu_layers(sizes: Sequence[int]) -> Any:
    layers: list[Any] = []
    for a, b in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def torch_cnn() -> Any:
    return nn.Sequential(
        *(nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10)),
    )


def torch_lenet() -> Any:
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


def dense(sizes: Sequence[int]) -> float:
    """Operations of a step per image: forward, weight gradient, input gradient after the first layer."""
    products = [2.0 * a * b for a, b in zip(sizes, sizes[1:], strict=False)]
    return 3 * sum(products) - products[0]


def convolutional(first: float, rest: float) -> float:
    return 2 * first + 3 * rest


def wide() -> Any:
    return lr.models.mlp(784)


def wide_peer() -> Any:
    return relu_layers(WIDE)


WIDE, SMALL = (784, 1000, 1000, 10), (784, 32, 10)
ROWS = [
    Row(
        "mlp-adam", lambda: lr.models.mlp(784), lambda: relu_layers(WIDE), "adam", 128, False, 10, dense(WIDE)
    ),
    Row("mlp-sgd", lambda: lr.models.mlp(784), lambda: relu_layers(WIDE), "sgd", 64, False, 10, dense(WIDE)),
    Row(
        *("mlp-small", lambda: lr.models.mlp(784, [32]), lambda: relu_layers(SMALL), "sgd", 32, False, 300),
        dense(SMALL),
    ),
    Row(
        *("mnist-cnn", lr.models.mnist_cnn, torch_cnn, "momentum", 64, True, 5),
        convolutional(2.0 * 576 * 25 * 20, 2.0 * 64 * 500 * 50 + 2.0 * (800 * 500 + 500 * 10)),
    ),
    Row(
        *("lenet", lr.models.lenet, torch_lenet, "momentum", 128, True, 5),
        convolutional(2.0 * 784 * 25 * 6, 2.0 * 100 * 150 * 16 + 2.0 * (400 * 120 + 120 * 84 + 840)),
    ),
]


class Ours:
    def __init__(self, row: Row, x: np.ndarray, y: np.ndarray) -> None:
        lr.seed(0)
        self.row = row
        model = row.model()
        parameters = list(model.parameters())
        self.optimizer = {
            "adam": lambda: lr.optim.Adam(parameters, lr=1e-3),
            "sgd": lambda: lr.optim.SGD(parameters, lr=0.01),
            "momentum": lambda: lr.optim.SGD(parameters, lr=0.01, momentum=0.9),
        }[row.optimizer]()
        self.data = (lr.tensor(x), lr.tensor(y))
        self.program = Recorder(model, lr.nn.functional.cross_entropy).program(self.data, row.batch)
        self.model = model
        self.rng = np.random.default_rng(1)

    def __call__(self) -> float:
        rows = self.rng.integers(0, IMAGES, (self.row.steps, self.row.batch), dtype=np.int64)
        start = turns.Clock.now()
        self.program.run(self.optimizer._core, self.data, rows, 1e9)
        return (turns.Clock.now() - start) / self.row.steps


class Torch:
    def __init__(self, row: Row, x: np.ndarray, y: np.ndarray) -> None:
        torch.manual_seed(0)
        self.row = row
        self.model = row.peer()
        parameters = self.model.parameters()
        self.optimizer = {
            "adam": lambda: torch.optim.Adam(parameters, lr=1e-3, fused=True),
            "sgd": lambda: torch.optim.SGD(parameters, lr=0.01, fused=True),
            "momentum": lambda: torch.optim.SGD(parameters, lr=0.01, momentum=0.9, fused=True),
        }[row.optimizer]()
        self.x = torch.tensor(x[:, None] if row.image else x)
        self.y = torch.tensor(y)
        self.rng = np.random.default_rng(1)

    def __call__(self) -> float:
        rows = self.rng.integers(0, IMAGES, (self.row.steps, self.row.batch), dtype=np.int64)
        start = turns.Clock.now()
        for index in torch.from_numpy(rows):
            loss = nn.functional.cross_entropy(self.model(self.x[index]), self.y[index])
            self.optimizer.zero_grad(set_to_none=False)
            loss.backward()
            self.optimizer.step()
        return (turns.Clock.now() - start) / self.row.steps


def peak() -> float:
    start = turns.Clock.now()
    _, operations = _core.measure("multiply_adds", {"rounds": 100_000})
    return operations / (turns.Clock.now() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=lr.get_threads())
    parser.add_argument("--only", nargs="*", help="names of rows")
    parser.add_argument("--processor", action="store_true", help="processor time, on one thread")
    arguments = parser.parse_args()
    if arguments.processor:
        arguments.threads, turns.Clock.processor = 1, True
    lr.set_threads(arguments.threads)
    if torch is not None:
        torch.set_num_threads(arguments.threads)
    print(f"{arguments.threads} threads\n")
    print("| step | floor | lrswift | of the peak | torch | torch / lrswift |\n|---|--:|--:|--:|--:|--:|")
    rng = np.random.default_rng(0)
    for row in ROWS:
        if arguments.only and row.name not in arguments.only:
            continue
        x = rng.random((IMAGES, 28, 28) if row.image else (IMAGES, 784), dtype=np.float32)
        y = rng.integers(0, 10, IMAGES)
        contestants: dict[str, turns.Turn] = {"peak": peak, "lrswift": Ours(row, x, y)}
        if torch is not None:
            contestants["torch"] = Torch(row, x, y)
        for warm in contestants.values():
            warm()
        found = turns.take_turns(contestants, arguments.rounds)
        own, operations = found["lrswift"], row.operations * row.batch
        floor = operations / found["peak"].middle
        share = operations / own.middle / found["peak"].middle
        cells = [f"{1e3 * floor:.3f} ms", f"{1e3 * own.middle:.3f} ms", f"{100 * share:.0f} %"]
        if torch is not None:
            low, middle, high = found["torch"].over(own)
            cells += [f"{1e3 * found['torch'].middle:.3f} ms", f"{middle:.2f} ({low:.2f}-{high:.2f})"]
        print(f"| {row.name}{own.mark} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
