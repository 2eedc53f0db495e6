"""The search of ALRS, to be driven by hand."""

from __future__ import annotations

from .._core import Search as CoreSearch
from ..checks import check_number


class SBFSearch:
    """Soft binary search followed by a fine search, by signals "increase" and "decrease" alone.

    start: first value, 1.0. rho: memory of the signals' average, 0.8. gate: least agreement with that
    average before the opposite limit softens, 0.2. max_signals: end of the binary search, 100.
    final_signals: length of the fine search, 20.
    Source: the ALRS paper, section 4.
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

    def increase(self) -> None:
        """The value should grow."""
        self._core.signal(+1)

    def decrease(self) -> None:
        """The value should shrink."""
        self._core.signal(-1)

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
