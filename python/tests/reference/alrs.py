"""ALRS: a search for a constant rate, steered by the sign of d loss / d gamma along the last update A."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from .directions import Arrays, dot, look
from .sbf import SBF


def find_lr(
    parameters: Arrays,
    batches: Sequence[Callable],
    make_direction: Callable,
    start: float = 1.0,
    fraction: float = 0.1,
    max_epochs: int = 5,
    reading: str = "B",
    restart: float = 2.0,
    window: int | None = None,
    threshold: float = 0.9,
    count_first_zero: bool = False,
    search=None,
) -> tuple[float, SBF, list[int], list[float]]:
    """The rate, the search, its signals and all recorded derivatives; the parameters are left as they are.

    `batches`: one `evaluate` per mini-batch of an epoch. Reading "B": A is the update of this batch alone.
    Reading "reset": A accumulates and is zeroed, with the optimizer's state, at each signal. Reading
    "printed": A accumulates and is never zeroed. The optimizer steps from the displaced weights and the
    weights themselves never move. A derivative along A = 0 says nothing and is not recorded, but with
    `count_first_zero`; anything not finite counts as +inf and resets A and the optimizer.
    Both are reset, too, whenever the value has moved by the factor `restart` since they last were.
    """
    direction = make_direction()
    search = SBF(start) if search is None else search
    window = max(1, len(batches) // 50) if window is None else window
    update = [np.zeros_like(p) for p in parameters]
    seen, signals, everything = [], [], []
    restarted_at = search.value
    for t in range(max_epochs * len(batches)):
        if search.done:
            break
        displaced = [p + a for p, a in zip(parameters, update, strict=True)]
        loss, gradients = batches[t % len(batches)](displaced)
        slope = dot(gradients, update)
        if not all(map(math.isfinite, (loss, slope, dot(gradients, gradients)))):
            seen.append(math.inf)
            update, direction = [np.zeros_like(p) for p in parameters], make_direction()
        else:
            if count_first_zero or any(a.any() for a in update):
                seen.append(slope)
            _, _, d = look(direction, displaced, lambda _, known=(loss, gradients): known)
            base = update if reading != "B" else [0.0] * len(d)
            update = [a - search.value * x for a, x in zip(base, d, strict=True)]
        if len(seen) == window:
            increase = sum(x < 0 for x in seen) >= threshold * window and sum(seen) < 0
            search.signal(+1 if increase else -1)
            signals.append(+1 if increase else -1)
            everything, seen = everything + seen, []
            moved = search.value / restarted_at
            if reading == "reset" or not 1 / restart < moved < restart:
                restarted_at = search.value
                update, direction = [np.zeros_like(p) for p in parameters], make_direction()
    return fraction * search.value, search, signals, everything
