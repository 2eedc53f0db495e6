"""ALRS on MNIST: the rates that it finds, and what training with them gives.

Source: the ALRS paper, tables 1 and 4, figure 1, sections 2.2, 5 and 6.1.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import models, optim, random
from ...nn import Module
from ...nn.functional import cross_entropy
from ...rates.adapters import HD
from ...search.find import FoundRate, find_lr
from ...search.periodic import PeriodicALRS
from ...search.sbf_search import SBFSearch
from ...search.searches import BracketSearch, FineSearch, SBSearch
from .drawings import against, beside, curves
from .study import Cell, Judgement, Numbers, Outcome, Root, Study, mean
from .training import images, trained

OPTIMIZERS: Mapping[str, Callable[..., optim.Optimizer]] = {
    "SGD": functools.partial(optim.SGD, momentum=0.9),
    "Adam": optim.Adam,
}
STANDARD = {"SGD": 0.01, "Adam": 0.001}
BATCH = 128
STARTS = (5e-5, 2e-4, 1e-3, 4e-3, 0.015, 0.06, 0.2, 0.8, 3.0, 10.0)
# the rates found, after the factor of a tenth
TABLE_4 = {("SGD", "MNIST"): 0.016427, ("Adam", "MNIST"): 0.001698}
# final training loss after ten epochs
TABLE_1 = {("ALRS", "SGD"): 0.0131, ("ALRS", "Adam"): 0.0096}
NETWORKS: Mapping[str, Callable[[], Module]] = {"alrs_cnn": models.alrs_cnn, "lenet": models.lenet}


@dataclass(frozen=True)
class Settings:
    """epochs of `images` training images (None: all), so many seeds; the network, starts, fractions."""

    epochs: int
    images: int | None
    seeds: int
    network: str = "alrs_cnn"
    starts: tuple[float, ...] = STARTS
    fractions: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3, 0.5)


def find(
    settings: Settings,
    optimizer: str,
    splits: Any,
    seed: int,
    start: float = 1.0,
    search: Any = None,
    **options: Any,
) -> FoundRate:
    """The rate by signs, from a new network."""
    random.seed(seed)
    with warnings.catch_warnings():
        # what is not reliable shows in the numbers
        warnings.simplefilter("ignore")
        return find_lr(
            NETWORKS[settings.network](), cross_entropy, splits.train, OPTIMIZERS[optimizer], BATCH,
            start=start, search=search, max_epochs=12, seed=seed, progress=False, rule="signs", **options,
        )  # fmt: skip


# ---- table 4: where searches end -------------------------------------------------------------------------


def _start_cells(settings: Settings, seed: int) -> Sequence[Cell]:
    return [
        Cell(optimizer, f"from {start:g}", seed + k)
        for optimizer in OPTIMIZERS
        for start in settings.starts
        for k in range(settings.seeds)
    ]


def _found(settings: Settings, cell: Cell, root: Root) -> Numbers:
    splits = images("mnist", root, settings.images)
    found = find(settings, cell.method, splits, cell.seed, float(cell.setting.split()[1]), window=_window())
    return {"lr": found.lr, "steps": found.steps, "done": float(found.done)}


def _window() -> int:
    """The paper's, of all 60,000 images, however many are there."""
    return 60_000 // BATCH // 50


def _all_rates(outcome: Outcome, optimizer: str) -> np.ndarray:
    return np.concatenate([outcome.values(optimizer, s, "lr") for s in outcome.settings(optimizer)])


def _agree(optimizer: str) -> Callable[[Outcome], Judgement]:
    def judge(outcome: Outcome) -> Judgement:
        rates = _all_rates(outcome, optimizer)
        paper = TABLE_4[optimizer, "MNIST"]
        ratio = rates.mean() / paper
        told = f"{rates.mean():.3g} +- {rates.std():.2g} from {len(rates)} searches, the paper {paper:.3g}"
        return Judgement(bool(0.5 <= ratio <= 2), told)

    return judge


def _independent(outcome: Outcome) -> Judgement:
    told, holds = [], True
    for optimizer in outcome.methods():
        rates = _all_rates(outcome, optimizer)
        holds = holds and rates.max() / rates.min() < 3
        told.append(
            f"{optimizer}: std / mean {100 * rates.std() / rates.mean():.0f} %, largest over smallest "
            f"{rates.max() / rates.min():.2g}"
        )
    return Judgement(bool(holds), "; ".join(told))


