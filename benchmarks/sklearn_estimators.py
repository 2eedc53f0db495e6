"""lr.sklearn's estimators beside sklearn.neural_network's, both with their defaults.

    python benchmarks/sklearn_estimators.py --data DIR --out docs/results.md

Each seed splits the data (a quarter is for testing), then fits theirs and ours, or ours and theirs, one after
the other, each on one thread. "Same loss" is the lowest training loss that both reach; the times, of the
processor, are those until the end of the first epoch that is there, ours with the search for the rate.
Replaces the section of --out that it wrote before, or appends it.
"""

from __future__ import annotations

import os

# before anything loads a BLAS: two libraries' idle threads would otherwise fight for the processor
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")

import argparse
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import sklearn.neural_network as theirs
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import lrswift as lr

TITLE = "# scikit-learn estimators"
LOADERS: dict[str, Callable[..., Any]] = {
    "digits": datasets.load_digits,
    "breast cancer": datasets.load_breast_cancer,
    "wine": datasets.load_wine,
    "diabetes": datasets.load_diabetes,
}


def small(name: str, seed: int, standardized: bool) -> tuple[np.ndarray, ...]:
    """x_train, x_test, y_train, y_test."""
    x, y = LOADERS[name](return_X_y=True)
    stratify = None if name == "diabetes" else y
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.25, random_state=seed, stratify=stratify)
    if standardized:
        scaler = StandardScaler().fit(x)
        x, x_test = scaler.transform(x), scaler.transform(x_test)
    return x, x_test, y, y_test


def fashion(root: str | None) -> tuple[np.ndarray, ...]:
    data = lr.data.load("fashion-mnist", root=root).scaled()
    x, x_test = (part.x.reshape(len(part), -1) for part in (data.train, data.test))
    return x, x_test, data.train.y, data.test.y


