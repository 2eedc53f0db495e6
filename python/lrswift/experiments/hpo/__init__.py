"""Searches for a schedule at equal cost: Optuna's, which see losses alone, beside hypergradients."""

from __future__ import annotations

from .comparison import compare_hpo
from .results import HpoComparison, Searched, Tried
from .searches import SEARCHES

__all__ = ["SEARCHES", "HpoComparison", "Searched", "Tried", "compare_hpo"]
