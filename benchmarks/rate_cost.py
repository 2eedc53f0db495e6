"""What a learning-rate method costs per step, beside the plain direction it works over.

    python benchmarks/rate_cost.py --data DIR [--page docs/performance.md]

All methods take turns, a block of steps each, on the MNIST CNN (batch 64) and the MLP 784-1000-1000-10
(batch 128), on MNIST: how often a method evaluates the loss depends on the data. A figure is the median
over rounds of (time of the method's block) / (time of the plain direction's block in the same round), with
the quartiles. `--processor` takes processor time on one thread, which is what is left to compare on a crowded
machine. `--readme` writes the table between its markers in that file.
"""

from __future__ import annotations

import argparse
import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from support.turns import Clock, take_turns

import lrswift as lr
from lrswift import _core
from lrswift.loop.recorder import Recorder
from lrswift.tensors.creation import tensor

Arrays = tuple[np.ndarray, np.ndarray]
adapt, optim = lr.adapt, lr.optim
cross_entropy = lr.nn.functional.cross_entropy


@dataclass(frozen=True)
class Entry:
    """A method, and the plain direction that it is measured against."""

    name: str
    plain: str | None
    make: Callable[[Any], optim.Optimizer]


def sgd(rate: Any, momentum: float = 0.0) -> Callable[[Any], optim.Optimizer]:
    return lambda params: optim.SGD(params, lr=rate, momentum=momentum)


def adam(rate: Any) -> Callable[[Any], optim.Optimizer]:
    return lambda params: optim.Adam(params, lr=rate)


ENTRIES = [
    Entry("SGD", None, sgd(0.01)),
    Entry("momentum SGD", None, sgd(0.01, 0.9)),
    Entry("Adam", None, adam(1e-3)),
    Entry("L4 (momentum)", "momentum SGD", optim.L4Mom),
    Entry("L4 (Adam)", "Adam", optim.L4Adam),
    Entry("TLR", "momentum SGD", sgd(adapt.TLR(initial=0.001, window=50), 0.9)),
    Entry("TLR per tensor", "momentum SGD", sgd(adapt.TLR(initial=0.001, window=50, per="tensor"), 0.9)),
    Entry("HD", "momentum SGD", sgd(adapt.HD(initial=0.001, meta_lr=1e-7), 0.9)),
    Entry("SPS", "momentum SGD", sgd(adapt.SPS(max_lr=0.01, steps_per_epoch=500), 0.9)),
    Entry("Barzilai-Borwein", "SGD", sgd(adapt.BarzilaiBorwein(max_lr=0.01))),
    Entry("DoG", "SGD", sgd(adapt.DoG())),
    Entry("QLABGrad", "SGD", sgd(adapt.QLABGrad())),
    Entry("LQA", "SGD", sgd(adapt.LQA())),
    Entry("SLS", "SGD", sgd(adapt.SLS(steps_per_epoch=500))),
    Entry("Newton (exact curvature)", "SGD", sgd(adapt.Newton(max_lr=0.1))),
    Entry("naive TLR", "SGD", sgd(adapt.NaiveTLR(initial=0.001, meta_lr=1e-8))),
    Entry("D-Adaptation", "SGD", sgd(adapt.DAdaptation(max_lr=0.01))),
    Entry("D-Adaptation (Adam)", "Adam", adam(adapt.DAdaptation(max_lr=1e-3))),
    Entry("Prodigy", "Adam", adam(adapt.Prodigy(max_lr=1e-3))),
    Entry("Schedule-Free", "SGD", lambda params: optim.ScheduleFree(params, lr=0.01)),
    Entry("Schedule-Free AdamW", "Adam", lambda params: optim.ScheduleFree(params, direction="adamw")),
    Entry("YellowFin", "momentum SGD", sgd(adapt.YellowFin(max_lr=0.01))),
    Entry("MoMo", "momentum SGD", sgd(adapt.MoMo(lr=0.01))),
    Entry("SGD-BB", "SGD", sgd(adapt.StochasticBarzilaiBorwein(max_lr=0.01))),
]


