"""The random states of others, which loaders and losses may draw from: Python's, NumPy's, PyTorch's."""

from __future__ import annotations

import random as python_random
import sys
from typing import Any

import numpy as np


def other_states() -> dict[str, Any]:
    """The states of the global generators of Python, NumPy and, where it is imported, PyTorch (CPU)."""
    found = {"python": python_random.getstate(), "numpy": np.random.get_state()}
    torch = sys.modules.get("torch")
    if torch is not None:
        found["torch"] = torch.random.get_rng_state()
    return found


def put_other_states(states: dict[str, Any]) -> None:
    """Puts back what `other_states` returned; PyTorch's where it is imported."""
    python_random.setstate(states["python"])
    np.random.set_state(states["numpy"])
    torch = sys.modules.get("torch")
    if torch is not None and "torch" in states:
        torch.random.set_rng_state(states["torch"])
