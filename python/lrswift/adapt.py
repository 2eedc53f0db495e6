"""Rates that choose themselves: descriptions of the native rate adapters, for `lr=` of any optimizer.

    optimizer = lr.optim.SGD(model.parameters(), lr=lr.adapt.QLABGrad(trial=0.1))

A description holds a name and its arguments, checked at once against the bounds of the native card. Every
adapter also takes `min_lr` (default 0) and `max_lr` (default inf), between which each rate is clamped. One
optimizer may be made from a description or many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .rates.adapters import *  # noqa: F403

from .checks import check_number
from .optim.decisions import replay
from .rates import adapters as _adapters
from .rates.base import Adapter
from .rates.named import named
from .search.periodic import PeriodicALRS as PeriodicALRS
from .search.sbf_search import SBFSearch
from .search.searches import BracketSearch, FineSearch, SBSearch
from .search.searches import ParameterSearch as ParameterSearch
from .search.trial import find_trial_rate

# in the forms that type checkers read
__all__ = ["Adapter", "BracketSearch", "FineSearch", "SBFSearch", "SBSearch"]
__all__ += ["check_number", "find_trial_rate", "named", "replay"]
__all__ += _adapters.__all__


def __getattr__(name: str) -> Any:
    if name not in _adapters.__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_adapters, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
