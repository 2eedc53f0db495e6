"""The options that are `learn_schedule`'s own: how schedules are changed, and how that work is done."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import check_number, check_whole
from ..errors import ArgumentError, ArgumentTypeError
from ..hypergradients.options import HypergradientFields
from ..optim.rules import FAMILIES as ALL_FAMILIES
from ..optim.rules import rules
from ..records import Record

# the families that are learned: those of SGD
FAMILIES = tuple(f for f in ALL_FAMILIES if f == "learning_rates" or f in rules()["sgd"].families)
UPDATES = ("gated", "sign", "gradient")
RANGES = ((-1.0, 1.0), (-1.5, 1.5), (-4e-3, 4e-3))


@dataclass(frozen=True, kw_only=True, repr=False)
class LearningOptions(Record):
    """How `learn_schedule` learns: where a schedule begins, and how outer steps change it.

    `learn_schedule` takes the record as `learning`, or its fields one by one; a field given beside it
    replaces its own.

    Args:
        outer_steps: how many outer steps are taken at most; they stop early when every step is below 5 %
            of its value. Default 10.
        step_size: for rates, momenta and decays: how far a value may move at first, above 0; a number
            each, or one per value. With per="layer" that of rates is a number, one per window, or a row of
            them per layer. Default (0.1, 0.15, 4e-4).
        step_decay: factor of a value's step when its hypergradient changes its sign, above 0 and at most
            1. Default 0.5.
        initial: for rates, momenta and decays: where values begin, in the form of `step_size`. Default
            (0, 0, 0).
        update: "gated" moves a value where the seeds agree and retreats where hypergradients have lost
            their meaning: early rates are raised towards later ones, and all are traded for momentum.
            "sign" steps by the sign of the mean. "gradient" is the paper's printed step, step_size times
            the window's average. Default "gated".
        seeds: networks of an outer step. Default 2.
        seed: of networks, batches and held-out rows, at least 0. Default 0.
        budgets: training steps of the first outer steps, fewer than `steps`; schedules are compared at
            full length alone. None: full length throughout. Default None.
        blocks: disjoint sets of values to differentiate by, each a task of its own that repeats the
            training; the numbers do not depend on it. Default 1.
        finalists: how many of the best outer steps are validated once more, on 10 `seeds` fresh networks
            each; 1 takes the lowest loss of the outer steps. Default 5.
        start: "optuna" begins from `trials` starting points instead of `initial` alone: `initial` itself,
            then what Optuna's TPE sampler, seeded by `seed`, proposes. None: no search. Default None.
        trials: how many starting points. Default 16.
        ranges: (low, high) of the rates, momenta and decays that are proposed; `initial` lies within.
            Default ((-1, 1), (-1.5, 1.5), (-4e-3, 4e-3)).

    Raises:
        ArgumentError: a value is out of bounds.
        ArgumentTypeError: a value is no number, or no list where one is needed.
    """

    outer_steps: int = 10
    step_size: Sequence[Any] = (0.1, 0.15, 4e-4)
    step_decay: float = 0.5
    initial: Sequence[Any] = (0, 0, 0)
    update: str = "gated"
    seeds: int = 2
    seed: int = 0
    budgets: Sequence[int] | None = None
    blocks: int = 1
    finalists: int = 5
    start: str | None = None
    trials: int = 16
    ranges: Sequence[Sequence[float]] = RANGES

    def __post_init__(self) -> None:
        lowest = {"outer_steps": 1, "seeds": 1, "seed": 0, "blocks": 1, "finalists": 1, "trials": 1}
        for name, least in lowest.items():
            self._set(name, check_whole(getattr(self, name), name, least))
        if self.update not in UPDATES:
            raise ArgumentError(f"update: got {self.update!r}; allowed: {', '.join(UPDATES)}")
        if not 0 < check_number(self.step_decay, "step_decay") <= 1:
            raise ArgumentError(f"step_decay: got {self.step_decay}; allowed: above 0 and at most 1")
        for name in ("step_size", "initial"):
            self._set(name, by_family(getattr(self, name), name))
        if self.budgets is not None:
            self._set("budgets", _budgets(self.budgets))
        if self.start not in (None, "optuna"):
            raise ArgumentError(f"start: got {self.start!r}; allowed: None, optuna")
        self._set("ranges", check_ranges(self.ranges))

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)


@dataclass(frozen=True, kw_only=True, repr=False)
class ExecutionOptions(Record):
    """How `learn_schedule` does its work: nothing of it changes the numbers that come out.

    `learn_schedule` takes the record as `execution`, or its fields one by one; a field given beside it
    replaces its own.

    Args:
        executor: runs the tasks, of which each is a seed or one of its `blocks`: an object with `submit`, or
            a function that makes one, anew when its workers die. The numbers are the same as without. None:
            here, one by one. Default None.
        checkpoint: a file that is written atomically after each outer step; tried before the first. It has a
            checksum and says which data and arguments it is of. Default None.
        resume: whether to go on from `checkpoint`, if it is there, bit by bit as if never interrupted; only
            outer_steps, blocks, executor and finalists may differ, and with a search only the last three.
            Default False.
        progress: whether to show a bar, with the time left. Default True.
    """

    executor: Any = None
    checkpoint: str | os.PathLike[str] | None = None
    resume: bool = False
    progress: bool = True


class LearningFields(HypergradientFields, total=False):
    """The fields of the records of `learn_schedule`, for type checkers and editors."""

    outer_steps: int
    step_size: Sequence[Any]
    step_decay: float
    initial: Sequence[Any]
    update: str
    seeds: int
    seed: int
    budgets: Sequence[int] | None
    blocks: int
    finalists: int
    start: str | None
    trials: int
    ranges: Sequence[Sequence[float]]
    executor: Any
    checkpoint: str | os.PathLike[str] | None
    resume: bool
    progress: bool


def check_ranges(ranges: Any) -> tuple[tuple[float, float], ...]:
    """(low, high) of rates, momenta and decays. ArgumentError naming what is off."""
    found = []
    for family, given in zip(FAMILIES, by_family(ranges, "ranges", nested=False), strict=True):
        if not isinstance(given, tuple) or len(given) != 2 or not given[0] < given[1]:
            raise ArgumentError(f"ranges: {family}: got {given}; allowed: low, high with low < high")
        found.append(given)
    return tuple(found)


def by_family(value: Any, name: str, nested: bool = True) -> tuple[Any, ...]:
    """Three entries, each a float or a tuple of them, that of rates perhaps of rows; all finite."""
    try:
        entries = list(value)
    except TypeError:
        entries = []
    if len(entries) != 3 or isinstance(value, str):
        raise ArgumentError(f"{name}: got {value!r}; allowed: three, for rates, momenta and weight decays")
    pairs = zip(FAMILIES, entries, strict=True)
    return tuple(_entry(e, f"{name}: {family}", nested and family == FAMILIES[0]) for family, e in pairs)


def _entry(entry: Any, name: str, nested: bool) -> Any:
    if hasattr(entry, "__array__"):
        entry = np.asarray(entry).tolist()
    if not isinstance(entry, Sequence) or isinstance(entry, str):
        return check_number(entry, name)
    return tuple(_entry(e, name, False) if nested else check_number(e, name) for e in entry)


def _budgets(value: Any) -> tuple[int, ...]:
    try:
        return tuple(check_whole(b, f"budgets[{i}]", 1) for i, b in enumerate(value))
    except TypeError:
        raise ArgumentTypeError(f"budgets: got {value!r}; allowed: None, or a list of integers") from None
