"""The search of ALRS, to be driven by hand."""

from __future__ import annotations

from typing import Any

from .._core import Search as CoreSearch
from ..checks import check_number
from ..errors import ArgumentTypeError


class SBFSearch:
    """Soft binary search followed by a fine search, by signals "increase" and "decrease" alone.

    Args:
        start: the first value, above 0. Default 1.0.
        rho: memory of the signals' average, from 0 to 1. Default 0.8.
        gate: the least agreement with that average below which the opposite limit softens. Default 0.2.
        max_signals: signals after which the binary search ends; 0: there is none. Default 100.
        final_signals: signals of the fine search; 0: there is none. Default 20.

    Raises:
        ArgumentError: a value is out of bounds.
        ArgumentTypeError: a value is no number.

    Source:
        The ALRS paper, section 4.
    """

    def __init__(
        self,
        start: float = 1.0,
        rho: float = 0.8,
        gate: float = 0.2,
        max_signals: int = 100,
        final_signals: int = 20,
    ) -> None:
        given = {
            "start": start,
            "rho": rho,
            "gate": gate,
            "max_signals": max_signals,
            "final_signals": final_signals,
        }
        self._core = CoreSearch(
            **{key: check_number(value, f"SBFSearch: {key}") for key, value in given.items()}
        )

    def __reduce__(self) -> Any:
        raise ArgumentTypeError(
            "SBFSearch: a search cannot be copied or pickled; make another one with the same arguments and "
            "give it the same signals"
        )

    def increase(self) -> None:
        """Signals that the value should grow."""
        self._core.signal(+1)

    def decrease(self) -> None:
        """Signals that the value should shrink."""
        self._core.signal(-1)

    def follow(self) -> None:
        """Nothing is left to do after a signal of the core's."""

    @property
    def value(self) -> float:
        """The value to try next."""
        return self._core.get("value")

    @property
    def done(self) -> bool:
        """Whether both phases are over."""
        return bool(self._core.get("done"))

    @property
    def signals(self) -> int:
        """How many signals were given."""
        return int(self._core.get("signals"))
