"""Barzilai and Borwein's steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ._base import Adapter


@dataclass(frozen=True)
class BarzilaiBorwein(Adapter):
    """From the last displacement s and change of gradient y: form 1 s's / s'y, form 2 s'y / y'y.

    Where s'y is not positive the rate before is kept. initial: first rate, 0.01. Two more vectors.
    Source: Barzilai and Borwein, "Two-point step size gradient methods" (1988).
    """

    rate: ClassVar[str] = "barzilai_borwein"
    initial: float = 0.01
    form: int = 1
