"""Searches for a schedule at equal cost: Optuna's, which see losses alone, beside hypergradients."""

from __future__ import annotations

from .comparison import compare_hpo
from .regret import Searched
from .results import HpoComparison
from .searches import SEARCHES
from .training import TriedSetting

__all__ = ["SEARCHES", "HpoComparison", "Searched", "TriedSetting", "compare_hpo"]
