"""What `find_lr` finds beside the best constant rate over 500 steps: the measurements behind docs/find-lr.md.

    python benchmarks/find_lr.py --data DIR [--reported] [--cells WORD ...] [--rule trials signs]
        [--starts 1e-6 1e-2 1]

A cell is a network, a batch size, a number of examples and an optimizer; see CELLS. Images are shrunk to 8x8
(CIFAR-10) or 14x14 (Fashion-MNIST), so that a cell takes seconds. Each is measured fresh, and after 200 steps
at the best rate of the grid. The grid has half decades; a rate's score is the mean loss of the last 50 of 500
batches, always in the same order. Grids are kept in `--cache`, one file for each, so that they are computed
once and an interrupted run goes on. `excess` is the score at the rate of the grid next to the one found, over
the least score of the grid. `--horizons` says instead which rates of the grid are best after fewer steps.
"""

from __future__ import annotations

import argparse
import functools
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import lrswift as lr
from lrswift import nn

STEPS, LAST, BEFORE = 500, 50, 200
HORIZONS = (10, 20, 40, 80, 160)
F = nn.functional
Arrays = tuple[np.ndarray, np.ndarray]


def images(name: str, factor: int, count: int) -> Arrays:
    """Standardized images, each axis shrunk by `factor`."""
    data = lr.data.load(name).train
    x = data.x[:count].astype(np.float32)
    n, height, width = x.shape[:3]
    x = x.reshape(n, height // factor, factor, width // factor, factor, -1).mean((2, 4))
    return (x - x.mean()) / x.std(), data.y[:count]


def text(count: int, length: int = 16) -> Arrays:
    """Stretches of characters, and the same a character later."""
    found = lr.data.load("text").train
    ids = np.asarray(found.x).reshape(-1)
    starts = np.random.default_rng(0).integers(0, len(ids) - length - 1, count)
    rows = ids[starts[:, None] + np.arange(length + 1)].astype(np.int64)
    return np.ascontiguousarray(rows[:, :-1]), np.ascontiguousarray(rows[:, 1:])


def cnn(norm: Callable[[int], nn.Module] | None) -> nn.Module:
    layers: list[nn.Module] = []
    before = 3
    for width, stride in ((12, 1), (24, 2), (24, 1)):
        layers += [nn.Conv2d(before, width, 3, stride, 1), *([norm(width)] if norm else []), nn.ReLU()]
        before = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * 4 * 24, 10))


def lenet() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 3, 1, 1), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 3), nn.Tanh(), nn.Flatten()),
        *(nn.Linear(16 * 5 * 5, 84), nn.Tanh(), nn.Linear(84, 10)),
    )


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
        self.short = nn.Conv2d(inputs, outputs, 1, stride) if inputs != outputs else nn.Identity()

    def forward(self, x: Any) -> Any:
        hidden = self.norm1(self.first(x), relu=True)
        return self.norm2(self.second(hidden), residual=self.short(x), relu=True)


def resnet() -> nn.Module:
    blocks = [Block(12, 12, 1), Block(12, 24, 2), Block(24, 24, 1)]
    return nn.Sequential(nn.Conv2d(3, 12, 3, 1, 1), *blocks, nn.GlobalAvgPool2d(), nn.Linear(24, 10))


def mlp(inputs: int, hidden: int, depth: int, norm: bool = False) -> nn.Module:
    layers: list[nn.Module] = [nn.Flatten()]
    for _ in range(depth):
        layers += [nn.Linear(inputs, hidden), *([nn.LayerNorm(hidden)] if norm else []), nn.ReLU()]
        inputs = hidden
    return nn.Sequential(*layers, nn.Linear(inputs, 10))


class Transformer(nn.Module):
    """Two layers of causal attention over characters."""

    def __init__(self, letters: int = 128, length: int = 16, width: int = 24) -> None:
        super().__init__()
        self.count = letters
        self.letters = nn.Embedding(letters, width)
        self.places = nn.Parameter(lr.tensor(np.zeros((length, width), np.float32)))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 2, 64, 0.0, batch_first=True) for _ in range(2)
        )
        self.head = nn.Linear(width, letters)
        self.mask = np.triu(np.full((length, length), -1e9, np.float32), 1)

    def forward(self, x: Any) -> Any:
        hidden = self.letters(x) + self.places
        for layer in self.layers:
            hidden = layer(hidden, src_mask=self.mask)
        return self.head(hidden).reshape((-1, self.count))


