"""The classes of directions that are made of their cards alone; made.pyi lists them."""

from __future__ import annotations

from .directions import WRITTEN, directions

_MADE = {cls.__name__: cls for name, cls in directions().items() if name not in WRITTEN}
globals().update(_MADE)

__all__ = sorted(_MADE)
