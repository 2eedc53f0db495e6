"""TLR on MNIST: a network of 1000 units over momentum 0.8 and decay 5e-4, from many initial rates.

Source: the TLR paper, figures 1 to 13 and appendix C.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ... import models, optim, random, schedule
from ...errors import Diverged
from ...loop.history import History
from ...nn.functional import cross_entropy
from ...pictures.figure import panels
from ...rates.adapters import HD, NTLR, SLS, SPS, TLR, YellowFin
from ...training.fit import fit
from .drawings import against
from .study import Cell, Judgement, Numbers, Outcome, Root, Study
from .training import images, numbers_of, trained

HEAVY: dict[str, Any] = {"momentum": 0.8, "weight_decay": 5e-4}
RATES = (1e-3, 1e-2, 1e-1)
Make = Callable[[Any], optim.Optimizer]


@dataclass(frozen=True)
class Settings:
    """epochs of `images` training images (None: all), so many seeds, the initial rates and batch sizes."""

    epochs: int
    images: int | None
    seeds: int
    rates: tuple[float, ...] = RATES
    batch_sizes: tuple[int, ...] = (64,)

    def steps(self, batch_size: int) -> int:
        """Of an epoch."""
        return -(-(self.images or 60_000) // batch_size)


QUICK = Settings(2, 600, 1, (1e-2, 1e-1))
SMALL = Settings(12, 4000, 1)
MEDIUM = Settings(30, None, 1)
SCALES = {"quick": QUICK, "small": SMALL, "medium": MEDIUM}


def setting(rate: float, batch_size: int = 64) -> str:
    """As the cells call it."""
    return f"initial {rate:g}, batch {batch_size}"


def read(text: str) -> tuple[float, int]:
    """Initial rate and batch size of a setting."""
    rate, size = text.split(", ")
    return float(rate.split()[1]), int(size.split()[1])


def sgd(lr: Any) -> Make:
    """The paper's direction."""
    return functools.partial(optim.SGD, lr=lr, **HEAVY)


