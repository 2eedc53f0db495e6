"""What `learn_schedule` is given, checked: settings, starting values, and data as arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import random
from ..checks import check_number, check_whole
from ..data.batches import permutation
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..hypergradients.episode import cheaper_mode
from ..hypergradients.layers import layer_names
from ..hypergradients.options import HypergradientOptions
from ..optim.rules import rules
from ..tensors.tensor import Tensor
from .options import FAMILIES, LearningOptions

# of the update rules that have hypergradients
OPTIMIZERS = ("sgd", *rules()["sgd"].variants)
HELD_OUT = 0.1


@dataclass(frozen=True)
class Settings:
    """The arguments that decide the numbers, checked against each other.

    windows: by family, how many values follow each other. layers: names of those that have rates of their
    own. step_size, initial: a number for every value.
    """

    steps: int
    batch_size: int
    options: HypergradientOptions
    learning: LearningOptions
    windows: tuple[int, int, int]
    layers: tuple[str, ...]
    step_size: tuple[tuple[float, ...], ...]
    initial: tuple[tuple[float, ...], ...]

    @property
    def counts(self) -> tuple[int, int, int]:
        """By family, how many values there are: where each layer has rates of its own, these times more."""
        rates, momenta, decays = self.windows
        return rates * max(1, len(self.layers)), momenta, decays

    def budget(self, outer: int) -> int:
        """Inner steps of an outer step."""
        budgets = self.learning.budgets or ()
        return budgets[outer] if outer < len(budgets) else self.steps

    def replica_seed(self, outer: int, replica: int) -> int:
        """Seed of weights and batches: new ones in every outer step."""
        return random.derived(self.learning.seed, outer, replica)

    def final_seed(self, replica: int) -> int:
        """Seed of networks that no outer step has trained."""
        return random.derived(self.learning.seed, replica)

    def identity(self) -> dict[str, Any]:
        """The settings that must not change between a checkpoint and its continuation, by name."""
        facts = vars(self.options) | vars(self.learning) | vars(self)
        # which changes no bit
        del facts["memory"]
        # which older checkpoints do not tell
        if facts["tile"] == HypergradientOptions.tile:
            del facts["tile"]
        facts |= {"budgets": self.learning.budgets or (), "counts": self.counts}
        free = ("outer_steps", "blocks", "finalists")
        told_by_others = ("options", "learning", "per", "start", "trials", "ranges")
        return {name: value for name, value in facts.items() if name not in (*free, *told_by_others)}

    def columns(self) -> list[tuple[int, ...] | None]:
        """The values that each block differentiates by, dealt out in turn: later ones are cheaper."""
        blocks = self.learning.blocks
        if blocks == 1:
            return [None]
        return [tuple(range(first, sum(self.counts), blocks)) for first in range(blocks)]


def check(
    steps: int,
    batch_size: int,
    windows: tuple[int, int, int],
    options: HypergradientOptions,
    learning: LearningOptions,
    make_model: Callable[[int], Any] | None = None,
) -> Settings:
    """Settings of these arguments. ArgumentError naming what is off.

    make_model: asked for its layers, where they have rates of their own; None: they have not.
    """
    steps, batch_size = check_whole(steps, "steps", 1), check_whole(batch_size, "batch_size", 1)
    rates, momenta, decays = map(check_whole, windows, FAMILIES, (1, 0, 0))
    windows = rates, momenta, decays
    for count, name in zip(windows, FAMILIES, strict=True):
        if count > steps:
            raise ArgumentError(f"{name}: got {count} for {steps} steps; allowed: at most {steps}")
    if options.optimizer not in OPTIMIZERS:
        raise ArgumentError(f"optimizer: got {options.optimizer!r}; allowed: {', '.join(OPTIMIZERS)}")
    if options.horizon is not None and options.horizon > steps:
        raise ArgumentError(f"horizon: got {options.horizon}; allowed: None, or 1 to {steps}")
    budgets = [check_whole(b, f"budgets[{i}]", max(windows)) for i, b in enumerate(learning.budgets or ())]
    if max(budgets, default=0) > steps:
        raise ArgumentError(f"budgets: got {budgets}; allowed: at most {steps}, the full length")
    layers = _layers(make_model, learning.seed, options.per) if make_model is not None else ()
    step_size, initial = (
        tuple(
            _values(entry, f"{name}: {family}", count, layers if family == FAMILIES[0] else ())
            for entry, family, count in zip(getattr(learning, name), FAMILIES, windows, strict=True)
        )
        for name in ("step_size", "initial")
    )
    if min(min(sizes, default=1.0) for sizes in step_size) <= 0:
        raise ArgumentError(f"step_size: got {learning.step_size}; allowed: numbers above 0")
    values = zip(FAMILIES, initial, strict=True)
    mode = cheaper_mode(options, steps, {family: list(of) for family, of in values}, len(layers))
    options = replace(options, per=options.per if layers else "all", mode=mode)
    settings = Settings(steps, batch_size, options, learning, windows, layers, step_size, initial)
    if learning.blocks > sum(settings.counts):
        raise ArgumentError(
            f"blocks: got {learning.blocks}; allowed: at most {sum(settings.counts)}, the values"
        )
    return settings


def check_search(settings: Settings) -> None:
    """ArgumentError where a search does not begin within its ranges, ImportError without Optuna."""
    for family, (low, high), values in zip(FAMILIES, settings.learning.ranges, settings.initial, strict=True):
        if not all(low <= value <= high for value in values):
            raise ArgumentError(f"initial: {family}: got {values}; allowed: within ranges, {low} to {high}")
    need_optuna('start="optuna"')


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
        order = permutation(rows, settings.learning.seed, 0)
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


def _layers(make_model: Callable[[int], Any], seed: int, per: str) -> tuple[str, ...]:
    """The names of the layers that have rates of their own."""
    if per == "all":
        return ()
    state = random.get_state()
    try:
        return layer_names(make_model(seed), per)
    finally:
        random.set_state(state)


def _values(entry: Any, name: str, count: int, layers: Sequence[str]) -> tuple[float, ...]:
    """A number for each value; with layers, row after row."""
    if not layers:
        numbers = entry if isinstance(entry, tuple) else (entry,) * count
        if len(numbers) != count or not all(isinstance(n, float) for n in numbers):
            raise ArgumentError(f"{name}: got {entry}; allowed: a number, or one for each of {count}")
        return numbers
    try:
        array = np.broadcast_to(np.asarray(entry, np.float64), (len(layers), count))
    except ValueError:
        raise ArgumentError(
            f"{name}: got {entry!r}; allowed: a number, {count} of them, or {count} for each of the "
            f"{len(layers)} layers {', '.join(layers)}"
        ) from None
    return tuple(array.ravel().tolist())
