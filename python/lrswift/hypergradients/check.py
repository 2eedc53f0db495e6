"""`check_hypergradient`: forward mode, reverse mode and finite differences of one short run, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import islice
from typing import Any, Unpack

import numpy as np

from ..checks import check_whole
from ..errors import ArgumentError
from ..records import takes
from ..tensors.tensor import Tensor
from .hypergradient import FAMILIES, hypergradient, values_of
from .options import HypergradientFields, HypergradientOptions

# relative to the size of each value; the best one is taken, as rounding wants large and curvature small steps
DIFFERENCE_STEPS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)


@dataclass(frozen=True)
class FamilyCheck:
    """The derivative along one random direction of one family of hyperparameters, three ways.

    Attributes:
        family: the argument of `hypergradient` that holds its values.
        forward: derivative by forward mode.
        reverse: derivative by reverse mode.
        difference: central difference of the validation loss.
        difference_step: the step of that difference, relative to the values.
        error: |forward - difference| relative to |forward|.
        reverse_error: largest difference of an entry between both modes, relative to the largest entry.
    """

    family: str
    forward: float
    reverse: float
    difference: float
    difference_step: float
    error: float
    reverse_error: float


@dataclass(frozen=True)
class HypergradientCheck:
    """Whether three ways to differentiate a run agree; true if they do.

    Attributes:
        rows: a `FamilyCheck` per family of hyperparameters.
        steps: how many steps were compared.
        tolerance: allowed `error`.
        reverse_tolerance: allowed `reverse_error`.
    """

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


class _Others(HypergradientFields, total=False):
    """Further arguments, for type checkers and editors."""

    beta2s: Sequence[float] | None
    epsilons: Sequence[float] | None
    progress: bool


@takes(
    "model loss train_batches valid_batches learning_rates momentums weight_decays optimizer steps tolerance "
    "reverse_tolerance seed verbose * mode horizon clip_gradient clip_hvp per curvature tile **others",
    options=HypergradientOptions,
)
def check_hypergradient(
    model: Any,
    loss: Callable[..., Tensor],
    train_batches: Any,
    valid_batches: Any,
    learning_rates: Sequence[float],
    momentums: Sequence[float] | None = None,
    weight_decays: Sequence[float] = (0.0,),
    steps: int = 20,
    tolerance: float = 1e-6,
    reverse_tolerance: float = 1e-10,
    seed: int = 0,
    verbose: bool = True,
    *,
    options: HypergradientOptions = HypergradientOptions(),
    **others: Unpack[_Others],
) -> HypergradientCheck:
    """Compares forward mode, reverse mode and central differences over the first steps of a run, in float64.

    The derivatives of each family are compared along one random direction v of `seed`,

        sum_i v_i dL/dx_i  against  (L(x + h v) - L(x - h v)) / 2h,

    with the best of several h.

    Args:
        model: an `nn.Module`, which stays as it is.
        loss: a function as in `fit`.
        train_batches: an iterable of batches (x, y, ...), one for each step.
        valid_batches: a sequence of such batches.
        learning_rates: numbers [windows].
        momentums: numbers [windows]. None: as in `hypergradient`. Default None.
        weight_decays: numbers [windows]. Default (0.0,).
        steps: at most so many batches are used, and so many values of each list. Default 20.
        tolerance: of the relative error against differences. Where a run may cross kinks (ReLU, max-pooling,
            clipping), 1e-4 is what differences give. Default 1e-6.
        reverse_tolerance: of the relative error between both modes. Default 1e-10.
        seed: of the directions. Default 0.
        verbose: whether to print the table and the verdict. Default True.
        options: a record with `optimizer`, `clip_gradient` and `tile`; its other fields cannot be chosen, as
            all of the run is compared. None: their defaults. Default None.
        **others: beta2s, epsilons and progress, as in `hypergradient`.

    Returns:
        A `HypergradientCheck`, true if all three agree.

    Raises:
        ArgumentError: a value is out of bounds, or an option is given that cannot be chosen.
        ArgumentTypeError: an argument is of a wrong type.
        BufferError: a batch lies in another device's memory.
        DTypeError: the dtype of a batch is not allowed.
        ShapeError: values, or the arrays of a batch, do not fit.
        RecordingError: the loss reads values while it is computed.
        Diverged: a loss is not finite.
        FileNotFoundError: from batches that are read when their turn comes.
        OSError: likewise.
    """
    chosen = HypergradientOptions(
        optimizer=options.optimizer, clip_gradient=options.clip_gradient, tile=options.tile
    )
    for f in fields(options):
        if getattr(options, f.name) != getattr(chosen, f.name):
            raise ArgumentError(
                f"check_hypergradient: {f.name} cannot be chosen: got {getattr(options, f.name)!r}; "
                f"allowed: {getattr(chosen, f.name)!r}, as all of the run is compared"
            )
    fixed = {"dtype", "columns", "checkpoint"} & others.keys()
    if fixed:
        raise ArgumentError(
            f"check_hypergradient: {fixed.pop()} cannot be chosen: all of the run is compared, in float64"
        )
    told: dict[str, Any] = dict(others)
    batches = list(islice(train_batches, check_whole(steps, "steps", 1)))
    given = values_of(
        options.optimizer, learning_rates, momentums, weight_decays, told.pop("beta2s", None),
        told.pop("epsilons", None),
    )  # fmt: skip
    values = {name: np.asarray(v, np.float64)[: len(batches)] for name, v in given.items() if len(v)}

    def run(mode: str = "forward", **changes: Any) -> Any:
        return hypergradient(
            model,
            loss,
            batches,
            valid_batches,
            **(values | told | changes),
            options=replace(chosen, mode=mode),
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
