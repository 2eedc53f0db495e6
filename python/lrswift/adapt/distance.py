"""Rates from the distance travelled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ._base import Adapter


@dataclass(frozen=True)
class DoG(Adapter):
    """Distance over gradients: rate = r / sqrt(sum |g|^2 + 1e-8), r the largest distance from the start.

    initial: first r, as a fraction of 1 + |w_0|: 1e-6, or 1e-4 with batch-norm. One more vector.
    Source: Ivgi, Hinder and Carmon, "DoG is SGD's best friend" (arXiv 2302.12022).
    """

    rate: ClassVar[str] = "dog"
    initial: float = 1e-6


@dataclass(frozen=True)
class DoWG(Adapter):
    """Distance over weighted gradients: rate = r^2 / (sqrt(sum r^2 |g|^2) + 1e-4).

    initial: first r, 1e-4. One more vector.
    Source: Khaled, Mishchenko and Jin, "DoWG unleashed" (arXiv 2305.16284).
    """

    rate: ClassVar[str] = "dowg"
    initial: float = 1e-4

    @property
    def core_name(self) -> str:
        return "dog"

    def attributes(self) -> dict[str, Any]:
        return super().attributes() | {"weighted": True}