class Contestant:
    """A model with its recorded loss and its optimizer."""

    def __init__(self, entry: Entry, make_model: Callable[[], Any], data: Arrays, batch: int) -> None:
        lr.seed(0)
        model = make_model()
        self.data = (tensor(data[0]), tensor(data[1]))
        self.batch = batch
        self.next = 0
        self.optimizer = entry.make(model.named_parameters())
        self.program = Recorder(model, cross_entropy).program(self.data, batch)
        self.model = model
        self.take(3)
        self.optimizer.record(4096)

    def take(self, steps: int) -> float:
        """Seconds for that many steps."""
        rows = np.arange(self.next, self.next + steps * self.batch, dtype=np.int64) % len(
            self.data[1].numpy()
        )
        rows = rows.reshape(steps, self.batch)
        self.next += steps * self.batch
        start = Clock.now()
        done = 0
        while done < steps:
            done += self.program.run(self.optimizer._core, self.data, rows[done:], 1e9)[0]
        return Clock.now() - start

    def per_step(self, steps: int) -> float:
        return self.take(steps) / steps

    def probes(self) -> float:
        """Mean number of evaluations beyond the step's own."""
        probes = self.optimizer.history["probes"]
        return float(np.mean(probes)) if len(probes) else 0.0


def measure(
    make_model: Callable[[], Any], data: Arrays, batch: int, steps: int, rounds: int
) -> list[dict[str, Any]]:
    contestants = {entry.name: Contestant(entry, make_model, data, batch) for entry in ENTRIES}
    outcomes = take_turns(
        {name: functools.partial(c.per_step, steps) for name, c in contestants.items()}, rounds
    )
    rows = []
    for entry in ENTRIES:
        own = outcomes[entry.name]
        low, ratio, high = own.over(outcomes[entry.plain or entry.name])
        rows.append(
            {
                "name": entry.name, "plain": entry.plain, "ms": 1e3 * own.middle, "mark": own.mark,
                "ratio": ratio, "low": low, "high": high, "probes": contestants[entry.name].probes(),
            }
        )  # fmt: skip
        row = rows[-1]
        print(
            f"{entry.name:26s} {row['ms']:8.2f} ms{own.mark}  {ratio:5.2f} ({low:.2f}-{high:.2f}) x "
            f"{entry.plain or 'itself':14s} probes {row['probes']:.2f}",
            flush=True,
        )
    return rows


def table(cnn: list[dict[str, Any]], mlp: list[dict[str, Any]]) -> str:
    lines = [
        "| method | over | probes per step | time on the CNN | on the MLP |",
        "|---|---|---|---|---|",
    ]
    for a, b in zip(cnn, mlp, strict=True):
        if a["plain"] is None:
            lines.append(f"| {a['name']} | | | {a['ms']:.1f} ms | {b['ms']:.1f} ms |")
        else:
            lines.append(
                f"| {a['name']} | {a['plain']} | {a['probes']:.2g} | {a['ratio']:.2f} | {b['ratio']:.2f} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", help="folder of datasets; default: $LRSWIFT_DATA")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=10, help="steps per block")
    parser.add_argument("--processor", action="store_true", help="processor time on one thread")
    parser.add_argument("--page", type=Path, help="write the table between its markers in this file")
    parser.add_argument("--json", type=Path, help="write all figures there")
    arguments = parser.parse_args()
    Clock.processor = arguments.processor
    if arguments.processor:
        lr.set_threads(1)
    lr.show_config()
    train = lr.data.load("mnist", arguments.data).train
    data = (train.x[:20_000].astype(np.float32) / 255, train.y[:20_000])
    print(f"MNIST CNN, batch 64, {_core.get_threads()} threads")
    cnn = measure(lr.models.mnist_cnn, data, 64, arguments.steps, arguments.rounds)
    print("MLP 784-1000-1000-10, batch 128")
    mlp = measure(
        lambda: lr.models.mlp(784, hidden=[1000, 1000]), data, 128, arguments.steps, arguments.rounds
    )
    print(table(cnn, mlp))
    if arguments.json:
        arguments.json.write_text(json.dumps({"cnn": cnn, "mlp": mlp}, indent=1))
    if arguments.page:
        text = arguments.page.read_text()
        start, end = "<!-- rate cost -->\n", "<!-- end of rate cost -->"
        head, rest = text.split(start)
        arguments.page.write_text(head + start + table(cnn, mlp) + "\n" + end + rest.split(end)[1])


if __name__ == "__main__":
    main()