CIFAR = functools.partial(images, "cifar10", 4)
FASHION = functools.partial(images, "fashion-mnist", 2)
NETWORKS: dict[str, tuple[Callable[[], nn.Module], Callable[[int], Arrays]]] = {
    "plain-cnn": (lambda: cnn(None), CIFAR),
    "bn-cnn": (lambda: cnn(nn.BatchNorm2d), CIFAR),
    "gn-cnn": (lambda: cnn(lambda width: nn.GroupNorm(4, width)), CIFAR),
    "resnet": (resnet, CIFAR),
    "lenet": (lenet, FASHION),
    "mlp": (lambda: mlp(196, 64, 2), FASHION),
    "ln-mlp": (lambda: mlp(196, 64, 2, norm=True), FASHION),
    "deep-mlp": (lambda: mlp(192, 128, 3), CIFAR),
    "transformer": (Transformer, text),
}
MOMENTUM = functools.partial(lr.optim.SGD, momentum=0.9)
OPTIMIZERS: dict[str, tuple[Any, np.ndarray]] = {
    "momentum": (MOMENTUM, 10 ** np.arange(-3.5, 0.1, 0.5)),
    "nesterov": (functools.partial(MOMENTUM, nesterov=True), 10 ** np.arange(-3.5, 0.1, 0.5)),
    "adam": (lr.optim.Adam, 10 ** np.arange(-4.5, -0.9, 0.5)),
}
CELLS = (
    ("plain-cnn", 64, 20000, "momentum"),
    ("bn-cnn", 64, 20000, "momentum"),
    ("lenet", 32, 50000, "momentum"),
    ("mlp", 128, 50000, "adam"),
    ("transformer", 32, 20000, "adam"),
    ("plain-cnn", 64, 8192, "nesterov"),
    ("ln-mlp", 16, 5000, "momentum"),
    ("mlp", 512, 2000, "momentum"),
    ("ln-mlp", 256, 20000, "adam"),
    ("lenet", 16, 20000, "nesterov"),
    ("deep-mlp", 64, 20000, "momentum"),
    ("bn-cnn", 128, 2000, "adam"),
    ("gn-cnn", 32, 10000, "nesterov"),
    ("transformer", 32, 20000, "momentum"),
    ("resnet", 48, 18000, "nesterov"),
    ("plain-cnn", 16, 20000, "adam"),
    ("mlp", 64, 50000, "nesterov"),
    ("deep-mlp", 256, 5000, "adam"),
)
# of no part in the choice of constants
REPORTED = (
    ("resnet", 128, 10000, "adam"),
    ("gn-cnn", 256, 20000, "momentum"),
    ("bn-cnn", 16, 5000, "nesterov"),
    ("lenet", 512, 50000, "adam"),
    ("deep-mlp", 16, 2000, "nesterov"),
    ("transformer", 128, 5000, "adam"),
    ("ln-mlp", 512, 50000, "nesterov"),
    ("mlp", 16, 10000, "adam"),
    # those above were seen once before the size of a batch had a part
    ("resnet", 32, 5000, "momentum"),
    ("gn-cnn", 64, 20000, "adam"),
    ("lenet", 128, 10000, "nesterov"),
    ("bn-cnn", 256, 20000, "momentum"),
    ("ln-mlp", 64, 10000, "nesterov"),
    ("plain-cnn", 128, 50000, "adam"),
)


def cross_entropy(outputs: Any, labels: Any) -> Any:
    return F.cross_entropy(outputs, labels.reshape((-1,)))


@dataclass
class State:
    """A network at a point of its training, and the grid there."""

    model: nn.Module
    data: Arrays
    rates: np.ndarray
    # [rates, STEPS]
    losses: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        return self.losses[:, -LAST:].mean(1)

    @property
    def best(self) -> float:
        return self.best_after(STEPS, LAST)

    def best_after(self, steps: int, last: int) -> float:
        """The rate with the least mean loss of `last` steps up to `steps`."""
        return float(self.rates[np.argmin(self.losses[:, steps - last : steps].mean(1))])

    def excess(self, rate: float) -> float:
        nearest = np.argmin(np.abs(np.log(self.rates / rate)))
        return float(self.scores[nearest] / self.scores.min() - 1)


