"""The README's picture: what is reached from each learning rate, and with none.

    python benchmarks/no_rate.py [--out docs/no-rate.svg] [--seeds 3]

scikit-learn's digits, a network 64-100-10, batches of 64, 20 epochs; the test accuracy of the last one.
"""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from statistics import fmean
from typing import Any

import lrswift as lr
from lrswift.pictures.figure import BLUE, GRAY, GREEN, ORANGE

RATES = [10 ** (k / 2) for k in range(-10, 2)]
EPOCHS = 20
RIVALS = {
    "SGD, momentum 0.9": lambda params, rate: lr.optim.SGD(params, lr=rate, momentum=0.9),
    "Adam": lambda params, rate: lr.optim.Adam(params, lr=rate),
}


def accuracy(splits: Any, seed: int, make: Any) -> float:
    """Of one run; chance where it diverged."""
    lr.seed(seed)
    model = lr.models.mlp(inputs=64, hidden=[100], outputs=10)
    train, test = ((part.x.reshape(len(part.x), -1), part.y) for part in (splits.train, splits.test))
    optimizer = "auto" if make is None else make(model.parameters())
    try:
        history = lr.fit(model, optimizer, train, test, epochs=EPOCHS, seed=seed, progress=False)
    except lr.Diverged:
        return 0.1
    return float(history.rows[-1]["accuracy"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/no-rate.svg"))
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "lrswift"
    import matplotlib.pyplot as plt

    splits = lr.data.load("digits").scaled()
    seeds = range(given.seeds)
    figure, ax = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    for (name, make), color in zip(RIVALS.items(), (ORANGE, GREEN), strict=True):
        made = [functools.partial(make, rate=rate) for rate in RATES]
        reached = [100 * fmean(accuracy(splits, seed, each) for seed in seeds) for each in made]
        print(name, *(f"{rate:.2g}: {value:.1f}" for rate, value in zip(RATES, reached, strict=True)))
        ax.plot(RATES, reached, "o-", color=color, markersize=4)
        # beside the rising part, where each curve is alone
        at = next(i for i, value in enumerate(reached) if value > 30)
        place, side = (-8, "right") if name == "Adam" else (8, "left")
        ax.annotate(
            name, (RATES[at], reached[at]), (place, 0), textcoords="offset points", color=color, ha=side
        )
    auto = 100 * fmean(accuracy(splits, seed, None) for seed in seeds)
    print(f"auto: {auto:.1f}")
    ax.axhline(auto, color=BLUE, linewidth=2)
    ax.annotate("lrswift, no rate given", (RATES[0], auto), (0, 6), textcoords="offset points", color=BLUE)
    ax.set(xscale="log", ylim=(0, 108), xlabel="learning rate set by hand", ylabel="test accuracy, %")
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color="#e6e8eb", linewidth=0.8)
    ax.tick_params(colors=GRAY)
    figure.savefig(given.out, metadata={"Date": None})


if __name__ == "__main__":
    main()
