"""Rates that choose themselves: descriptions of the native rate adapters, for `lr=` of any optimizer.

    optimizer = lr.optim.SGD(model.parameters(), lr=lr.adapt.QLABGrad(trial=0.1))

A description holds a name and its arguments; types are checked at once, bounds by the native card when
an optimizer is made of it. Every adapter also takes `min_lr` (default 0) and `max_lr` (default inf),
between which each rate is clamped. One optimizer may be made from a description or many.
"""

from ._base import Adapter, check_number
from ._named import named
from .averaging import ScheduleFree
from .barzilai_borwein import BarzilaiBorwein, StochasticBarzilaiBorwein
from .distance import DAdaptation, DoG, DoWG, Prodigy
from .hypergradient import HD
from .l4 import L4
from .line_search import SLS
from .online import MARTHE
from .periodic import PeriodicALRS
from .polyak import SPS, MoMo
from .quadratic import LQA, Newton, QLABGrad, find_trial_rate
from .search import SBFSearch
from .tlr import TLR, NaiveTLR
from .yellowfin import YellowFin


def __getattr__(name: str) -> object:
    # lives with the optimizers, which are built on this module
    if name == "replay":
        from ..optim._recorder import replay

        return replay
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "HD",
    "L4",
    "LQA",
    "MARTHE",
    "SLS",
    "SPS",
    "TLR",
    "Adapter",
    "BarzilaiBorwein",
    "DAdaptation",
    "DoG",
    "DoWG",
    "MoMo",
    "NaiveTLR",
    "Newton",
    "PeriodicALRS",
    "Prodigy",
    "QLABGrad",
    "SBFSearch",
    "ScheduleFree",
    "StochasticBarzilaiBorwein",
    "YellowFin",
    "check_number",
    "find_trial_rate",
    "named",
    "replay",
]