def trained(model: nn.Module, make: Any, rate: float, data: Arrays, batch: int, steps: int, seed: int) -> Any:
    """Losses of `steps` batches at a constant rate; infinite from where the run diverged."""
    optimizer = make(model.parameters(), lr=rate)
    losses: list[float] = []
    epoch = 0
    while len(losses) < steps:
        order = np.random.default_rng((seed, epoch)).permutation(len(data[0]))
        order = order[: min(len(order) // batch, steps - len(losses)) * batch]
        rows = data[0][order], data[1][order]
        try:
            history = lr.fit(
                model, optimizer, rows, loss=cross_entropy, metrics=[], batch_size=batch, shuffle=False,
                progress=False,
            )  # fmt: skip
        except lr.Diverged:
            return np.append(losses, np.full(steps - len(losses), np.inf))
        losses += list(history.losses)
        epoch += 1
    return np.array(losses)


def states(cell: tuple[str, int, int, str], cache: Path, seed: int) -> Iterator[tuple[str, State]]:
    """The cell fresh, then after 200 steps at the best rate."""
    name, batch, count, kind = cell
    make_model, load = NETWORKS[name]
    make, rates = OPTIMIZERS[kind]
    data = load(count)
    lr.seed(seed)
    model = make_model()
    best = None
    for phase in ("fresh", "after"):
        if best is not None:
            trained(model, make, best, data, batch, BEFORE, seed + 1)
        start = model.state_dict()
        path = cache / f"{name}-{batch}-{count}-{kind}-{seed}-{phase}.npy"
        if not path.exists():
            losses = []
            for rate in rates:
                model.load_state_dict(start)
                losses.append(trained(model, make, rate, data, batch, STEPS, seed + 2))
            np.save(path, losses)
        model.load_state_dict(start)
        losses = np.load(path)
        state = State(model, data, rates, np.where(np.isfinite(losses), losses, np.inf))
        best = state.best
        yield phase, state


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", help="folder of the data sets; default $LRSWIFT_DATA")
    parser.add_argument("--cells", nargs="*", default=[], help="those with one of these words")
    parser.add_argument("--rule", nargs="*", default=["trials"], choices=["trials", "signs"])
    parser.add_argument("--starts", nargs="*", type=float, default=[1.0])
    parser.add_argument("--seeds", type=int, default=1, help="searches from each start")
    parser.add_argument("--seed", type=int, default=0, help="of the network and the order of the grid")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "lrswift-find-lr")
    parser.add_argument("--horizons", action="store_true")
    parser.add_argument("--reported", action="store_true", help="the cells that no constant was chosen on")
    arguments = parser.parse_args()
    if arguments.data:
        os.environ["LRSWIFT_DATA"] = arguments.data
    lr.set_threads(1)
    warnings.simplefilter("ignore")
    arguments.cache.mkdir(parents=True, exist_ok=True)
    cells = [
        cell
        for cell in (REPORTED if arguments.reported else CELLS)
        if not arguments.cells or any(word in "-".join(map(str, cell)) for word in arguments.cells)
    ]
    if arguments.horizons:
        horizons(cells, arguments)
    else:
        searches(cells, arguments)


def horizons(cells: list[Any], arguments: argparse.Namespace) -> None:
    """Where the derivative of the loss after some steps with respect to the rate changes sign."""
    print(f"| cell | state | best | {' | '.join(f'after {steps}' for steps in HORIZONS)} |")
    print("|---|---|" + "--:|" * (1 + len(HORIZONS)))
    for cell in cells:
        for phase, state in states(cell, arguments.cache, arguments.seed):
            found = [state.best_after(steps, max(4, steps // 4)) / state.best for steps in HORIZONS]
            print(f"| {' '.join(map(str, cell))} | {phase} | {state.best:.2g} ", end="")
            print(f"| {' | '.join(f'{ratio:.2g}' for ratio in found)} |", flush=True)


def searches(cells: list[Any], arguments: argparse.Namespace) -> None:
    ratios: dict[str, list[float]] = {rule: [] for rule in arguments.rule}
    print(
        "| network | batch | examples | state | optimizer | best | rule | start | found | ratio | excess |",
        end="",
    )
    print(" batches | reliable |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    for cell in cells:
        name, batch, count, kind = cell
        for phase, state in states(cell, arguments.cache, arguments.seed):
            for rule in arguments.rule:
                for start in arguments.starts:
                    for seed in range(arguments.seeds):
                        found = lr.find_lr(
                            state.model, cross_entropy, state.data, OPTIMIZERS[kind][0], batch, start,
                            seed=seed, progress=False, rule=rule,
                        )  # fmt: skip
                        ratios[rule].append(found.lr / state.best)
                        print(
                            f"| {name} | {batch} | {count} | {phase} | {kind} | {state.best:.2g} | {rule} "
                            f"| {start:g} | {found.lr:.2g} | {found.lr / state.best:.2g} "
                            f"| {100 * state.excess(found.lr):.1f} % | {found.steps} "
                            f"| {'yes' if found.reliable else 'no'} |",
                            flush=True,
                        )
    for rule, found in ratios.items():
        factors = np.exp(np.abs(np.log(found)))
        print(
            f"\n{rule}: {(factors <= 3).sum()} of {len(factors)} within a factor 3, "
            f"{(factors <= 10**0.5 + 0.01).sum()} within a step of the grid, the largest {factors.max():.1f}"
        )


if __name__ == "__main__":
    main()