TABLE4 = Study(
    name="alrs-table4",
    paper="ALRS",
    item="table 4",
    about="""The rates that searches end at (times a tenth), from ten starting values in [5e-5, 10],
    with momentum 0.9 and with Adam, batches of 128. The network is ours, as the paper does not describe
    its own; at small scale it is LeNet-5.""",
    scales={
        "quick": Settings(1, 1500, 1, "lenet", (0.01, 1.0)),
        "small": Settings(1, 20_000, 2, "lenet"),
        "medium": Settings(1, None, 3),
    },
    cells=_start_cells,
    run=_found,
    metric=("lr", "the rate found"),
    claims={
        "alrs-table4-sgd": _agree("SGD"),
        "alrs-table4-adam": _agree("Adam"),
        "alrs-table4-start": _independent,
    },
    picture=lambda _, outcome: against(
        outcome, "lr", {s: float(s.split()[1]) for s in outcome.settings()}, "starting value", "rate found"
    ),
    extra=("steps", "done"),
)


# ---- table 1: training with the rate found ---------------------------------------------------------------

RATES = ("standard", "x 0.1", "x 10", "ALRS", "HD")


def _train_cells(settings: Settings, seed: int) -> Sequence[Cell]:
    return [
        Cell(rate, optimizer, seed + k)
        for optimizer in OPTIMIZERS
        for rate in RATES
        for k in range(settings.seeds)
    ]


def _rate(settings: Settings, method: str, optimizer: str, splits: Any, seed: int) -> Any:
    if method == "ALRS":
        return find(settings, optimizer, splits, seed, window=_window()).lr
    if method == "HD":
        return HD(initial=STANDARD[optimizer], meta_lr=1e-4 if optimizer == "SGD" else 1e-7)
    return STANDARD[optimizer] * {"standard": 1.0, "x 0.1": 0.1, "x 10": 10.0}[method]


def _trained(settings: Settings, cell: Cell, root: Root) -> Numbers:
    splits = images("mnist", root, settings.images)
    rate = _rate(settings, cell.method, cell.setting, splits, cell.seed)
    make = functools.partial(OPTIMIZERS[cell.setting], lr=rate)
    return trained(NETWORKS[settings.network], make, splits, settings.epochs, BATCH, cell.seed)


def _as_good(optimizer: str) -> Callable[[Outcome], Judgement]:
    def judge(outcome: Outcome) -> Judgement:
        found = {m: outcome.mean(m, optimizer, "train_loss") for m in outcome.methods()}
        told = ", ".join(f"{name} {value:.3g}" for name, value in found.items())
        return Judgement(found["ALRS"] <= min(found["x 0.1"], found["x 10"]), told)

    return judge


def _beats_hd(optimizer: str) -> Callable[[Outcome], Judgement]:
    def judge(outcome: Outcome) -> Judgement:
        ours, theirs = (outcome.mean(m, optimizer, "train_loss") for m in ("ALRS", "HD"))
        return Judgement(ours < theirs, f"ALRS {ours:.3g}, HD {theirs:.3g}")

    return judge


def _reaches(optimizer: str) -> Callable[[Outcome], Judgement]:
    """The paper's loss after ten epochs, or less than twice of it."""

    def judge(outcome: Outcome) -> Judgement:
        loss, paper = outcome.mean("ALRS", optimizer, "train_loss"), TABLE_1["ALRS", optimizer]
        return Judgement(loss <= 2 * paper, f"{loss:.3g}, the paper {paper:.3g}")

    return judge


def _table1(
    name: str, item: str, picture: Any, numbers: Mapping[str, Callable[[Outcome], Judgement]] | None = None
) -> Study:
    return Study(
        name=name,
        paper="ALRS",
        item=item,
        about="""Training loss on MNIST without decay, batches of 128: momentum 0.9 and Adam at the
        standard rate, a tenth and ten times of it, at the rate that ALRS finds, and with hypergradient
        descent from the standard rate.""",
        scales={
            "quick": Settings(1, 1500, 1, "lenet"),
            "small": Settings(4, 10_000, 1, "lenet"),
            "medium": Settings(10, None, 3),
        },
        cells=_train_cells,
        run=_trained,
        metric=("train_loss", "mean of the last epoch"),
        published=TABLE_1,
        claims={f"{name}-sgd": _as_good("SGD"), f"{name}-adam": _as_good("Adam"), **(numbers or {})},
        whole=frozenset({"alrs-table1-sgd-loss", "alrs-table1-adam-loss"} & set(numbers or {})),
        picture=picture,
        extra=("accuracy", "rate"),
    )


TABLE1 = _table1(
    "alrs-table1",
    "table 1",
    lambda _, outcome: beside(outcome, "train_loss", TABLE_1, "training loss"),
    {
        "alrs-table1-sgd-hd": _beats_hd("SGD"),
        "alrs-table1-adam-hd": _beats_hd("Adam"),
        "alrs-table1-sgd-loss": _reaches("SGD"),
        "alrs-table1-adam-loss": _reaches("Adam"),
    },
)
FIGURE1 = _table1("alrs-figure1", "figure 1", lambda _, outcome: curves(outcome, "losses", "training loss"))


