"""Trainable learning rates, whose windows are steps or a part of an epoch."""

from __future__ import annotations

import numbers
from typing import Any

from .base import Adapter
from .cards import Argument, read_cards
from .made import described


class _Window(Argument):
    def check(self, value: Any, owner: str) -> None:
        whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if not (whole and value >= 1):
            super().check(value, owner)


_CARD = read_cards("rates")["tlr"]
WINDOW = _Window(
    **vars(_CARD["window"])
    | {
        "allowed": "an int of at least 1, or a float above 0 and at most 1",
        "meaning": "an int is a number of steps; a float is a fraction of an epoch, whose length `fit` "
        "knows: elsewhere pass steps_per_epoch",
    }
)
VARIANT = Argument(
    "variant", "variant", "paper", "",
    "the paper's rule, or the one that its authors released later, as `NTLR`, without bound",
    choices=("paper", "ntlr"),
)  # fmt: skip


class _Windowed(Adapter):
    window: float

    def attributes(self) -> dict[str, Any]:
        """The arguments as the core names them, a window as a number of steps or a share of an epoch."""
        values = super().attributes()
        # 1 (a step) and 1.0 (an epoch) look the same to the core, which takes numbers only
        if isinstance(self.window, numbers.Integral):
            values["window_steps"] = int(values.pop("window"))
        return values


@described("ntlr", own=[WINDOW], order="initial gamma window per steps_per_epoch restart restart_from")
class NTLR(_Windowed):
    """`TLR(variant="ntlr")` is the same with the usual damping."""


@described(
    "tlr",
    own=[WINDOW, VARIANT],
    order="initial bound window per variant steps_per_epoch restart restart_from",
)
class TLR(_Windowed):
    """The variant ntlr is the rule of `NTLR`, which has no bound."""

    variant: str

    @property
    def core_name(self) -> str:
        """The core's name of the variant."""
        return NTLR.rate if self.variant == NTLR.rate else self.rate

    def attributes(self) -> dict[str, Any]:
        """The arguments as the core names them."""
        values = super().attributes()
        if values.pop("variant") == NTLR.rate:
            del values["bound"]
        return values
