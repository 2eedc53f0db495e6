"""Searches for a parameter by signals: the paper's halves alone, one of ours, and whatever has their face."""

from __future__ import annotations

import math
import numbers
from typing import Any, Protocol, runtime_checkable

from .._core import Search as CoreSearch
from ..checks import check_positive, check_whole
from ..errors import ArgumentError, ArgumentTypeError
from .sbf_search import SBFSearch


@runtime_checkable
class ParameterSearch(Protocol):
    """Search by signals, as `find_lr` drives it: four names, the paper's point of extension.

    Attributes:
        value: the value to try next, above 0.
        done: whether the search is over.
    """

    @property
    def value(self) -> float:
        """The value to try next, above 0."""

    @property
    def done(self) -> bool:
        """Whether the search is over."""

    def increase(self) -> None:
        """Takes the signal that the value should grow."""

    def decrease(self) -> None:
        """Takes the signal that the value should shrink."""


class SBSearch(SBFSearch):
    """Soft binary search alone: `SBFSearch` without its fine search.

    Args:
        start: the first value, above 0. Default 1.0.
        rho: memory of the signals' average, from 0 to 1. Default 0.8.
        gate: the least agreement with that average below which the opposite limit softens. Default 0.2.
        max_signals: signals after which it ends, at least 1. Default 100.

    Raises:
        ArgumentError: a value is out of bounds.
        ArgumentTypeError: a value is no number.

    Source:
        The ALRS paper, section 4 (SBS).
    """

    def __init__(
        self, start: float = 1.0, rho: float = 0.8, gate: float = 0.2, max_signals: int = 100
    ) -> None:
        check_whole(max_signals, "SBSearch: max_signals", 1)
        super().__init__(start, rho, gate, max_signals, 0)


class FineSearch(SBFSearch):
    """Fine search alone: steps of 1 to 5 % from where it starts, larger while signals agree.

    Args:
        start: the first value, above 0. Default 1.0.
        rho: memory of the signals' average, from 0 to 1. Default 0.8.
        final_signals: signals after which it ends, at least 1. Default 20.

    Raises:
        ArgumentError: a value is out of bounds.
        ArgumentTypeError: a value is no number.

    Source:
        The ALRS paper, section 4 (FS).
    """

    def __init__(self, start: float = 1.0, rho: float = 0.8, final_signals: int = 20) -> None:
        check_whole(final_signals, "FineSearch: final_signals", 1)
        super().__init__(start, rho, max_signals=0, final_signals=final_signals)


class BracketSearch:
    """Brackets the value by a factor, then bisects the bracket in the logarithm.

    A search of ours, as simple as signals without errors allow: one that is wrong is never undone.

    Args:
        start: the first value, above 0. Default 1.0.
        factor: from value to value until signals of both kinds were given, above 1. Default 2.0.
        tolerance: relative width of the bracket at which it ends, above 0. Default 0.05.

    Raises:
        ArgumentError: a value is out of bounds.
        ArgumentTypeError: a value is no number.
    """

    def __init__(self, start: float = 1.0, factor: float = 2.0, tolerance: float = 0.05) -> None:
        self._value = check_positive(start, "BracketSearch: start")
        self._factor = check_positive(factor, "BracketSearch: factor")
        self._tolerance = check_positive(tolerance, "BracketSearch: tolerance")
        if self._factor <= 1:
            raise ArgumentError(f"BracketSearch: factor: got {factor}; allowed: above 1")
        self._low, self._high = 0.0, math.inf

    @property
    def value(self) -> float:
        """The value to try next."""
        return self._value

    @property
    def done(self) -> bool:
        """Whether the bracket is narrow enough."""
        return self._low > 0 and self._high <= self._low * (1 + self._tolerance)

    def increase(self) -> None:
        """Signals that the value should grow."""
        self._low = self._value
        self._move()

    def decrease(self) -> None:
        """Signals that the value should shrink."""
        self._high = self._value
        self._move()

    def _move(self) -> None:
        if math.isinf(self._high):
            self._value *= self._factor
        elif self._low == 0:
            self._value /= self._factor
        else:
            self._value = math.sqrt(self._low * self._high)


class DrivenSearch:
    """Lets the core run batches up to a signal, which another search then takes."""

    def __init__(self, search: ParameterSearch) -> None:
        self.search = search
        self.signals: list[int] = []
        self._core = CoreSearch(given=1, start=self._checked())

    @property
    def value(self) -> float:
        """The search's."""
        return self._checked()

    @property
    def done(self) -> bool:
        """The search's."""
        return bool(self.search.done)

    def follow(self) -> None:
        """Gives the search the signal at which the core stands, if it does, and goes on with its answer."""
        asked = int(self._core.get("asked"))
        if asked == 0:
            return
        self.signals.append(asked)
        (self.search.increase if asked > 0 else self.search.decrease)()
        self._core.go_on(self._checked(), self.done)

    def _checked(self) -> float:
        value = self.search.value
        if not isinstance(value, numbers.Real) or not 0 < value < math.inf:
            raise ArgumentError(f"search: value: got {value!r}; allowed: a number above 0 and finite")
        return float(value)


def driven(search: Any) -> SBFSearch | DrivenSearch:
    """The search as `find_lr` drives it."""
    if isinstance(search, SBFSearch):
        return search
    missing = [name for name in ("increase", "decrease", "done", "value") if not hasattr(search, name)]
    if missing:
        raise ArgumentTypeError(
            f"search: {type(search).__name__} has no {', '.join(missing)}; allowed: an object with "
            "increase(), decrease(), done and value"
        )
    return DrivenSearch(search)
