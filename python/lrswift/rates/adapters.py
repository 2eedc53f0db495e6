"""All adapters, as classes: made of their cards, but for what a card cannot say. adapters.pyi lists them."""

from __future__ import annotations

from .base import Adapter
from .made import RATES
from .sps import SPS as SPS
from .tlr import NTLR as NTLR
from .tlr import TLR as TLR

_NAMES = {card.title: name for name, card in RATES.cards.items()}

__all__ = sorted(_NAMES)


def __getattr__(title: str) -> type[Adapter]:
    if title not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {title!r}")
    cls = globals()[title] = RATES[_NAMES[title]]
    return cls
