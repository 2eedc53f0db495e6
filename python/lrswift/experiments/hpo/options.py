"""What all searches of `compare_hpo` are given: the form of the schedule, and how they are judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from ...checks import check_number, check_whole
from ...errors import ArgumentError
from ...hypergradients.options import HypergradientOptions
from ...learning.options import FAMILIES, RANGES, check_ranges
from ...nn.functional import cross_entropy
from ...records import Record
from ...tensors.tensor import Tensor


@dataclass(frozen=True, kw_only=True, repr=False)
class HpoOptions(Record):
    """How `compare_hpo` searches and judges: what all of its searches are given.

    `compare_hpo` takes the record as `options`, or its fields one by one; a field given beside it replaces
    its own.

    Args:
        loss: as for `fit`. Default `nn.functional.cross_entropy`.
        learning_rates: how many learning rates share the steps, at least 1. Default 5.
        momentums: how many momenta share the steps; 0: none are used. Default 1.
        weight_decays: how many weight decays share the steps; 0: none are used. Default 1.
        ranges: (low, high) of rates, momenta and decays, with 0 in each, of all searches that draw at random;
            hypergradients start at zero with their usual step sizes. Default ((-1, 1), (-1.5, 1.5),
            (-4e-3, 4e-3)).
        networks: how many are trained for a setting by searches without derivatives; those with them train
            2. Default 1.
        fresh: how many networks test what a search would return. Default 3.
        valid: the fraction of the training data by which the searches choose, between 0 and 1. Default 0.1.
        clip_gradient: bound of each element of the gradient, above 0, as for `hypergradient`. None: no bound.
            Default None.
        costs: (differentiated step, validation) in plain steps, declared instead of measured; at least 1 and
            0. None: measured. Default None.

    Raises:
        ArgumentError: a value is out of bounds.
        ArgumentTypeError: a value is no number.
    """

    loss: Callable[..., Tensor] = cross_entropy
    learning_rates: int = 5
    momentums: int = 1
    weight_decays: int = 1
    ranges: Sequence[Sequence[float]] = RANGES
    networks: int = 1
    fresh: int = 3
    valid: float = 0.1
    clip_gradient: float | None = None
    costs: Sequence[float] | None = None

    def __post_init__(self) -> None:
        lowest = {"learning_rates": 1, "momentums": 0, "weight_decays": 0, "networks": 1, "fresh": 1}
        found: dict[str, Any] = {n: check_whole(getattr(self, n), n, least) for n, least in lowest.items()}
        found["ranges"] = check_ranges(self.ranges)
        for family, (low, high) in zip(FAMILIES, found["ranges"], strict=True):
            if not low <= 0 <= high:
                raise ArgumentError(
                    f"ranges: {family}: got {low}, {high}; allowed: ranges with 0, where hypergradients begin"
                )
        found["valid"] = check_number(self.valid, "valid")
        HypergradientOptions(clip_gradient=self.clip_gradient)
        if self.costs is not None:
            found["costs"] = _declared(self.costs)
        for name, value in found.items():
            object.__setattr__(self, name, value)


class HpoFields(TypedDict, total=False):
    """The fields of the record, for type checkers and editors."""

    loss: Callable[..., Tensor]
    learning_rates: int
    momentums: int
    weight_decays: int
    ranges: Sequence[Sequence[float]]
    networks: int
    fresh: int
    valid: float
    clip_gradient: float | None
    costs: Sequence[float] | None


def _declared(costs: Any) -> tuple[float, float]:
    try:
        differentiated, validation = (check_number(cost, "costs") for cost in costs)
    except (TypeError, ValueError):
        raise ArgumentError(
            f"costs: got {costs!r}; allowed: None, or (differentiated step, validation)"
        ) from None
    if not (1 <= differentiated < math.inf and 0 <= validation < math.inf):
        raise ArgumentError(
            f"costs: got {costs!r}; allowed: a step of at least 1 and a validation of at least 0 plain steps"
        )
    return differentiated, validation
