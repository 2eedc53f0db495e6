"""Adapters of `lrswift.adapt` in PyTorch training loops. Needs torch; loaded as `lrswift.torch` on first use.

optimizer = lr.torch.Adapted(torch.optim.Adam(model.parameters()), lr=lr.adapt.L4())
"""

from ._adapted import Adapted
from .ema import EMA, l4_adam, l4_mom

__all__ = ["EMA", "Adapted", "l4_adam", "l4_mom"]
