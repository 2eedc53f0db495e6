"""Rates that choose themselves: descriptions of the native rate adapters, for `lr=` of any optimizer.

    optimizer = lr.optim.SGD(model.parameters(), lr=lr.adapt.QLABGrad(trial=0.1))

A description holds a name and its arguments; types are checked at once, bounds by the native card when
an optimizer is made of it. Every adapter also takes `min_lr` (default 0) and `max_lr` (default inf),
between which each rate is clamped. One optimizer may be made from a description or many.
"""

from .checks import check_number
from .optim.decisions import replay
from .rates.averaging import ScheduleFree
from .rates.barzilai_borwein import BarzilaiBorwein, StochasticBarzilaiBorwein
from .rates.base import Adapter
from .rates.distance import DAdaptation, DoG, DoWG, Prodigy
from .rates.hypergradient import HD
from .rates.l4 import L4
from .rates.line_search import SLS
from .rates.named import named
from .rates.online import MARTHE
from .rates.polyak import SPS, MoMo
from .rates.quadratic import LQA, Newton, QLABGrad
from .rates.tlr import TLR, NaiveTLR
from .rates.yellowfin import YellowFin
from .search.periodic import PeriodicALRS
from .search.sbf_search import SBFSearch
from .search.trial import find_trial_rate

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
