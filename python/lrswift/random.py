"""The random state: a seed and an offset, per Python thread, shared by initialization and dropout."""

from __future__ import annotations

import numpy as np

from ._core import random_get, random_set
from .errors import ArgumentError

State = tuple[int, int]


def seed(value: int) -> None:
    """Starts this thread's random numbers anew.

    Args:
        value: an integer of 0 to 2**63 - 1.

    Raises:
        ArgumentError: value is none.
    """
    if not isinstance(value, (int, np.integer)) or not 0 <= int(value) < 2**63:
        raise ArgumentError(f"seed: got {value!r}; allowed: an integer of 0 to 2**63 - 1")
    random_set(int(value), 0)


def get_state() -> State:
    """(seed, offset) of this thread."""
    return random_get()


def set_state(state: State) -> None:
    """Puts back what `get_state` returned.

    Args:
        state: (seed, offset).
    """
    random_set(*state)


def derived(*numbers: int) -> int:
    """Makes a seed of numbers; other numbers give unrelated seeds.

    Args:
        *numbers: integers of at least 0, such as a seed and the number of a run.

    Returns:
        An integer of 0 to 2**32 - 1 that `numbers` decide.
    """
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint32)[0])


def generator() -> np.random.Generator:
    """Makes a NumPy generator for one draw; every call advances the offset, so that no two share a stream.

    Returns:
        A generator of Philox, which is counter-based: its key is (seed, offset), so that a draw depends on
        nothing else.
    """
    value, offset = random_get()
    random_set(value, offset + 1)
    return np.random.Generator(np.random.Philox(key=np.array([value, offset], np.uint64)))
