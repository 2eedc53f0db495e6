"""The L4 paper's pairs of a rate and a direction."""

from __future__ import annotations

from typing import Any

import torch

from ..rates.adapters import L4
from ._adapted import Adapted
from ._average import EMA


def l4_mom(params: Any, beta: float = 0.9, weight_decay: float = 0.0, **l4: Any) -> Adapted:
    """Makes the optimizer L4Mom: L4 along the average of the gradient, as `lrswift.optim.L4Mom`.

    Args:
        params: tensors, or groups of them, as torch's optimizers take them.
        beta: the average's memory, at least 0 and below 1. Default 0.9.
        weight_decay: w times it is added to the gradient. Default 0.0.
        **l4: arguments of `lrswift.adapt.L4`.

    Returns:
        An `Adapted` over `EMA`.

    Raises:
        ArgumentError: an argument is out of its bounds.
        ArgumentTypeError: an argument is of another type.
        DTypeError: a parameter cannot be trained.

    Source:
        Rolinek and Martius, "L4" (arXiv 1802.05074).
    """
    return Adapted(EMA(params, betas=(beta,), weight_decay=weight_decay), lr=L4(**l4))


def l4_adam(params: Any, eps: float = 1e-4, **l4: Any) -> Adapted:
    """Makes the optimizer L4Adam: L4 along Adam's direction, as `lrswift.optim.L4Adam`.

    Args:
        params: tensors, or groups of them, as torch's optimizers take them.
        eps: added to the root in Adam's direction, far above Adam's own. Default 1e-4.
        **l4: arguments of `lrswift.adapt.L4`.

    Returns:
        An `Adapted` over torch.optim.Adam.

    Raises:
        ArgumentError: an argument is out of its bounds.
        ArgumentTypeError: an argument is of another type.
        DTypeError: a parameter cannot be trained.

    Source:
        Rolinek and Martius, "L4" (arXiv 1802.05074).
    """
    return Adapted(torch.optim.Adam(params, eps=eps), lr=L4(**l4))
