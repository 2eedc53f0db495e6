"""The measurements behind docs/results.md: MNIST without a learning rate, and the rates that ALRS finds.

    python benchmarks/mnist_results.py --data DIR --out docs/results.md

Every row is printed as soon as it is known and kept in the file `--cache`, so that a run that was
interrupted goes on where it stopped. `--quick` takes a few hundred images, to try the script itself.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np

import lrswift as lr

Result = dict[str, Any]
Arrays = tuple[np.ndarray, np.ndarray]
cross_entropy = lr.nn.functional.cross_entropy

OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "sgd": functools.partial(lr.optim.SGD, momentum=0.9),
    "adam": lr.optim.Adam,
}
NAMES = {"sgd": "SGD, momentum 0.9", "adam": "Adam"}
STARTS = (1e-3, 0.1, 10.0)
PAPER = {"sgd": (0.0164, 0.0026), "adam": (0.0017, 0.0004)}


@dataclass(frozen=True)
class Run:
    """A network trained with one method."""

    name: str
    label: str
    epochs: int
    make: Callable[[Any], Any]
    search: str | None = None

    def __call__(self, train: Arrays, test: Arrays, seed: int, quick: bool) -> Result:
        lr.seed(seed)
        model = lr.models.mlp(784, hidden=[1000, 1000])
        start = time.perf_counter()
        if self.search is None:
            optimizer, found = self.make(model.named_parameters()), None
        else:
            found = lr.find_lr(
                model, cross_entropy, train, OPTIMIZERS[self.search], batch_size=64, seed=seed,
                progress=False, rule="signs",
            )  # fmt: skip
            optimizer = OPTIMIZERS[self.search](model.named_parameters(), lr=found.lr)
        lr.seed(seed)
        epochs = 1 if quick else self.epochs
        history = lr.fit(
            model, optimizer, train, test, epochs=epochs, batch_size=64, seed=seed, progress=False
        )
        rates = history.rates[:, 0]
        return {
            "accuracy": 100 * history.rows[-1]["accuracy"],
            "loss": history.rows[-1]["train_loss"],
            "rates": [float(np.quantile(rates, q)) for q in (0.05, 0.95)],
            "last": float(rates[-1]),
            "found": None if found is None else found.lr,
            "searched": 0 if found is None else found.steps,
            "seconds": time.perf_counter() - start,
        }


def runs() -> list[Run]:
    """The trained networks, a row each."""
    sgd, adapt = lr.optim.SGD, lr.adapt
    rows = [
        Run("l4mom", "L4Mom", 2, lr.optim.L4Mom),
        Run("l4adam", "L4Adam", 2, lr.optim.L4Adam),
    ]
    for trial in (1e-4, 1e-2, 0.1, 1.0):
        rate = adapt.QLABGrad(trial=trial)
        make = functools.partial(sgd, lr=rate)
        rows.append(Run(f"qlabgrad-{trial:g}", f"QLABGrad, trial rate {trial:g}", 2, make))
    for name, optimizer in OPTIMIZERS.items():
        rows.append(Run(f"alrs-{name}", f"ALRS, then {NAMES[name]}", 2, optimizer, search=name))
    for initial in (1e-3, 1e-2, 1e-1):
        rate = adapt.TLR(initial=initial, window=1 / 3)
        make = functools.partial(sgd, lr=rate, momentum=0.8, weight_decay=5e-4)
        rows.append(Run(f"tlr-{initial:g}", f"TLR, initial rate {initial:g}", 8, make))
    return rows


def search(name: str, start: float, seed: int, train: Arrays) -> Result:
    """One search by ALRS on the convolutional network, batch 128."""
    lr.seed(seed)
    model = lr.models.alrs_cnn()
    since = time.perf_counter()
    found = lr.find_lr(
        model, cross_entropy, train, OPTIMIZERS[name], batch_size=128, start=start, seed=seed, progress=False,
        rule="signs",
    )  # fmt: skip
    return {
        "lr": found.lr,
        "steps": found.steps,
        "signals": len(found.signals),
        "done": found.done,
        "untouched": found.receipt["untouched"],
        "seconds": time.perf_counter() - since,
    }


class Cache:
    """Results by name in a JSON file, written after each; forgotten when the settings are others."""

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path = path
        self.settings = settings
        self.results: dict[str, Result] = {}
        if path.exists():
            stored = json.loads(path.read_text())
            if stored.get("settings") == settings:
                self.results = stored["results"]

    def get(self, name: str, compute: Callable[[], Result]) -> Result:
        if name not in self.results:
            self.results[name] = compute()
            partial = self.path.with_suffix(".part")
            partial.write_text(json.dumps({"settings": self.settings, "results": self.results}, indent=1))
            os.replace(partial, self.path)
        return self.results[name]


def spread(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0


def percent(values: Sequence[float]) -> str:
    mean = f"{fmean(values):.2f}"
    return mean if len(values) == 1 else f"{mean} +- {spread(values):.2f} (lowest {min(values):.2f})"


def rate_text(results: Sequence[Result]) -> str:
    """The rate found, or between which rates the middle 90 % of the steps lay and the last one."""
    if results[0]["found"] is not None:
        found = ", ".join(f"{r['found']:.2g}" for r in results)
        return f"found {found} in {round(fmean(r['searched'] for r in results))} batches"
    low, high = min(r["rates"][0] for r in results), max(r["rates"][1] for r in results)
    last = ", ".join(f"{r['last']:.2g}" for r in results)
    return f"{low:.2g} to {high:.2g}, last {last}"


def train_all(cache: Cache, train: Arrays, test: Arrays, seeds: int, quick: bool) -> list[str]:
    """The table of trained networks as Markdown lines, each printed when known."""
    lines = [
        "| method | epochs | test accuracy % | learning rate |",
        "|---|--:|--:|---|",
    ]
    say(*lines)
    for run in runs():
        results = [
            cache.get(f"{run.name}/{seed}", functools.partial(run, train, test, seed, quick))
            for seed in range(seeds)
        ]
        epochs = 1 if quick else run.epochs
        accuracies = [result["accuracy"] for result in results]
        lines.append(f"| {run.label} | {epochs} | {percent(accuracies)} | {rate_text(results)} |")
        say(lines[-1])
    return lines


def search_all(cache: Cache, train: Arrays, quick: bool) -> list[str]:
    """The rates that ALRS finds, and how they scatter, as Markdown lines."""
    seeds = range(1 if quick else 3)
    detail = ["| optimizer | start | " + " | ".join(f"seed {s}" for s in seeds) + " | batches |"]
    detail.append("|---|--:|" + "--:|" * (len(seeds) + 1))
    say(*detail)
    found: dict[str, list[Result]] = {name: [] for name in OPTIMIZERS}
    for name in OPTIMIZERS:
        for start in STARTS:
            row = [
                cache.get(f"search-{name}-{start:g}/{s}", functools.partial(search, name, start, s, train))
                for s in seeds
            ]
            found[name] += row
            rates = " | ".join(f"{r['lr']:.5f}" for r in row)
            batches = ", ".join(str(r["steps"]) for r in row)
            detail.append(f"| {NAMES[name]} | {start:g} | {rates} | {batches} |")
            say(detail[-1])
    return [*summarize(found), "", *detail]


def summarize(found: dict[str, list[Result]]) -> list[str]:
    lines = [
        "| optimizer | the paper | found, mean +- std | of the paper | std / mean | batches "
        "| model untouched |",
        "|---|--:|--:|--:|--:|--:|---|",
    ]
    for name, results in found.items():
        rates = [result["lr"] for result in results]
        mean, deviation = fmean(rates), spread(rates)
        steps = [result["steps"] for result in results]
        untouched = sum(result["untouched"] for result in results)
        lines.append(
            f"| {NAMES[name]} | {PAPER[name][0]} +- {PAPER[name][1]} | {mean:.5f} +- {deviation:.5f} "
            f"| {mean / PAPER[name][0]:.2f} | {100 * deviation / mean:.0f} % "
            f"| {min(steps)} to {max(steps)} | {untouched} of {len(results)} |"
        )
    say("", *lines)
    return lines


def machine() -> str:
    """Processor, cores and what the library says of its own build."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), model)
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        lr.show_config()
    cores = len(os.sched_getaffinity(0))
    return f"{model}, {cores} cores, Python {platform.python_version()}\n{text.getvalue().rstrip()}"


