"""Stochastic Polyak steps."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Literal

from ._base import Adapter, check_epoch


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
