"""FDS, figure 2: the error of hypergradients averaged over windows of steps, beside Theorem 4.1.

LeNet, momentum 0.9, no decay, learning rates on a cosine from 0.01. Every seed is another network and
another order of the batches; all its T hypergradients come from one sweep in reverse mode. Greedy ones, the
middle panel, are those of the validation loss after each single step, on 200 images.
Source: Micaelli and Storkey, arXiv 2007.07869, section 4.2 and figure 2 (there SVHN, here Fashion-MNIST).
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ... import models, random, store
from ...errors import ArgumentError
from ...hypergradients.episode import IndexedBatches
from ...hypergradients.hypergradient import hypergradient
from ...hypergradients.sharing import SharingNoise, best_window, sharing_bound, sharing_noise
from ...learning.inner_run import row_numbers, seeded
from ...nn.functional import cross_entropy
from ...pictures.figure import BLUE, GRAY, ORANGE, panels
from ...progress import Progress
from .problem import Figure, Pair, cosine, fashion_mnist

NAME = "fds-figure2"
INITIAL_RATE, MOMENTUM = 0.01, 0.9


@dataclass(frozen=True)
class _Scale:
    seeds: int
    steps: int
    batch_size: int
    validation: int
    greedy_seeds: int


# images that a greedy hypergradient is validated on
GREEDY_VALIDATION = 200
_SCALES = {
    "quick": _Scale(seeds=4, steps=12, batch_size=16, validation=200, greedy_seeds=3),
    "small": _Scale(seeds=24, steps=250, batch_size=128, validation=2000, greedy_seeds=8),
    "medium": _Scale(seeds=100, steps=250, batch_size=128, validation=2000, greedy_seeds=50),
}


def make(scale: str, data: str | os.PathLike[str] | None, out: Path, seed: int, progress: bool) -> str:
    """Measures, writes NAME.csv, .json, .png and the hypergradients; returns the table as text."""
    settings = _SCALES[scale]
    found = measure(settings, data, out / f"{NAME}.safetensors", seed, progress)
    greedy = measure(settings, data, out / f"{NAME}-greedy.safetensors", seed, progress, greedily=True)
    noise = noise_of(found)
    rows = table(found, noise)
    best = best_window(noise.mse1, noise.epsilon, noise.correlation)
    measured = min(rows, key=lambda row: row["mse"])["window"]
    # inf without drift
    suggested = min(best, float(settings.steps))
    bias = bias_of(greedy, found)
    facts = {
        "noise": asdict(noise), "best_window": measured, "best_window_of_theorem": suggested, "greedy": bias,
    }  # fmt: skip
    figure = Figure(
        NAME, rows, settings, seed, facts, lambda: _picture(found, greedy, rows, noise, measured, suggested)
    )
    return figure.write(
        out,
        f"best window: measured {measured}, Theorem 4.1 {suggested:.3g} "
        f"(mse1 {noise.mse1:.3g}, drift {noise.epsilon:.3g}, correlation {noise.correlation:.3g})\n"
        f"greedy: squared error {bias['mse']:.3g}, of which bias {bias['bias2']:.3g}; exact ones of a single "
        f"step {bias['exact']:.3g}; the sign of the mean is right in {100 * bias['sign']:.0f} % of the steps",
    )


def measure(
    settings: _Scale, data: Any, path: Path, seed: int, progress: bool, greedily: bool = False
) -> np.ndarray:
    """Hypergradients float64 [seeds, steps], kept in `path` after every seed and continued from there."""
    identity = asdict(settings) | {"seed": seed}
    wanted = settings.greedy_seeds if greedily else settings.seeds
    done = np.zeros((0, settings.steps))
    if path.exists():
        arrays, metadata = store.read(path)
        text = metadata.get("lrswift.reproduce")
        kept = None if text is None else store.facts_of(f"out: {path}", text)
        free = {"seeds": 0, "greedy_seeds": 0}
        if kept is None or {**kept, **free} != {**identity, **free}:
            raise ArgumentError(f"out: {path} was made with {kept}; allowed: the same settings, {identity}")
        found = arrays.get("hypergradients")
        if found is None or found.ndim != 2 or found.shape[1] != settings.steps or found.dtype != np.float64:
            raise store.altered(f"out: {path}", "no hypergradients of every step")
        done = found[:wanted]
    if len(done) == wanted:
        return done
    train, test = fashion_mnist(data)
    one = greedy_seed if greedily else one_seed
    with Progress(wanted - len(done), NAME, progress, "seed") as bar:
        while len(done) < wanted:
            found = one(settings, train, test, random.derived(seed, len(done)))
            done = np.concatenate([done, found[None]])
            store.write(path, {"hypergradients": done}, {"lrswift.reproduce": json.dumps(identity)})
            bar.advance(1, deviation=float(found.std()))
    return done


def one_seed(settings: _Scale, train: Pair, test: Pair, seed: int) -> np.ndarray:
    """Of one network: the hypergradient of every step's learning rate, float64 [steps]."""
    held = [
        tuple(a[i : min(i + 500, settings.validation)] for a in test)
        for i in range(0, settings.validation, 500)
    ]
    return _swept(settings, train, held, seed, None)


def greedy_seed(settings: _Scale, train: Pair, test: Pair, seed: int) -> np.ndarray:
    """Of the same network: that of the validation loss after the step alone, float64 [steps]."""
    return _swept(settings, train, [tuple(a[:GREEDY_VALIDATION] for a in test)], seed, 1)


