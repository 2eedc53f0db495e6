"""The random state: a seed and an offset, per Python thread, shared by initialization and dropout."""

from __future__ import annotations

import numpy as np

from . import _core
from .errors import ArgumentError

State = tuple[int, int]


def seed(value: int) -> None:
    """Starts this thread's random numbers anew from `value`, an integer of 0 to 2**63 - 1."""
    if not isinstance(value, (int, np.integer)) or not 0 <= int(value) < 2**63:
        raise ArgumentError(f"seed: got {value!r}; allowed: an integer of 0 to 2**63 - 1")
    _core.random_set(int(value), 0)


def get_state() -> State:
    """(seed, offset) of this thread."""
    return _core.random_get()


def set_state(state: State) -> None:
    """Puts back what `get_state` returned."""
    _core.random_set(*state)


def generator() -> np.random.Generator:
    """A NumPy generator for one draw; every call advances the offset, so no two share a stream.

    Philox is counter-based: its key is (seed, offset), so a draw depends on nothing else.
    """
    value, offset = _core.random_get()
    _core.random_set(value, offset + 1)
    return np.random.Generator(np.random.Philox(key=np.array([value, offset], np.uint64)))
