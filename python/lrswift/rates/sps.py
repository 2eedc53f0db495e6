"""Stochastic Polyak steps, of which one mode is bounded by max_lr."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .base import Adapter
from .cards import read_cards
from .made import described

_CARD = read_cards("rates")["sps"]


@described("sps", own=[replace(_CARD["max_lr"], default=10.0, meaning="no rate is above it in the mode max")])
class SPS(Adapter):
    """The mode max is the paper's SPS_max."""

    mode: str

    def attributes(self) -> dict[str, Any]:
        """The arguments as the core names them."""
        values = super().attributes()
        if self.mode == "smooth":
            values.pop("max_lr", None)
        return values
