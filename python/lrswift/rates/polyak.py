"""Stochastic Polyak steps."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Literal

from .base import Adapter, check_epoch


@dataclass(frozen=True)
class SPS(Adapter):
    """rate = (L - f*) / (c |g|^2), along any direction d with <g, d> in place of |g|^2.

    mode "smooth": at most gamma^(1/N) times the rate before, which starts at 1, with N steps per epoch
    (`steps_per_epoch`, else what `fit` knows, else 500); f_star and max_lr are not used, as in the authors'
    code. mode "max": at most max_lr. c: 0.5. f_star: lowest loss of a batch, 0. gamma: 2. max_lr: 10.
    A step without slope, or with a loss below its bound, is skipped.
    Source: Loizou et al., "Stochastic Polyak step-size for SGD" (arXiv 2002.10542).
    """

    rate: ClassVar[str] = "sps"
    texts: ClassVar[dict[str, tuple[str, ...]]] = {"mode": ("smooth", "max")}
    c: float = 0.5
    f_star: float = 0.0
    mode: Literal["smooth", "max"] = "smooth"
    gamma: float = 2.0
    _: KW_ONLY
    max_lr: float = 10.0
    steps_per_epoch: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_epoch(self, self.steps_per_epoch)

    def attributes(self) -> dict[str, Any]:
        values = super().attributes()
        values["smooth"] = values.pop("mode") == "smooth"
        if values["smooth"]:
            values.pop("max_lr", None)
        return values


@dataclass(frozen=True)
class MoMo(Adapter):
    """Polyak's step for the averaged linear model of past batches, capped by `lr`.

    With averages f of losses, d of gradients, c of <g, w>: rate = min(lr, max(f - lower_bound - c + <d, w>,
    0) / |d|^2), w -= rate d. Goes with SGD (its averages have memory `beta`, 0.9), Adam and AdamW (with
    Adam's; the norm is Adam's metric); another raises TypeError. weight_decay is the paper's proximal decay
    with any of them. lr: 1, over Adam 0.01 is usual. lower_bound: of the losses, 0.
    Source: Schaipp et al., "MoMo: momentum models for adaptive learning rates" (arXiv 2305.07583).
    """

    rate: ClassVar[str] = "momo"
    lr: float = 1.0
    beta: float = 0.9
    lower_bound: float = 0.0