def _swept(settings: _Scale, train: Pair, held: Any, seed: int, horizon: int | None) -> np.ndarray:
    rates = cosine(INITIAL_RATE, settings.steps)
    numbers = row_numbers(len(train[0]), settings.steps, settings.batch_size, seed)
    batches = IndexedBatches(train, numbers, np.float32)
    found = hypergradient(
        seeded(lambda _: models.lenet(), seed), cross_entropy, batches, held, rates.tolist(), [MOMENTUM],
        mode="reverse", dtype=np.float32, horizon=horizon,
    )  # fmt: skip
    return found.learning_rates


def bias_of(greedy: np.ndarray, exact: np.ndarray) -> dict[str, float]:
    """How far greedy hypergradients are from the mean of the exact ones, of each step.

    mse: of a single seed's. bias2: of the mean of all seeds', without what the seeds at hand add. exact: the
    squared error of a single seed's exact ones. sign: the share of steps where both means have the same.
    """
    mean, own = exact.mean(0), greedy.mean(0)
    chance = greedy.var(0, ddof=1) / len(greedy) + exact.var(0, ddof=1) / len(exact)
    # about the true mean, of which the mean at hand is off by a seeds-th of the variance
    off = ((greedy - mean) ** 2).mean(0) - exact.var(0, ddof=1) / len(exact)
    return {
        "mse": float(off.mean()),
        "bias2": float(((own - mean) ** 2 - chance).mean()),
        "exact": float(exact.var(0, ddof=1).mean()),
        "sign": float((np.sign(mean) == np.sign(own)).mean()),
    }


def windows_of(steps: int) -> list[int]:
    """The windows that divide the run."""
    return [w for w in range(1, steps + 1) if steps % w == 0]


def averaged(hypergradients: np.ndarray, window: int) -> np.ndarray:
    """[seeds, steps]: every entry replaced by the mean of its window."""
    seeds, steps = hypergradients.shape
    means = hypergradients.reshape(seeds, steps // window, window).mean(2)
    return np.repeat(means, window, axis=1)


def errors_of(hypergradients: np.ndarray, window: int) -> tuple[float, float]:
    """(variance, squared bias) of window averages as estimates of the mean hypergradient of each step.

    Unbiased: the mean over the seeds at hand carries a seeds-th of the variance, which is taken off.
    """
    average = averaged(hypergradients, window)
    off = average - hypergradients
    bias2 = off.mean(0) ** 2 - off.var(0, ddof=1) / len(hypergradients)
    return float(average.var(0, ddof=1).mean()), float(bias2.mean())


def noise_of(hypergradients: np.ndarray) -> SharingNoise:
    """What Theorem 4.1 needs, from windows of a tenth of the run.

    From step to step the change of the mean drowns in the noise of the few seeds at hand.
    """
    steps = hypergradients.shape[1]
    window = max(w for w in windows_of(steps) if w <= max(1, steps // 10))
    sums = hypergradients.reshape(len(hypergradients), -1, window).sum(2)
    return sharing_noise(sums, window)


def table(hypergradients: np.ndarray, noise: SharingNoise) -> list[dict[str, Any]]:
    """A row per window."""
    rows = []
    for window in windows_of(hypergradients.shape[1]):
        variance, bias2 = errors_of(hypergradients, window)
        bound = sharing_bound(noise.mse1, noise.epsilon, noise.correlation, window)
        rows.append(
            {"window": window, "mse": variance + bias2, "variance": variance, "bias2": bias2, "bound": bound}
        )
    return rows


def _picture(
    found: np.ndarray,
    greedy: np.ndarray,
    rows: list[dict[str, Any]],
    noise: SharingNoise,
    measured: int,
    suggested: float,
) -> Any:
    figure, (left, between, right) = panels(3)
    steps = np.arange(found.shape[1])
    low, middle, high = np.quantile(greedy, (0.1, 0.5, 0.9), axis=0)
    between.fill_between(steps, low, high, color=BLUE, alpha=0.2, linewidth=0, label="80 % of seeds")
    between.plot(steps, middle, color=BLUE, linewidth=0.8, label="median")
    between.plot(steps, averaged(found, measured).mean(0), color=ORANGE, label="exact, averaged")
    between.axhline(0, color=GRAY, linewidth=0.8)
    between.set(title=f"Greedy ones of {len(greedy)} seeds", xlabel="step")
    between.legend(frameon=False)
    low, middle, high = np.quantile(found, (0.1, 0.5, 0.9), axis=0)
    left.fill_between(steps, low, high, color=BLUE, alpha=0.2, linewidth=0, label="80 % of seeds")
    left.plot(steps, middle, color=BLUE, linewidth=0.8, label="median")
    left.plot(steps, averaged(found, measured).mean(0), color=ORANGE, label=f"mean over {measured} steps")
    left.axhline(0, color=GRAY, linewidth=0.8)
    left.set(title=f"Hypergradients of {len(found)} seeds", xlabel="step")
    left.legend(frameon=False)
    windows = np.array([row["window"] for row in rows])
    right.plot(windows, [row["mse"] for row in rows], "o-", color=BLUE, label="measured")
    right.plot(windows, [row["variance"] for row in rows], ":", color=BLUE, label="its variance")
    fine = np.geomspace(1, windows[-1], 200)
    bound = sharing_bound(noise.mse1, noise.epsilon, noise.correlation, fine)
    right.plot(fine, bound, color=GRAY, label="Theorem 4.1")
    best = next(row for row in rows if row["window"] == measured)
    right.plot(measured, best["mse"], "o", color=ORANGE, markersize=9, label=f"best: {measured}")
    least = sharing_bound(noise.mse1, noise.epsilon, noise.correlation, suggested)
    right.plot(suggested, least, "D", color=GRAY, label=f"its minimum: {suggested:.0f}")
    right.set(title="Mean squared error", xlabel="steps that share a rate", xscale="log", yscale="log")
    right.legend(frameon=False)
    return figure
