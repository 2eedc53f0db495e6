"""Barzilai and Borwein's steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Adapter, check_epoch


@dataclass(frozen=True)
class BarzilaiBorwein(Adapter):
    """From the last displacement s and change of gradient y: form 1 s's / s'y, form 2 s'y / y'y.

    Where s'y is not positive the rate before is kept. initial: first rate, 0.01. Two more vectors.
    Source: Barzilai and Borwein, "Two-point step size gradient methods" (1988).
    """

    rate: ClassVar[str] = "barzilai_borwein"
    initial: float = 0.01
    form: int = 1


@dataclass(frozen=True)
class StochasticBarzilaiBorwein(Adapter):
    """SGD-BB: once per epoch of m steps, rate = |s|^2 / |s'y| / m.

    s: the way of the last epoch; y: the change of its gradient, averaged with weight 10 / m. The first two
    epochs take `initial`, 0.01. smoothing: geometric mean of the rates, falling as 1 / epoch, False.
    steps_per_epoch: None means what `fit` knows, else 500. Three more vectors. Goes with every direction.
    Source: Tan, Ma, Dai and Qian, "Barzilai-Borwein step size for stochastic gradient descent"
    (arXiv 1605.04131), algorithm 3.
    """

    rate: ClassVar[str] = "sgd_bb"
    initial: float = 0.01
    smoothing: bool = False
    steps_per_epoch: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_epoch(self, self.steps_per_epoch)