DOCUMENT = """# Results on MNIST

The papers' figures, tables and claims, each with its command, our number and whether it holds here, are in
[papers/README.md](papers/README.md); what their theorems say in [theory.md](theory.md). Here is what else
was measured.

What the rates reach on MNIST when nobody chooses them. The other parts of this page: scikit-learn's
estimators, a schedule learned from nothing, the sensitivity to the initial rate, and figures of FDS in
small. Made by

    {command}

on

{machine}

## Training without a learning rate

MLP 784-1000-1000-10, ReLU, batch 64, pixels divided by 255, {images:,} training images. Accuracy on the
test images after the last epoch; {over}.
L4 runs with its defaults. QLABGrad finds its trial rate again every 100 steps. TLR runs over momentum 0.8
with weight decay 5e-4 and a window of a third of an epoch. The last column gives the range that holds the
middle 90 % of the steps' rates, and the rate of the last step.

{trained}

QLABGrad takes the minimum of one batch's parabola. Where the parabola is nearly flat, its minimum is far
away. Such a step now and then sets the network back, which takes some steps to recover. Rates beyond 2.5
trial rates are checked and halved until the batch's loss falls as promised (`check=None`: the paper's rule,
without). But the batch cannot know what a step does to other batches. The accuracy above
is that of the last step, and a run may end on a bad one: the last batch has 32 images only.

## Rates found before training

ALRS (`lr.find_lr`) on the network conv 3x3 32 - conv 3x3 64 - pool - 128 - 10, batch 128, from the starting
values 0.001, 0.1 and 10, {seeds} each. An epoch has {batches} full batches. The paper does not describe its
own network for MNIST, so its rates are a neighbor to compare with, not digits to reproduce.

{searched}

A search starts Adam's moments and A anew whenever its value has moved by a factor of 2 (`restart`).
"""


