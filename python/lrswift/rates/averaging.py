"""A constant rate on a point that is averaged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Adapter


@dataclass(frozen=True)
class ScheduleFree(Adapter):
    """Descent on z, gradients at y = (1 - beta) z + beta x, evaluation at x, the average of all z.

    Goes with SGD (momentum 0) and AdamW (whose first beta is not used); another raises TypeError.
    `lrswift.optim.ScheduleFree` is the same with the usual constants. Parameters hold y: call
    `optimizer.eval()` before evaluating or saving the model and `optimizer.train()` before going on.
    lr: 1, over AdamW 0.0025 is usual. beta: 0.9. warmup_steps: of a linear warm-up, 0. r, weight_lr_power:
    weights of the average t^r (largest rate so far)^power, 0 and 2.
    Source: Defazio et al., "The road less scheduled" (arXiv 2405.15682).
    """

    rate: ClassVar[str] = "schedule_free"
    lr: float = 1.0
    beta: float = 0.9
    warmup_steps: int = 0
    r: float = 0.0
    weight_lr_power: float = 2.0
