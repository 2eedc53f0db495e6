"""All adapters, as classes: made of their cards, but for what a card cannot say. adapters.pyi lists them."""

from __future__ import annotations

from .cards import read_cards
from .made import RATES, made
from .sps import SPS as SPS
from .tlr import NTLR as NTLR
from .tlr import TLR as TLR

for _card in read_cards("rates").values():
    # a constant rate is a number
    if _card.name not in RATES and _card.name != "constant":
        globals()[_card.title] = made(_card, __name__)

__all__ = sorted(cls.__name__ for cls in RATES.values())