# ---- the fraction of the value found ---------------------------------------------------------------------


def _fraction_cells(settings: Settings, seed: int) -> Sequence[Cell]:
    return [
        Cell(optimizer, f"times {fraction:g}", seed + k)
        for optimizer in OPTIMIZERS
        for fraction in settings.fractions
        for k in range(settings.seeds)
    ]


def _fraction(settings: Settings, cell: Cell, root: Root) -> Numbers:
    splits = images("mnist", root, settings.images)
    value = find(settings, cell.method, splits, cell.seed, window=_window()).value
    make = functools.partial(OPTIMIZERS[cell.method], lr=value * float(cell.setting.split()[1]))
    return trained(NETWORKS[settings.network], make, splits, settings.epochs, BATCH, cell.seed)


def _tenth(outcome: Outcome) -> Judgement:
    told, best = [], []
    for optimizer in outcome.methods():
        found = {s: outcome.mean(optimizer, s, "train_loss") for s in outcome.settings(optimizer)}
        best.append(min(found, key=lambda s: found[s]))
        told.append(f"{optimizer}: " + ", ".join(f"{s[6:]} {value:.3g}" for s, value in found.items()))
    return Judgement(all(b == "times 0.1" for b in best), "; ".join(told))


FRACTION = Study(
    name="alrs-fraction",
    paper="ALRS",
    item="section 6.1",
    about="""Training loss at fractions of the value at which the search ends; the paper takes a tenth.
    The network, data and searches are those of table 1.""",
    scales={
        "quick": Settings(1, 1500, 1, "lenet", fractions=(0.1, 0.5)),
        "small": Settings(4, 10_000, 1, "lenet"),
        "medium": Settings(10, None, 3),
    },
    cells=_fraction_cells,
    run=_fraction,
    metric=("train_loss", "mean of the last epoch"),
    claims={"alrs-fraction-tenth": _tenth},
    picture=lambda _, outcome: against(
        outcome,
        "train_loss",
        {s: float(s.split()[1]) for s in outcome.settings()},
        "fraction",
        "training loss",
    ),
    extra=("accuracy", "rate"),
)


# ---- searching again -------------------------------------------------------------------------------------


def _periodic_cells(settings: Settings, seed: int) -> Sequence[Cell]:
    return [
        Cell(method, optimizer, seed + k)
        for optimizer in OPTIMIZERS
        for method in ("once", "every epoch", "every 3 epochs")
        for k in range(settings.seeds)
    ]


def _periodic(settings: Settings, cell: Cell, root: Root) -> Numbers:
    splits = images("mnist", root, settings.images)
    if cell.method == "once":
        rate: Any = find(settings, cell.setting, splits, cell.seed).lr
    else:
        rate = PeriodicALRS(every=1 if cell.method == "every epoch" else 3)
    make = functools.partial(OPTIMIZERS[cell.setting], lr=rate)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return trained(NETWORKS[settings.network], make, splits, settings.epochs, BATCH, cell.seed)


def _helps(outcome: Outcome) -> Judgement:
    told, better = [], []
    for optimizer in outcome.settings():
        found = {m: outcome.mean(m, optimizer, "train_loss") for m in outcome.methods()}
        better.append(min(found.values()) < found["once"])
        told.append(f"{optimizer}: " + ", ".join(f"{name} {value:.3g}" for name, value in found.items()))
    return Judgement(all(better), "; ".join(told))


PERIODIC = Study(
    name="alrs-periodic",
    paper="ALRS",
    item="section 6 (PeriodicALRS)",
    about="Training loss with the rate found once, and found again during training.",
    scales={
        "quick": Settings(2, 1500, 1, "lenet"),
        "small": Settings(6, 10_000, 1, "lenet"),
        "medium": Settings(20, None, 3),
    },
    cells=_periodic_cells,
    run=_periodic,
    metric=("train_loss", "mean of the last epoch"),
    claims={"alrs-periodic-helps": _helps},
    picture=lambda _, outcome: curves(outcome, "losses", "training loss"),
    extra=("accuracy", "rate"),
)


# ---- searches --------------------------------------------------------------------------------------------

SEARCHES: Mapping[str, Callable[[], Any]] = {
    "SBF": lambda: SBFSearch(),
    "SBS alone": lambda: SBSearch(),
    "FS alone": lambda: FineSearch(final_signals=100),
    "bracket": lambda: BracketSearch(),
}


