"""Trainable learning rates."""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..errors import ArgumentError, DTypeError
from .base import Adapter, check_epoch
from .codes import Scope


@dataclass(frozen=True)
class TLR(Adapter):
    """Trainable learning rate, the efficient variant: one multiplication of the rate per window.

    With the displacements of two consecutive windows divided by their rates, u and u', and
    I = <u, u'>: rate *= 1 + I / max(4 (|u|^2 - I), I / bound), so by a factor of 3/4 to 1 + bound.
    initial: first rate, 0.01. bound: 1/4. window: an int is a number of steps, a float a fraction of an
    epoch (1/3; `fit` supplies the epoch's length, elsewhere pass `steps_per_epoch` or an int).
    per: one rate for "all", per "group" or per "tensor", or "pooled": per tensor, shrunk
    towards that of all by its measured noise (docs/decisions.md). variant: "paper", or "ntlr" for the rule of
    the authors' released code, kept positive. restart: below this fraction of the first rate it starts
    anew from the first; None: never.
    Source: the TLR paper, eq. 7-9 and Algorithm 2.
    """

    rate: ClassVar[str] = "tlr"
    texts: ClassVar[dict[str, tuple[str, ...]]] = {
        "per": ("all", "group", "tensor", "pooled"),
        "variant": ("paper", "ntlr"),
    }
    initial: float = 0.01
    bound: float = 0.25
    window: float = 1 / 3
    per: Literal["all", "group", "tensor", "pooled"] = "all"
    variant: Literal["paper", "ntlr"] = "paper"
    steps_per_epoch: int | None = None
    restart: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        whole = isinstance(self.window, numbers.Integral)
        if self.window <= 0 or (not whole and self.window > 1):
            raise ArgumentError(
                f"TLR: window: got {self.window!r}; "
                "allowed: an int of at least 1 (steps) or 0 < float <= 1 (of an epoch)"
            )
        check_epoch(self, self.steps_per_epoch)

    @property
    def core_name(self) -> str:
        return "ntlr" if self.variant == "ntlr" else self.rate

    def attributes(self) -> dict[str, Any]:
        values = super().attributes()
        values["scope"] = int(Scope[values.pop("per").upper()])
        values.pop("variant")
        if self.variant == "ntlr":
            del values["bound"]
        # 1 (a step) and 1.0 (an epoch) look the same to the core, which takes numbers only
        if isinstance(self.window, numbers.Integral):
            values["window_steps"] = int(values.pop("window"))
        return values


@dataclass(frozen=True)
class NaiveTLR(Adapter):
    """Trainable learning rate by a second evaluation per step: rate += meta_lr <g(w - rate g), g(w)>.

    initial: first rate, 0.01. meta_lr: required.
    Source: the TLR paper, eq. 7 and Algorithm 1.
    """

    rate: ClassVar[str] = "naive_tlr"
    initial: float = 0.01
    meta_lr: float = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.meta_lr is None:
            raise DTypeError("NaiveTLR: meta_lr: not given; allowed: a number above 0")
        super().__post_init__()
