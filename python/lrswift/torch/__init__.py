"""Adapters of `lrswift.adapt` in PyTorch training loops. Needs torch; loaded as `lrswift.torch` on first use.

optimizer = lr.torch.Adapted(torch.optim.Adam(model.parameters()), lr=lr.adapt.L4())
"""

from ._adapted import Adapted
from ._average import EMA
from ._rule import Direction
from .find import find_lr
from .fitting import fit
from .hypergradients import hypergradient
from .l4 import l4_adam, l4_mom
from .learning import learn_schedule
from .range_test import lr_range_test
from .scheduling import schedule

__all__ = [
    "EMA",
    "Adapted",
    "Direction",
    "find_lr",
    "fit",
    "hypergradient",
    "l4_adam",
    "l4_mom",
    "learn_schedule",
    "lr_range_test",
    "schedule",
]