def _search_cells(settings: Settings, seed: int) -> Sequence[Cell]:
    return [
        Cell(search, optimizer, seed + k)
        for optimizer in OPTIMIZERS
        for search in SEARCHES
        for k in range(settings.seeds)
    ]


def _searched(settings: Settings, cell: Cell, root: Root) -> Numbers:
    splits = images("mnist", root, settings.images)
    found = find(settings, cell.setting, splits, cell.seed, search=SEARCHES[cell.method](), window=_window())
    return {"lr": found.lr, "steps": found.steps, "signals": len(found.signals), "done": float(found.done)}


def _cheaper(outcome: Outcome) -> Judgement:
    told = []
    for optimizer in outcome.settings():
        parts = []
        for search in outcome.methods():
            rates = outcome.values(search, optimizer, "lr")
            batches = mean(outcome.values(search, optimizer, "steps"))
            parts.append(f"{search} {rates.mean():.2g} +- {rates.std():.1g} in {batches:.0f} batches")
        told.append(f"{optimizer}: {', '.join(parts)}")
    finite = [mean(outcome.values("SBF", o, "done")) for o in outcome.settings()]
    return Judgement(None if any(map(math.isnan, finite)) else all(v == 1 for v in finite), "; ".join(told))


def _an_epoch(outcome: Outcome) -> Judgement:
    """Batches that the paper's search takes, beside those of an epoch of all images."""
    epoch = 60_000 // BATCH
    found = {o: mean(outcome.values("SBF", o, "steps")) for o in outcome.settings()}
    told = ", ".join(f"{o} {steps:.0f}" for o, steps in found.items())
    holds = all(0.5 * epoch <= steps <= 1.5 * epoch for steps in found.values())
    return Judgement(holds, f"{told} batches, an epoch has {epoch}")


SEARCH = Study(
    name="alrs-search",
    paper="ALRS",
    item="section 4 (ParameterSearch)",
    about="""Cost and spread of four searches from a start of 1: the paper's soft binary and fine
    search, each half alone, and a bracket that is bisected, which never takes a signal back.""",
    scales={
        "quick": Settings(1, 1500, 1, "lenet"),
        "small": Settings(1, 20_000, 2, "lenet"),
        "medium": Settings(1, None, 10),
    },
    cells=_search_cells,
    run=_searched,
    metric=("lr", "the rate found"),
    claims={"alrs-search-ends": _cheaper, "alrs-search-epoch": _an_epoch},
    picture=lambda _, outcome: beside(outcome, "lr", {}, "rate found"),
    extra=("steps", "signals", "done"),
)


# ---- readings of the printed loop ------------------------------------------------------------------------

READINGS: Mapping[str, Mapping[str, Any]] = {
    "printed": {"reading": "printed", "restart": math.inf, "count_first_zero": True},
    "accumulated": {"reading": "accumulated"},
    "last": {"reading": "last"},
}


def _reading_cells(settings: Settings, seed: int) -> Sequence[Cell]:
    return [
        Cell(reading, optimizer, seed + k)
        for optimizer in OPTIMIZERS
        for reading in READINGS
        for k in range(settings.seeds)
    ]


def _read(settings: Settings, cell: Cell, root: Root) -> Numbers:
    splits = images("mnist", root, settings.images)
    found = find(settings, cell.setting, splits, cell.seed, window=_window(), **READINGS[cell.method])
    return {"lr": found.lr, "steps": found.steps, "done": float(found.done)}


def _finds(outcome: Outcome) -> Judgement:
    """Whether the printed loop ends within a factor of ten of the paper's own rates."""
    told, holds = [], True
    for optimizer in outcome.settings():
        parts = [f"{r} {outcome.mean(r, optimizer, 'lr'):.2g}" for r in outcome.methods()]
        paper = TABLE_4[optimizer, "MNIST"]
        holds = holds and 0.1 < outcome.mean("printed", optimizer, "lr") / paper < 10
        told.append(f"{optimizer}: {', '.join(parts)}")
    return Judgement(holds, "; ".join(told))


READING = Study(
    name="alrs-readings",
    paper="ALRS",
    item="algorithm 1",
    about="""The rates that the loop finds as it is printed, where displacements add up without end,
    with displacements that begin anew at every signal, and with the last step alone, which is the
    default here.""",
    scales={
        "quick": Settings(1, 1500, 1, "lenet"),
        "small": Settings(1, 20_000, 2, "lenet"),
        "medium": Settings(1, None, 3),
    },
    cells=_reading_cells,
    run=_read,
    metric=("lr", "the rate found"),
    published={("last", optimizer): rate for (optimizer, _), rate in TABLE_4.items()},
    claims={"alrs-printed": _finds},
    picture=lambda _, outcome: beside(outcome, "lr", {}, "rate found"),
    extra=("steps", "done"),
)
