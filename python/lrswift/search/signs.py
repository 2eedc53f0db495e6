"""How derivatives with respect to the rate become signals: the readings of ALRS's printed loop."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypedDict

from ..checks import check_number, check_positive, check_whole
from ..errors import ArgumentError, ArgumentTypeError
from ..records import Record

READINGS = ("last", "accumulated", "printed")


@dataclass(frozen=True, kw_only=True, repr=False)
class SignOptions(Record):
    """Options of `find_lr` with the rule "signs".

    Args:
        reading: along what the derivative is taken: "last", the last step alone; "accumulated", the sum of
            the steps since the last signal, at which the optimizer's state begins anew, too; "printed", the
            sum of all steps since the search began. Default "last".
        window: derivatives per signal, at least 1. None: max(1, int(batches per epoch / 50)). Default None.
        threshold: the share of a window's derivatives that must be negative for an increase, above 0 and at
            most 1. Default 0.9.
        restart: the factor by which the value must have moved for the displacement and the optimizer's state
            to begin anew, above 1; inf: never. Default 2.0.
        count_first_zero: whether the first derivative, 0 as the displacement is, counts. Default False.
    """

    reading: str = "last"
    window: int | None = None
    threshold: float = 0.9
    restart: float = 2.0
    count_first_zero: bool = False

    def check(self, rule: str) -> None:
        """Checks the options against each other and the rule.

        Args:
            rule: "trials" or "signs".

        Raises:
            ArgumentError: a value is out of bounds, or given for a rule that takes none of them.
            ArgumentTypeError: a value is of a wrong type.
        """
        if self.reading not in READINGS:
            raise ArgumentError(f"reading: got {self.reading!r}; allowed: {', '.join(map(repr, READINGS))}")
        if self.window is not None:
            check_whole(self.window, "window", 1)
        if check_positive(self.threshold, "threshold") > 1:
            raise ArgumentError(f"threshold: got {self.threshold}; allowed: above 0 and at most 1")
        if check_number(self.restart, "restart", infinite=True) <= 1:
            raise ArgumentError(f"restart: got {self.restart}; allowed: above 1")
        if not isinstance(self.count_first_zero, bool):
            raise ArgumentTypeError(f"count_first_zero: got {self.count_first_zero!r}; allowed: True, False")
        if rule != "signs" and self != SignOptions():
            raise ArgumentError(f"signs: got {self!r} with rule={rule!r}; allowed: with rule='signs'")

    def attributes(self) -> dict[str, Any]:
        """The options as the core names them."""
        told: dict[str, Any] = {
            "accumulate": self.reading != "last",
            "anew": self.reading != "printed",
            "threshold": float(self.threshold),
            "count_first_zero": self.count_first_zero,
            # the core takes finite numbers: nothing moves so far
            "restart": self.restart if math.isfinite(self.restart) else 1e300,
        }
        return told if self.window is None else {**told, "window": int(self.window)}


USUAL = SignOptions()


class SignFields(TypedDict, total=False):
    """The fields of the record, for type checkers and editors."""

    reading: str
    window: int | None
    threshold: float
    restart: float
    count_first_zero: bool
