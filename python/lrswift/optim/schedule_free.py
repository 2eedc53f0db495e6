"""Schedule-Free descent."""

from __future__ import annotations

import math
from typing import Any, Literal

from ..checks import check_number, shown
from ..errors import ArgumentError
from ..rates.adapters import ScheduleFree as ScheduleFreeRate
from ..rates.cards import read_cards
from ..schedule import Schedule
from .docstrings import documented
from .optimizer import Optimizer, Params

_CARD, _ADAMW = read_cards("rates")["schedule_free"], read_cards("directions")["adamw"]
_USUAL = {direction: _CARD["lr"].usual.get(direction, _CARD["lr"].default) for direction in _CARD.directions}


@documented(
    "adamw",
    "schedule_free",
    lr='a number above 0, or a schedule. None: 1 for "sgd", 10 to 50 times the usual rate of SGD, and 0.0025 '
    'for "adamw"',
    direction='"sgd", or "adamw", without a first moment',
    betas='of the interpolation and, for "adamw", of the second moment (above 0 and below 1)',
    weight_decay="taken at y (at least 0)",
    warmup_steps="steps over which the rate rises linearly, recommended (a whole number of at least 0)",
)
class ScheduleFree(Optimizer):
    """Descent without a schedule, and without an end of training to plan for.

    Steps are taken on z; x, the average of all z, is what is evaluated. Parameters hold

        y = (1 - beta) z + beta x,

    where gradients are taken. `eval()` moves them to x, to evaluate or save the model; `train()` moves them
    back, to the bit, and must be called before the next step. `fit` validates at x by itself, and leaves the
    optimizer in the mode it found it in. A new optimizer is in train mode. Batch-norm statistics are those
    of y; for exact ones pass some training data through the model, in its train mode, after `eval()`. In the
    average of all z step t counts t^r (largest rate so far)^weight_lr_power.

    Source:
        Defazio et al., "The road less scheduled" (arXiv 2405.15682).
    """

    def __init__(
        self,
        params: Params,
        lr: float | Schedule | None = None,
        direction: Literal["sgd", "adamw"] = "sgd",
        betas: tuple[float, float] = (ScheduleFreeRate.beta, _ADAMW["beta2"].default),
        eps: float = _ADAMW["eps"].default,
        weight_decay: float = 0.0,
        warmup_steps: int = ScheduleFreeRate.warmup_steps,
        r: float = ScheduleFreeRate.r,
        weight_lr_power: float = ScheduleFreeRate.weight_lr_power,
        min_lr: float = ScheduleFreeRate.min_lr,
        max_lr: float = ScheduleFreeRate.max_lr,
        clip_value: float = math.inf,
        clip_norm: float = math.inf,
    ) -> None:
        if direction not in _USUAL:
            raise ArgumentError(f"direction: got {shown(direction)}; allowed: {', '.join(_USUAL)}")
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise ArgumentError(f"betas: got {shown(betas)}; allowed: two numbers")
        if isinstance(lr, Schedule):
            given = 1.0
        else:
            given = _USUAL[direction] if lr is None else check_number(lr, "lr")
        rate: Any = ScheduleFreeRate(
            given, betas[0], warmup_steps, r, weight_lr_power, min_lr=min_lr, max_lr=max_lr
        )
        if isinstance(lr, Schedule):
            rate = lr * rate
        options: dict[str, Any] = {"weight_decay": weight_decay}
        if direction == "adamw":
            options |= {"betas": betas, "eps": eps}
        super().__init__(params, direction, rate, options, clip_value, clip_norm)
