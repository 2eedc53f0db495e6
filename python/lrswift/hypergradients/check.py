"""`check_hypergradient`: forward mode, reverse mode and finite differences of one short run, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from ..checks import check_whole
from ..errors import ArgumentError
from ..tensors.tensor import Tensor
from .hypergradient import FAMILIES, hypergradient, values_of

# relative to the size of each value; the best one is taken, as rounding wants large and curvature small steps
DIFFERENCE_STEPS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)


@dataclass(frozen=True)
class FamilyCheck:
    """The derivative along one random direction of one family, three ways. error: of forward against the
    difference, relative; reverse_error: largest of forward against reverse, relative to the largest entry."""

    family: str
    forward: float
    reverse: float
    difference: float
    difference_step: float
    error: float
    reverse_error: float


@dataclass(frozen=True)
class HypergradientCheck:
    """What `check_hypergradient` found; true if all agree. rows: one `FamilyCheck` per family."""

    rows: list[FamilyCheck]
    steps: int
    tolerance: float
    reverse_tolerance: float

    def __bool__(self) -> bool:
        return all(self.agrees(row) for row in self.rows)

    def agrees(self, row: FamilyCheck) -> bool:
        """Whether one family's derivatives do."""
        return row.error < self.tolerance and row.reverse_error < self.reverse_tolerance

    def __str__(self) -> str:
        head = f"{'':14} {'forward':>15} {'reverse':>15} {'difference':>15} {'error':>9} {'reverse':>9}"
        lines = [
            f"{r.family:14} {r.forward:15.8e} {r.reverse:15.8e} {r.difference:15.8e} {r.error:9.1e} "
            f"{r.reverse_error:9.1e}{'' if self.agrees(r) else '  <- differs'}"
            for r in self.rows
        ]
        verdict = "agree" if self else "DO NOT AGREE"
        tail = (
            f"hypergradients over {self.steps} steps {verdict} "
            f"(tolerance {self.tolerance:g} against differences, {self.reverse_tolerance:g} against reverse)"
        )
        return "\n".join([head, *lines, tail])


def check_hypergradient(
    model: Any,
    loss: Callable[..., Tensor],
    train_batches: Any,
    valid_batches: Any,
    learning_rates: Sequence[float],
    momentums: Sequence[float] | None = None,
    weight_decays: Sequence[float] = (0.0,),
    optimizer: str = "sgd",
    steps: int = 20,
    tolerance: float = 1e-6,
    reverse_tolerance: float = 1e-10,
    seed: int = 0,
    verbose: bool = True,
    **options: Any,
) -> HypergradientCheck:
    """Compares forward mode, reverse mode and central differences of the first `steps` steps, in float64.

    Arguments as of `hypergradient`, whose beta2s, epsilons and clip_gradient may follow. steps: at most so
    many of the batches are used, 20; lists with more values than that are cut. Each family is compared along
    one random direction of `seed`, with the best of several difference steps. tolerance: of the relative
    error, 1e-6; where a run may cross kinks (ReLU, max-pooling, clipping), 1e-4 is what differences give.
    verbose: prints the table and the verdict. Raises ArgumentError as `hypergradient` does.
    """
    refused = {"mode", "horizon", "dtype", "columns", "clip_hvp", "per", "curvature"} & options.keys()
    if refused:
        raise ArgumentError(
            f"check_hypergradient: {refused.pop()} cannot be chosen: all of the run is compared"
        )
    batches = list(islice(train_batches, check_whole(steps, "steps", 1)))
    given = values_of(
        optimizer, learning_rates, momentums, weight_decays, options.pop("beta2s", None),
        options.pop("epsilons", None),
    )  # fmt: skip
    values = {name: np.asarray(v, np.float64)[: len(batches)] for name, v in given.items() if len(v)}

    def run(**changes: Any) -> Any:
        return hypergradient(
            model, loss, batches, valid_batches, optimizer=optimizer, **{**values, **options, **changes}
        )

    forward, reverse = run(), run(mode="reverse")
    rng = np.random.default_rng(seed)
    rows = [_compare(run, name, values[name], forward, reverse, rng) for name in FAMILIES if name in values]
    found = HypergradientCheck(rows, len(batches), tolerance, reverse_tolerance)
    if verbose:
        print(found)
    return found


def _compare(
    run: Callable[..., Any], name: str, values: np.ndarray, forward: Any, reverse: Any, rng: Any
) -> FamilyCheck:
    ahead, back = getattr(forward, name), getattr(reverse, name)
    direction = rng.normal(size=len(values)) * np.where(values == 0, 1e-2, values)
    exact = float(ahead @ direction)
    scale = max(abs(exact), np.finfo(np.float64).tiny)
    error, step, difference = min(
        (abs(slope - exact) / scale, h, slope) for h, slope in _slopes(run, name, values, direction)
    )
    largest = max(float(np.abs(back).max()), np.finfo(np.float64).tiny)
    return FamilyCheck(
        family=name,
        forward=exact,
        reverse=float(back @ direction),
        difference=difference,
        difference_step=step,
        error=error,
        reverse_error=float(np.abs(ahead - back).max()) / largest,
    )


def _slopes(
    run: Callable[..., Any], name: str, values: np.ndarray, direction: np.ndarray
) -> Iterator[tuple[float, float]]:
    """Central differences of the validation loss, by step."""
    for h in DIFFERENCE_STEPS:
        up, down = (run(**{name: values + s * h * direction}, columns=()).valid_loss for s in (1.0, -1.0))
        yield h, (up - down) / (2 * h)
