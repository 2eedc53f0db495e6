"""The pictures that several studies draw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...pictures.figure import BLUE, GRAY, GREEN, ORANGE, panels
from .study import Outcome

COLORS = (BLUE, ORANGE, GREEN, GRAY, "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#b8860b", "#7b3294")


def color(place: int) -> str:
    """Of the line at a place; they begin anew after the last."""
    return COLORS[place % len(COLORS)]


def curves(
    outcome: Outcome, key: str, ylabel: str, xlabel: str = "epoch", log: bool = True, first: int = 1
) -> Any:
    """A panel per setting: each method's list `key`, the mean of its seeds."""
    settings = outcome.settings()
    figure, axes = panels(len(settings))
    for axis, setting in zip(axes, settings, strict=True):
        for place, method in enumerate(outcome.methods()):
            lines = [numbers[key] for numbers in outcome.of(method, setting) if numbers.get(key)]
            if not lines:
                continue
            count = min(map(len, lines))
            line = np.mean([np.array(one[:count], float) for one in lines], axis=0)
            axis.plot(np.arange(first, first + count), line, color=color(place), label=method)
        axis.set(title=setting, xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
    axes[0].legend(frameon=False, fontsize=7)
    return figure


def against(
    outcome: Outcome,
    key: str,
    position: Mapping[str, float],
    xlabel: str,
    ylabel: str,
    logx: bool = True,
    logy: bool = True,
) -> Any:
    """Each method's number `key` against what a setting is: `position` of its name."""
    figure, (axis,) = panels(1)
    for place, method in enumerate(outcome.methods()):
        settings = [setting for setting in outcome.settings(method) if setting in position]
        x = [position[setting] for setting in settings]
        values = [outcome.values(method, setting, key) for setting in settings]
        order = np.argsort(x)
        x = [x[i] for i in order]
        low, mean, high = ([f(values[i]) for i in order] for f in (np.min, np.mean, np.max))
        axis.plot(x, mean, "o-", color=color(place), label=method, markersize=4)
        axis.fill_between(x, low, high, color=color(place), alpha=0.15, linewidth=0)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.set(xscale="log" if logx else "linear", yscale="log" if logy else "linear")
    axis.legend(frameon=False, fontsize=7)
    return figure


def beside(outcome: Outcome, key: str, published: Mapping[tuple[str, str], float], label: str) -> Any:
    """Ours with the band of the seeds, and the paper's where it has one, a line per method and setting."""
    figure, (axis,) = panels(1)
    pairs = outcome.pairs()
    for place, pair in enumerate(pairs):
        values = outcome.values(*pair, key)
        axis.plot([values.min(), values.max()], [place, place], color=BLUE, linewidth=2)
        axis.plot(values.mean(), place, "o", color=BLUE, label="ours" if place == 0 else None)
        if pair in published:
            axis.plot(published[pair], place, "D", color=ORANGE, markersize=5, label="paper")
    axis.set(xlabel=label, yticks=range(len(pairs)), yticklabels=[" ".join(p).strip() for p in pairs])
    axis.invert_yaxis()
    handles, labels = axis.get_legend_handles_labels()
    kept = dict(zip(labels, handles, strict=True))
    axis.legend(kept.values(), kept.keys(), frameon=False, fontsize=7)
    return figure
