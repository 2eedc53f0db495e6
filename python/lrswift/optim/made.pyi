"""Directions. Made of the native cards by scripts/stubs.py; `make check` holds it to them."""

from math import inf

from .optimizer import Optimizer, Params, Rate

__all__ = [
    "EMA",
]

class EMA(Optimizer):
    """EMA, an update rule of the native core; extra per step: one vector.

    Args:
        params: tensors, (name, tensor) pairs, or group dicts {"params": ..., option: value}; each tensor
            requires a gradient.
        lr: a number of at least 0, a schedule, an adapter or its name. Default 0.01.
        beta: memory of the average (at least 0 and below 1). Default 0.9.
        weight_decay: coupled weight decay, added to the gradient (at least 0). Default 0.
        clip_value: limit of each entry of the gradient, applied before weight decay, as PyTorch's
            clip_grad_value_ (above 0). Default inf.
        clip_norm: limit of the gradient's norm over all parameters, applied before weight decay, as
            PyTorch's clip_grad_norm_ (above 0). Default inf.

    Raises:
        ArgumentError: a value is out of its bounds, or a parameter requires no gradient or is given twice.
        ArgumentTypeError: an option is no number.
        DTypeError: `params` holds something else than tensors, or the rate is none.

    Source:
        Rolinek and Martius 2018, eq. 7.
    """

    def __init__(
        self,
        params: Params,
        lr: Rate = 0.01,
        beta: float = 0.9,
        weight_decay: float = 0.0,
        clip_value: float = inf,
        clip_norm: float = inf,
    ) -> None: ...
