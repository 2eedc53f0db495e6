"""The L4 paper's pairs of a rate and a direction."""

from __future__ import annotations

from typing import Any

import torch

from ..rates.adapters import L4
from ._adapted import Adapted
from ._average import EMA


def l4_mom(params: Any, beta: float = 0.9, weight_decay: float = 0.0, **l4: Any) -> Adapted:
    """L4 along the average of the gradient, as `lrswift.optim.L4Mom`; further arguments: `adapt.L4`."""
    return Adapted(EMA(params, betas=(beta,), weight_decay=weight_decay), lr=L4(**l4))


def l4_adam(params: Any, eps: float = 1e-4, **l4: Any) -> Adapted:
    """L4 along Adam's direction, as `lrswift.optim.L4Adam`; further arguments: `adapt.L4`."""
    return Adapted(torch.optim.Adam(params, eps=eps), lr=L4(**l4))