def fitted(kind: str, whose: Any, data: tuple[np.ndarray, ...], seed: int, epochs: int) -> dict[str, Any]:
    """Score, losses and seconds at the end of every epoch."""
    x, x_test, y, y_test = data
    model = getattr(whose, kind)(random_state=seed, max_iter=epochs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        start, busy = time.perf_counter(), time.process_time()
        model.fit(x, y)
        seconds, busy = time.perf_counter() - start, time.process_time() - busy
    if whose is theirs:
        ends = seconds * np.arange(1, model.n_iter_ + 1) / model.n_iter_
    else:
        # what no epoch took is the search and the preparation before them
        each = np.array([row["seconds"] for row in model.history_.rows])
        ends = seconds - each.sum() + np.cumsum(each)
    rate = getattr(model, "learning_rate_", None)
    losses = np.array(model.loss_curve_)
    # processor time, as other processes want the processor, too
    return {
        "score": model.score(x_test, y_test),
        "losses": losses,
        "ends": ends * busy / seconds,
        "rate": rate,
    }


def duel(kind: str, data: tuple[np.ndarray, ...], seed: int, epochs: int) -> dict[str, Any]:
    order = [theirs, lr.sklearn] if seed % 2 else [lr.sklearn, theirs]
    runs = {whose is theirs: fitted(kind, whose, data, seed, epochs) for whose in order}
    loss = max(run["losses"].min() for run in runs.values())
    reached = {who: run["ends"][np.argmax(run["losses"] <= loss)] for who, run in runs.items()}
    return {"theirs": runs[True], "ours": runs[False], "loss": loss, "seconds": reached}


def row(name: str, duels: list[dict[str, Any]]) -> str:
    def spread(who: str) -> str:
        scores = [d[who]["score"] for d in duels]
        return f"{statistics.mean(scores):.3f} +- {statistics.stdev(scores):.3f}"

    def median(of: Callable[[dict[str, Any]], float]) -> float:
        return statistics.median(of(d) for d in duels)

    rates = [d["ours"]["rate"] for d in duels]
    t, o = (median(lambda d, who=who: d["seconds"][who]) for who in (True, False))
    ratios = sorted(d["seconds"][True] / d["seconds"][False] for d in duels)
    epochs = [f"{median(lambda d, w=who: len(d[w]['losses'])):.0f}" for who in ("theirs", "ours")]
    losses = [f"{median(lambda d, w=who: d[w]['losses'].min()):.3g}" for who in ("theirs", "ours")]
    return (
        f"| {name} | {spread('theirs')} | {spread('ours')} | {' / '.join(epochs)} | {' / '.join(losses)} | "
        f"{t:.2f} s / {o:.2f} s | {median(lambda d: d['seconds'][True] / d['seconds'][False]):.1f} "
        f"({ratios[0]:.1f} to {ratios[-1]:.1f}) | {min(rates):.2g} to {max(rates):.2g} |"
    )


COLUMNS = (
    "data, score: theirs, score: ours, epochs, lowest loss, time to the same loss, theirs / ours, our rate"
)
HEAD = f"| {' | '.join(COLUMNS.split(', '))} |\n|---{'|--:' * 7}|"


def table(seeds: range, standardized: bool) -> Iterator[str]:
    yield HEAD
    for name in LOADERS:
        kind = "MLPRegressor" if name == "diabetes" else "MLPClassifier"
        yield row(name, [duel(kind, small(name, s, standardized), s, 200) for s in seeds])


def section(options: argparse.Namespace) -> Iterator[str]:
    seeds = range(10, 10 + options.seeds)
    threads = lr.get_threads()
    lr.set_threads(1)
    yield TITLE
    yield f"""
Made by

    python benchmarks/sklearn_estimators.py --data DIR --out docs/results.md

on one thread each, scikit-learn {sklearn.__version__}. `lr.sklearn.MLPClassifier()` and `MLPRegressor()`
beside those of `sklearn.neural_network` (Adam at 0.001), all with their defaults: 100 hidden units, the same
first weights, at most 200 epochs. Pairs are theirs / ours, medians over seeds {seeds[0]} to {seeds[-1]}.
Score: accuracy, for diabetes R2, on a quarter held out; mean +- standard deviation. "Same loss" is the
lowest training loss that both reach, of the same function, penalty included. Times are processor time
until the end of the first epoch that reaches it, ours with the search for the rate. The ratio's range is
over seeds.

Our default, "auto", plans all 200 epochs and ends there; theirs stops when the training loss no longer falls.
Its constants were chosen on twenty workloads ([leaderboard.md](leaderboard.md)); other networks on breast
cancer, on diabetes as it is and on digits are among them.

## Standardized inputs (`StandardScaler`)
"""
    yield from table(seeds, True)
    yield """
## The same data as they come

Neither estimator scales its inputs.
"""
    yield from table(seeds, False)
    yield f"""
## Fashion-MNIST

60,000 images, pixels divided by 255, float32, at most {options.epochs} epochs, seeds 10 to
{9 + options.fashion_seeds}.
"""
    yield HEAD
    data = fashion(options.data)
    duels = [duel("MLPClassifier", data, 10 + s, options.epochs) for s in range(options.fashion_seeds)]
    yield row("Fashion-MNIST", duels)
    lr.set_threads(threads)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", help="folder of the data sets (default: $LRSWIFT_DATA)")
    parser.add_argument(
        "--out", type=Path, help="Markdown file whose section to replace (default: only printed)"
    )
    parser.add_argument("--seeds", type=int, default=5, help="at least 2")
    parser.add_argument("--fashion-seeds", type=int, default=3, help="at least 2")
    parser.add_argument("--epochs", type=int, default=10, help="of Fashion-MNIST")
    options = parser.parse_args()
    lines = []
    for line in section(options):
        print(line, flush=True)
        lines.append(line)
    if options.out is not None:
        before = options.out.read_text() if options.out.exists() else ""
        head, _, rest = before.partition(TITLE + "\n")
        after = rest.partition("\n# ")
        kept = "\n# " + after[2] if after[1] else ""
        options.out.write_text(head.rstrip() + "\n\n" + "\n".join(lines) + "\n" + kept)


if __name__ == "__main__":
    main()
