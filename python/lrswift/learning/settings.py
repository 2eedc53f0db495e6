"""What `learn_schedule` is given, checked: settings, starting values, and data as arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import random
from ..checks import check_number, check_whole
from ..data.batches import permutation
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..hypergradients.hypergradient import CURVATURES
from ..hypergradients.layers import SCOPES, layer_names
from ..optim.rules import FAMILIES as ALL_FAMILIES
from ..optim.rules import rules
from ..tensors.tensor import Tensor

OPTIMIZERS = ("sgd", *rules()["sgd"].variants)
# of these rules
FAMILIES = tuple(f for f in ALL_FAMILIES if f == "learning_rates" or f in rules()["sgd"].families)
UPDATES = ("gated", "sign", "gradient")
HELD_OUT = 0.1
RANGES = ((-1.0, 1.0), (-1.5, 1.5), (-4e-3, 4e-3))


@dataclass(frozen=True)
class SearchSettings:
    """How many starting points are tried, and between which bounds, for each family."""

    trials: int
    ranges: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Settings:
    """The checked arguments that decide the numbers.

    counts: values of each family; windows: those that follow each other, which differ where every one of
    `layers` has its own.
    """

    steps: int
    batch_size: int
    counts: tuple[int, int, int]
    windows: tuple[int, int, int]
    layers: tuple[str, ...]
    step_size: tuple[tuple[float, ...], ...]
    initial: tuple[tuple[float, ...], ...]
    step_decay: float
    update: str
    seeds: int
    seed: int
    clip_gradient: float | None
    clip_hvp: float | None
    optimizer: str
    horizon: int | None
    mode: str
    curvature: str
    budgets: tuple[int, ...]
    blocks: int
    finalists: int

    def budget(self, outer: int) -> int:
        """Inner steps of an outer step."""
        return self.budgets[outer] if outer < len(self.budgets) else self.steps

    def replica_seed(self, outer: int, replica: int) -> int:
        """Of weights and batches: new ones in every outer step."""
        words = np.random.SeedSequence((self.seed, outer, replica)).generate_state(1, np.uint32)
        return int(words[0])

    def final_seed(self, replica: int) -> int:
        """Of networks that no outer step has trained."""
        return int(np.random.SeedSequence((self.seed, replica)).generate_state(1, np.uint32)[0])

    def options(self) -> dict[str, Any]:
        """What goes to `hypergradient` as it is."""
        names = ("clip_gradient", "clip_hvp", "optimizer", "horizon", "mode", "curvature")
        return {name: getattr(self, name) for name in names} | ({"per": "layer"} if self.layers else {})

    def identity(self) -> dict[str, Any]:
        """What must not change between a checkpoint and its continuation."""
        return {name: value for name, value in vars(self).items() if name not in ("blocks", "finalists")}

    def columns(self) -> list[tuple[int, ...] | None]:
        """The values that each block differentiates by, dealt out in turn: later ones are cheaper."""
        if self.blocks == 1:
            return [None]
        return [tuple(range(first, sum(self.counts), self.blocks)) for first in range(self.blocks)]


def check(
    outer_steps: int,
    make_model: Callable[[int], Any] | None = None,
    per: str = "all",
    curvature: str = "hessian",
    **given: Any,
) -> Settings:
    """Settings of the arguments of `learn_schedule`. ArgumentError or ArgumentTypeError naming what is off.

    make_model: asked for its layers, where they have rates of their own.
    """
    given["curvature"] = curvature
    for name in ("steps", "batch_size", "seeds"):
        given[name] = check_whole(given[name], name, 1)
    check_whole(outer_steps, "outer_steps", 1)
    given["seed"] = check_whole(given["seed"], "seed", 0)
    lowest = (1, 0, 0)
    given["counts"] = tuple(
        check_whole(n, name, low) for n, name, low in zip(given["counts"], FAMILIES, lowest, strict=True)
    )
    steps = given["steps"]
    for count, name in zip(given["counts"], FAMILIES, strict=True):
        if count > steps:
            raise ArgumentError(f"{name}: got {count} for {steps} steps; allowed: at most {steps}")
    given["windows"], given["layers"] = given["counts"], _layers(per, make_model, given["seed"])
    if given["layers"]:
        rates, *others = given["counts"]
        given["counts"] = (len(given["layers"]) * rates, *others)
    for name in ("step_size", "initial"):
        given[name] = _families(given[name], name, given["windows"], given["layers"])
    if min(min(sizes, default=1.0) for sizes in given["step_size"]) <= 0:
        raise ArgumentError(f"step_size: got {given['step_size']}; allowed: numbers above 0")
    given["step_decay"] = check_number(given["step_decay"], "step_decay")
    if not 0 < given["step_decay"] <= 1:
        raise ArgumentError(f"step_decay: got {given['step_decay']}; allowed: above 0 and at most 1")
    choices = {
        "update": UPDATES, "optimizer": OPTIMIZERS, "mode": ("forward", "reverse"),
        "curvature": CURVATURES,
    }  # fmt: skip
    for name, allowed in choices.items():
        if given[name] not in allowed:
            raise ArgumentError(f"{name}: got {given[name]!r}; allowed: {', '.join(allowed)}")
    for name in ("clip_gradient", "clip_hvp"):
        if given[name] is not None and check_number(given[name], name) <= 0:
            raise ArgumentError(f"{name}: got {given[name]}; allowed: None, or a number above 0")
    if given["horizon"] is not None and check_whole(given["horizon"], "horizon", 1) > steps:
        raise ArgumentError(f"horizon: got {given['horizon']}; allowed: None, or 1 to {steps}")
    given["blocks"] = check_whole(given["blocks"], "blocks", 1)
    given["finalists"] = check_whole(given["finalists"], "finalists", 1)
    if given["blocks"] > sum(given["counts"]):
        raise ArgumentError(
            f"blocks: got {given['blocks']}; allowed: at most {sum(given['counts'])}, the values"
        )
    given["budgets"] = _budgets(given["budgets"], max(given["windows"]), steps)
    return Settings(**given)


def check_search(start: Any, trials: Any, ranges: Any, settings: Settings) -> SearchSettings | None:
    """None without a search. ArgumentError naming what is off, ImportError without Optuna."""
    if start not in (None, "optuna"):
        raise ArgumentError(f"start: got {start!r}; allowed: None, optuna")
    if start is None:
        return None
    count = check_whole(trials, "trials", 1)
    pairs = check_ranges(ranges)
    for family, (low, high), values in zip(FAMILIES, pairs, settings.initial, strict=True):
        if not all(low <= value <= high for value in values):
            raise ArgumentError(f"initial: {family}: got {values}; allowed: within ranges, {low} to {high}")
    need_optuna('start="optuna"')
    return SearchSettings(count, pairs)


def check_ranges(ranges: Any) -> tuple[tuple[float, float], ...]:
    """(low, high) of rates, momenta and decays. ArgumentError naming what is off."""
    found = []
    for family, (low, high) in zip(FAMILIES, _families(ranges, "ranges", (2, 2, 2)), strict=True):
        if not low < high:
            raise ArgumentError(f"ranges: {family}: got {low}, {high}; allowed: low < high")
        found.append((low, high))
    return tuple(found)


def need_optuna(what: str) -> None:
    """ImportError that says how to get it."""
    try:
        import optuna  # noqa: F401
    except ImportError:
        raise ImportError(f"{what} needs Optuna: pip install optuna") from None


def starting_values(settings: Settings) -> tuple[list[float], list[float], list[float]]:
    """(initial, step_size, windows) of all values; a window is the number of steps that share a value."""
    windows = [
        settings.steps / n
        for count, n in zip(settings.counts, settings.windows, strict=True)
        for _ in range(count)
    ]
    initial = [value for family in settings.initial for value in family]
    return initial, [size for family in settings.step_size for size in family], windows


def arrays_of(
    train: Any, valid: Any, settings: Settings
) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """(train, valid) as arrays; a fraction of train is held out where valid is None or a number."""
    training = _arrays(train, "train")
    if valid is None or isinstance(valid, (int, float, np.integer, np.floating)):
        fraction = HELD_OUT if valid is None else check_number(valid, "valid")
        rows = len(training[0])
        count = round(fraction * rows) if 0 < fraction < 1 else 0
        if not 0 < count < rows:
            raise ArgumentError(
                f"valid: got {fraction} of {rows} rows; allowed: data, or a fraction that leaves rows in both"
            )
        order = permutation(rows, settings.seed, 0)
        held, kept = np.sort(order[:count]), np.sort(order[count:])
        training, validation = tuple(a[kept] for a in training), tuple(a[held] for a in training)
    else:
        validation = _arrays(valid, "valid")
    if len(validation) != len(training):
        raise ShapeError(f"valid: {len(validation)} arrays, train has {len(training)}; allowed: equally many")
    if settings.batch_size > len(training[0]):
        raise ArgumentError(
            f"batch_size: got {settings.batch_size}; allowed: at most {len(training[0])}, all rows"
        )
    return training, validation


def _arrays(data: Any, name: str) -> tuple[np.ndarray, ...]:
    if hasattr(data, "x") and hasattr(data, "y"):
        data = (data.x, data.y)
    if isinstance(data, (np.ndarray, Tensor)):
        data = (data,)
    if isinstance(data, (str, bytes, dict)) or not isinstance(data, Iterable):
        raise ArgumentTypeError(
            f"{name}: got {type(data).__name__}; allowed: (x, y) arrays, a Dataset, an iterable of batches"
        )
    parts = list(data)
    if parts and isinstance(parts[0], (tuple, list)) and not isinstance(data, tuple):
        parts = [np.concatenate([_array(b) for b in column]) for column in zip(*parts, strict=True)]
    arrays = tuple(_array(part) for part in parts)
    lengths = [len(a) if a.ndim else 0 for a in arrays]
    if not lengths or min(lengths) == 0 or min(lengths) != max(lengths):
        raise ShapeError(f"{name}: arrays of {lengths} rows given; allowed: equally many, at least 1")
    return arrays


def _array(value: Any) -> np.ndarray:
    return value.numpy() if isinstance(value, Tensor) else np.asarray(value)


def _layers(per: Any, make_model: Callable[[int], Any] | None, seed: int) -> tuple[str, ...]:
    """The names of the layers that have rates of their own."""
    if per not in SCOPES:
        raise ArgumentError(f"per: got {per!r}; allowed: {', '.join(SCOPES)}")
    if per == "all" or make_model is None:
        return ()
    state = random.get_state()
    try:
        return layer_names(make_model(seed))
    finally:
        random.set_state(state)


def _families(
    value: Any, name: str, counts: Sequence[int], layers: Sequence[str] = ()
) -> tuple[tuple[float, ...], ...]:
    """Three entries, each a number or as many as its family has; of rates, with layers, a row for each."""
    try:
        entries = list(value)
    except TypeError:
        entries = []
    if len(entries) != 3:
        raise ArgumentError(f"{name}: got {value!r}; allowed: three, for rates, momenta and weight decays")
    found = []
    for entry, count, family in zip(entries, counts, FAMILIES, strict=True):
        if layers and family == "learning_rates":
            found.append(_rows(entry, f"{name}: {family}", count, layers))
            continue
        several = isinstance(entry, (Sequence, np.ndarray)) and not isinstance(entry, str)
        numbers = [check_number(e, f"{name}: {family}") for e in (entry if several else [entry] * count)]
        if len(numbers) != count:
            raise ArgumentError(
                f"{name}: {family}: got {len(numbers)} numbers; allowed: one, or one for each of {count}"
            )
        if not all(map(math.isfinite, numbers)):
            raise ArgumentError(f"{name}: {family}: got {numbers}; allowed: finite numbers")
        found.append(tuple(numbers))
    return tuple(found)


def _rows(value: Any, name: str, count: int, layers: Sequence[str]) -> tuple[float, ...]:
    """A number, one for each window, or a row of these for each layer: row after row."""
    try:
        array = np.broadcast_to(np.asarray(value, np.float64), (len(layers), count))
    except (TypeError, ValueError):
        raise ArgumentError(
            f"{name}: got {value!r}; allowed: a number, {count} of them, or {count} for each of the "
            f"{len(layers)} layers {', '.join(layers)}"
        ) from None
    if not np.isfinite(array).all():
        raise ArgumentError(f"{name}: got {value!r}; allowed: finite numbers")
    return tuple(array.ravel().tolist())


def _budgets(value: Any, least: int, steps: int) -> tuple[int, ...]:
    if value is None:
        return ()
    try:
        budgets = tuple(check_whole(b, f"budgets[{i}]", least) for i, b in enumerate(value))
    except TypeError:
        raise ArgumentTypeError(f"budgets: got {value!r}; allowed: None, or a list of integers") from None
    if any(b > steps for b in budgets):
        raise ArgumentError(f"budgets: got {budgets}; allowed: at most {steps}, the full length")
    return budgets