def document(trained: list[str], searched: list[str], options: argparse.Namespace, images: int) -> str:
    command = "python benchmarks/mnist_results.py --data DIR --out docs/results.md"
    command += f" --seeds {options.seeds}" * (options.seeds > 1) + " --quick" * options.quick
    last = options.seeds - 1
    return DOCUMENT.format(
        command=command,
        images=images,
        batches=images // 128,
        seeds="one seed" if options.quick else "three seeds",
        machine="\n".join(f"    {line}".rstrip() for line in machine().splitlines()),
        over="seed 0" if last == 0 else f"mean +- standard deviation over seeds 0 to {last}",
        trained="\n".join(trained),
        searched="\n".join(searched),
    )


def say(*lines: str) -> None:
    for line in lines:
        print(line, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--data", type=Path, help="folder that holds mnist/ (default: LRSWIFT_DATA, then ./data)"
    )
    parser.add_argument("--out", type=Path, help="Markdown file to write (default: only printed)")
    parser.add_argument("--quick", action="store_true", help="a few hundred images, one epoch, one seed")
    parser.add_argument("--seeds", type=int, default=1, help="seeds of every trained network (default 1)")
    parser.add_argument("--cache", type=Path, help="file of finished rows (default: in the temporary folder)")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    count = 640 if options.quick else None
    splits = lr.data.load("mnist", options.data).scaled()
    train, test = splits.train[:count], splits.test[:count]
    flat: list[Arrays] = [(part.x.reshape(len(part), -1), part.y) for part in (train, test)]
    images: Arrays = (train.x[..., None], train.y)
    settings = {"images": len(train), "version": lr.__version__}
    name = f"lrswift-mnist-results{'-quick' if options.quick else ''}.json"
    cache = Cache(options.cache or Path(tempfile.gettempdir()) / name, settings)
    say(machine(), "")
    trained = train_all(cache, *flat, options.seeds, options.quick)
    say("")
    searched = search_all(cache, images, options.quick)
    if options.out is not None:
        before = options.out.read_text() if options.out.exists() else ""
        # what other benchmarks wrote below stays
        _, mark, below = before.partition("\n# ")
        options.out.write_text(document(trained, searched, options, len(train)) + mark + below)
    return 0


if __name__ == "__main__":
    sys.exit(main())
