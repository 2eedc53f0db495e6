"""Pictures by matplotlib, which is imported on the first of them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..files import atomic

# Okabe and Ito's: distinct for the color-blind
BLUE, ORANGE, GREEN, GRAY = "#0072b2", "#d55e00", "#009e73", "#8a8f98"


def panels(count: int, ax: Any = None) -> tuple[Any, list[Any]]:
    """A figure of `count` axes in a row, in the style of all pictures here; or those given as they are.

    With axes that are given, what is returned in the figure's place is `ax`.

    Raises:
        ArgumentError: `ax` are not so many axes.
    """
    if ax is not None:
        given = [ax] if hasattr(ax, "plot") else list(np.ravel(np.asarray(ax, dtype=object)))
        if len(given) != count or not all(hasattr(each, "plot") for each in given):
            raise ArgumentError(
                f"plot: ax: got {len(given)} of {type(ax).__name__}; allowed: {count} axes of matplotlib"
            )
        return ax, given
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, count, figsize=(4.2 * count, 3.2), layout="constrained")
    axes = [axes] if count == 1 else list(axes)
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(axis="y", color="#e6e8eb", linewidth=0.8)
        ax.set_axisbelow(True)
    return figure, axes


def smoothed(values: np.ndarray, width: int) -> np.ndarray:
    """Running mean over `width` entries, of the same length; entries that are not finite are left out."""
    if not len(values):
        return values
    good = np.isfinite(values)
    ones, kernel = good.astype(float), np.ones(max(1, width))
    total = np.convolve(np.where(good, values, 0.0), kernel, "full")[: len(values)]
    count = np.convolve(ones, kernel, "full")[: len(values)]
    return total / np.where(count > 0, count, np.nan)


def _close(figure: Any) -> None:
    """Those that are only written are not kept by pyplot."""
    import matplotlib.pyplot as plt

    plt.close(figure)


def saved(path: Path, draw: Callable[[], Any]) -> str:
    """Writes the figure that `draw` makes, atomically; a line that says where, or why there is none."""
    content = io.BytesIO()
    try:
        figure = draw()
        figure.savefig(content, dpi=150, format=path.suffix[1:])
        _close(figure)
    except ImportError:
        return f"{path.name}: not drawn, matplotlib is not installed"
    atomic.replace(path, content.getvalue())
    return str(path)
