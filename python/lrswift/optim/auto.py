"""AdamW with nothing to choose."""

from __future__ import annotations

import math
from typing import Any

from ..rates.adapters import Auto as AutoRate
from ..rates.cards import read_cards
from .adam import AdamW
from .docstrings import documented
from .optimizer import Optimizer, Params

_ADAMW = read_cards("directions")["adamw"]


@documented(
    "adamw",
    "auto",
    steps="steps of the run, the search included (a whole number of at least 1); `math.inf`: it stays level "
    "until `finish(steps)`; None: what `fit` knows",
)
class Auto(Optimizer):
    """AdamW that finds its rate, plans the run and guards it: nothing to choose.

    The first steps are a search, at most 6 % of the run, which is undone to the bit; then the rate rises over
    5 % of the rest, stays, and falls to 0 over the last 60 %. A step that makes the loss explode is undone
    (`guard`). `explain()` says what was found, and `frozen()` is the same optimizer without a search.

    A batch-norm's running statistics keep still in the search, where `fit` or `minimize` evaluates the model.

    Source:
        docs/auto.md, with what it reaches on workloads that it was not made on.
    """

    def __init__(
        self,
        params: Params,
        steps: float | None = None,
        search: float = AutoRate.search,
        prior: float = AutoRate.prior,
        warmup: float = AutoRate.warmup,
        decay: float = AutoRate.decay,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = _ADAMW["eps"].default,
        weight_decay: float = 0.1,
        min_lr: float = AutoRate.min_lr,
        max_lr: float = AutoRate.max_lr,
        clip_value: float = math.inf,
        clip_norm: float = math.inf,
    ) -> None:
        rate = AutoRate(steps, search, prior, warmup, decay, min_lr=min_lr, max_lr=max_lr)
        options = {"betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, "adamw", rate, options, clip_value, clip_norm)

    def _explicit(self) -> Any:
        return AdamW
