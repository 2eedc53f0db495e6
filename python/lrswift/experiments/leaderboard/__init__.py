"""Methods on many small workloads, none of which is tuned: who comes nearest to a tuned reference?

    from lrswift.experiments.leaderboard import Method, Workload, found, optimizer, torch_optimizer

are what a user adds a workload or a method with.
"""

from __future__ import annotations

from .board import DEFAULT_METHODS, Leaderboard, leaderboard
from .method import Method, found, optimizer
from .methods import METHODS
from .result import RunResult
from .run import Run
from .torch_method import torch_optimizer
from .workload import Workload
from .workloads import WORKLOADS

__all__ = [
    "DEFAULT_METHODS", "METHODS", "WORKLOADS", "Leaderboard", "Method", "Run", "RunResult", "Workload",
    "found", "leaderboard", "optimizer", "torch_optimizer",
]  # fmt: skip
