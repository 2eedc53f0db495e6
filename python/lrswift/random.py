"""The random state: a seed and an offset, per Python thread, shared by initialization and dropout."""

from __future__ import annotations

import numpy as np

from ._core import random_get, random_set
from .errors import ArgumentError

State = tuple[int, int]


def seed(value: int) -> None:
    """Starts this thread's random numbers anew from `value`, an integer of 0 to 2**63 - 1."""
    if not isinstance(value, (int, np.integer)) or not 0 <= int(value) < 2**63:
        raise ArgumentError(f"seed: got {value!r}; allowed: an integer of 0 to 2**63 - 1")
    random_set(int(value), 0)


def get_state() -> State:
    """(seed, offset) of this thread."""
    return random_get()


def set_state(state: State) -> None:
    """Puts back what `get_state` returned."""
    random_set(*state)


def derived(*numbers: int) -> int:
    """A seed, 0 to 2**32 - 1, that `numbers` of at least 0 decide; other numbers give unrelated ones."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint32)[0])


def generator() -> np.random.Generator:
    """A NumPy generator for one draw; every call advances the offset, so no two share a stream.

    Philox is counter-based: its key is (seed, offset), so a draw depends on nothing else.
    """
    value, offset = random_get()
    random_set(value, offset + 1)
    return np.random.Generator(np.random.Philox(key=np.array([value, offset], np.uint64)))