def rule(method: str, initial: float, epochs: int, epoch: int) -> Make:
    """The optimizer of a method, from an initial rate, for so many epochs of so many steps."""
    name, _, value = method.partition(" = ")
    steps = epochs * epoch
    # fit tells the epochs' length, and keeps windows of few batches longer than the momentum's memory
    tlr = functools.partial(TLR, initial=initial)
    made: Mapping[str, Callable[[], Make]] = {
        "TLR": lambda: sgd(tlr()),
        "TLR, window": lambda: sgd(tlr(window=float(value))),
        "TLR, bound": lambda: sgd(tlr(bound=float(value))),
        "TLR per tensor": lambda: sgd(tlr(per="tensor")),
        "TLR, restart": lambda: sgd(tlr(restart=0.5)),
        "TLR, restart from the largest": lambda: sgd(tlr(restart=0.5, restart_from="largest")),
        "NTLR": lambda: sgd(NTLR(initial=initial)),
        "HD, beta": lambda: sgd(HD(initial=initial, meta_lr=float(value))),
        "SGD": lambda: sgd(initial),
        "multi-step": lambda: sgd(schedule.MultiStep(initial, [steps // 2, 3 * steps // 4], 0.1)),
        "exponential": lambda: sgd(schedule.Exponential(initial, 0.01 ** (1 / steps))),
        "warm-up, exponential": lambda: sgd(
            schedule.WarmUp(max(1, steps // 20)) * schedule.Exponential(initial, 0.01 ** (1 / steps))
        ),
        "Adam": lambda: functools.partial(optim.Adam, lr=initial),
        "SPS": lambda: functools.partial(optim.SGD, lr=SPS(c=0.2)),
        "SLS": lambda: functools.partial(optim.SGD, lr=SLS()),
        "YellowFin": lambda: functools.partial(optim.SGD, lr=YellowFin()),
    }
    return made[name]()


def cells_of(methods: Sequence[str]) -> Callable[[Settings, int], Sequence[Cell]]:
    """Every method from every initial rate at every batch size."""

    def cells(settings: Settings, seed: int) -> Sequence[Cell]:
        return [
            Cell(method, setting(rate, size), seed + k)
            for size in settings.batch_sizes
            for method in methods
            for rate in settings.rates
            for k in range(settings.seeds)
        ]

    return cells


def run(settings: Settings, cell: Cell, root: Root) -> Numbers:
    """Trains the network of 1000 units."""
    initial, size = read(cell.setting)
    splits = images("mnist", root, settings.images)
    make = functools.partial(models.mlp, 784, (1000,))
    optimizer = rule(cell.method, initial, settings.epochs, settings.steps(size))
    return trained(make, optimizer, splits, settings.epochs, size, cell.seed)


def spread(outcome: Outcome, method: str) -> float:
    """The largest over the smallest final training loss, over all settings; infinite where one diverged."""
    found = [outcome.mean(method, s, "train_loss") for s in outcome.settings(method)]
    return max(found) / min(found) if all(map(math.isfinite, found)) else math.inf


def _robust(outcome: Outcome) -> Judgement:
    found = {method: spread(outcome, method) for method in outcome.methods()}
    told = ", ".join(f"{method} {_number(ratio)}" for method, ratio in found.items())
    return Judgement(found["TLR"] <= 2 and found["SGD"] > 10, f"largest over smallest loss: {told}")


def _varies(method: str) -> Callable[[Outcome], Judgement]:
    """Whether a rival's loss varies by more than TLR's over rates and batch sizes."""

    def judge(outcome: Outcome) -> Judgement:
        found, ours = spread(outcome, method), spread(outcome, "TLR")
        return Judgement(found > ours, f"{method} {_number(found)}, TLR {_number(ours)}")

    return judge


def _sgd_varies(outcome: Outcome) -> Judgement:
    found = spread(outcome, "SGD")
    return Judgement(found > 10, f"largest over smallest loss {_number(found)}")


def least(outcome: Outcome, method: str) -> float:
    """The least final training loss of a method over all settings."""
    return min(outcome.mean(method, s, "train_loss") for s in outcome.settings(method))


def _listed(outcome: Outcome, measure: Callable[[Outcome, str], float]) -> str:
    return ", ".join(f"{method} {_number(measure(outcome, method))}" for method in outcome.methods())


def _number(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "diverged"


def _worst(outcome: Outcome, method: str) -> float:
    return max(outcome.mean(method, s, "train_loss") for s in outcome.settings(method))


def _windows(outcome: Outcome) -> Judgement:
    third = _worst(outcome, "TLR, window = 0.333")
    small = _worst(outcome, "TLR, window = 0.1")
    return Judgement(third < small, f"worst over the initial rates: {_listed(outcome, _worst)}")


def _beats_hd(outcome: Outcome) -> Judgement:
    rivals = [method for method in outcome.methods() if method.startswith("HD")]
    holds = all(_worst(outcome, "TLR") < _worst(outcome, method) for method in rivals)
    return Judgement(holds, f"worst over the initial rates: {_listed(outcome, _worst)}")


def _peers(outcome: Outcome) -> Judgement:
    rivals = [method for method in outcome.methods() if not method.startswith("TLR")]
    holds = least(outcome, "TLR") <= min(least(outcome, method) for method in rivals)
    return Judgement(holds, f"best over the initial rates: {_listed(outcome, least)}")


def _per_tensor(outcome: Outcome) -> Judgement:
    holds = _worst(outcome, "TLR per tensor") <= _worst(outcome, "TLR")
    return Judgement(holds, f"worst over the initial rates: {_listed(outcome, _worst)}")


def _bounds(outcome: Outcome) -> Judgement:
    found = [outcome.mean("TLR, bound = 5", s, "train_loss") for s in outcome.settings("TLR, bound = 5")]
    lost = sum(not math.isfinite(value) or value > 1 for value in found)
    return Judgement(lost > 0, f"worst over the initial rates: {_listed(outcome, _worst)}")


def _schedules(outcome: Outcome) -> Judgement:
    holds = _worst(outcome, "TLR") < _worst(outcome, "warm-up, exponential")
    return Judgement(holds, f"worst over the initial rates: {_listed(outcome, _worst)}")


def _picture(_: Any, outcome: Outcome) -> Any:
    """Final loss against the initial rate, at the batch size that comes first."""
    size = read(outcome.settings()[0])[1]
    position = {s: read(s)[0] for s in outcome.settings() if read(s)[1] == size}
    return against(outcome, "train_loss", position, "initial rate", "training loss")


def _study(
    name: str,
    item: str,
    about: str,
    methods: Sequence[str],
    claims: Mapping[str, Callable[[Outcome], Judgement]],
    paper: Settings | None = None,
    **changes: Any,
) -> Study:
    scales = {scale: replace(settings, **changes) for scale, settings in SCALES.items()}
    if paper is not None:
        scales["paper"] = paper
    return Study(
        name=name,
        paper="TLR",
        item=item,
        about=f"{about} MNIST, 784-1000-10; momentum 0.8, decay 5e-4 but for Adam, SPS, SLS and YellowFin.",
        scales=scales,
        cells=cells_of(methods),
        run=run,
        metric=("train_loss", "mean of the last epoch"),
        claims=claims,
        picture=_picture,
        extra=("accuracy", "rate"),
    )


ROBUSTNESS = _study(
    "tlr-robustness", "figures 1 and 10 to 12",
    "Training loss against the initial rate and the batch size.",
    ("TLR", "NTLR", "SGD", "multi-step", "exponential", "YellowFin"), {
        "tlr-robust": _robust, "tlr-robust-sgd": _sgd_varies, "tlr-robust-multistep": _varies("multi-step"),
        "tlr-robust-exponential": _varies("exponential"), "tlr-robust-yellowfin": _varies("YellowFin"),
    },
    # how many seeds the paper averages is not said
    Settings(80, None, 1, batch_sizes=(64, 128, 256, 512)), batch_sizes=(64, 256),
)  # fmt: skip
# as many windows as the rate needs to come from 1e-3
ROBUSTNESS.scales["small"] = Settings(30, 4000, 1, batch_sizes=(64, 256))  # type: ignore[index]
WINDOW = _study(
    "tlr-window", "figure 6", "Training loss against the window, a fraction of an epoch.",
    [f"TLR, window = {window:g}" for window in (0.1, 0.25, 0.333, 0.5, 1.0)], {"tlr-window": _windows},
)  # fmt: skip
# a tenth of an epoch is then longer than the momentum's memory
WINDOW.scales["small"] = Settings(6, 12_000, 1)  # type: ignore[index]
AGAINST_HD = _study(
    "tlr-hd", "figures 2 and 9", "TLR beside hypergradient descent with three rates of its own rate.",
    ("TLR", "HD, beta = 0.001", "HD, beta = 0.0001", "HD, beta = 1e-05"), {"tlr-hd": _beats_hd},
)  # fmt: skip
PEERS = _study(
    "tlr-peers", "figures 3 and 13", "TLR beside Adam, line search, Polyak's step and a schedule by hand.",
    ("TLR", "Adam", "SLS", "SPS", "multi-step"), {"tlr-peers": _peers},
)  # fmt: skip
BOUND = _study(
    "tlr-bound", "figure 8", "Training loss against the bound on a window's growth.",
    [f"TLR, bound = {bound:g}" for bound in (0.1, 0.25, 1, 5)], {"tlr-bound": _bounds},
)  # fmt: skip
SCHEDULE = _study(
    "tlr-schedule", "appendix C", "TLR and its restarts beside warm-up with exponential decay.",
    ("TLR", "TLR, restart", "TLR, restart from the largest", "warm-up, exponential"),
    {"tlr-schedule": _schedules},
)  # fmt: skip


# ---- per layer ------------------------------------------------------------------------------------------


def _run_by_name(settings: Settings, cell: Cell, root: Root) -> Numbers:
    """As `run`, and the rate of every tensor at the end of each epoch."""
    initial, size = read(cell.setting)
    splits = images("mnist", root, settings.images)
    random.seed(cell.seed)
    network = models.mlp(784, (1000,))
    optimizer = rule(cell.method, initial, settings.epochs, settings.steps(size))(network.named_parameters())
    rates: dict[str, list[float]] = {}

    def note(_: History) -> None:
        found = optimizer.lr if isinstance(optimizer.lr, dict) else {"all": optimizer.lr}
        for name, rate in found.items():
            rates.setdefault(name, []).append(float(rate))

    diverged = False
    try:
        history = fit(
            network, optimizer, splits.train, splits.test, cross_entropy,
            epochs=settings.epochs, batch_size=size, seed=cell.seed, progress=False, callbacks=[note],
        )  # fmt: skip
    except Diverged as error:
        history, diverged = error.history, True
    return {**numbers_of(history, network, splits.train, diverged), "by_name": rates}


def _heat(_: Any, outcome: Outcome) -> Any:
    """Rates of the tensors by epoch, from the middle one of the initial rates."""
    settings = outcome.settings("TLR per tensor")
    found = outcome.of("TLR per tensor", settings[len(settings) // 2])[0]["by_name"]
    figure, (axis,) = panels(1)
    drawn = axis.imshow(np.log10(np.array(list(found.values()))), aspect="auto", cmap="viridis")
    axis.set(xlabel="epoch", yticks=range(len(found)), yticklabels=list(found))
    figure.colorbar(drawn, ax=axis, label="log10 of the rate")
    return figure


PER_LAYER = replace(
    _study(
        "tlr-perlayer", "figure 7", "A rate for each tensor beside one for all, and the rates by name.",
        ("TLR", "TLR per tensor"), {"tlr-perlayer": _per_tensor},
    ),
    run=_run_by_name,
    picture=_heat,
)  # fmt: skip
__all__ = ["AGAINST_HD", "BOUND", "PEERS", "PER_LAYER", "ROBUSTNESS", "SCHEDULE", "WINDOW"]
