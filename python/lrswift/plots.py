"""Pictures by matplotlib, which is imported on the first of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .finder import Found
    from .history import History
    from .learned import LearnedSchedule
    from .range_test import Ranged

# Okabe and Ito's: distinct for the color-blind
BLUE, ORANGE, GREEN, GRAY = "#0072b2", "#d55e00", "#009e73", "#8a8f98"


def panels(count: int) -> tuple[Any, list[Any]]:
    """A figure of `count` axes in a row, in the style of all pictures here."""
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


def plot_history(history: History) -> Any:
    """Loss, accuracy where it is known, and learning rate of a History, side by side."""
    known = [row for row in history.rows if row["accuracy"] is not None]
    figure, axes = panels(3 if known else 2)
    losses, rates = history.losses, history.rates
    steps = np.arange(1, len(losses) + 1)
    axes[0].plot(steps, losses, color=BLUE, alpha=0.2, linewidth=0.7)
    axes[0].plot(steps, smoothed(losses, len(losses) // 50), color=BLUE, label="training")
    validated = [row for row in history.rows if row["valid_loss"] is not None]
    if validated:
        values = [row["valid_loss"] for row in validated]
        axes[0].plot(
            [r["step"] for r in validated], values, "o-", color=ORANGE, markersize=4, label="validation"
        )
        axes[0].legend(frameon=False)
    axes[0].set(title="Loss", xlabel="step")
    if np.nanmin(losses, initial=np.inf) > 0:
        axes[0].set_yscale("log")
    if known:
        axes[1].plot(
            [r["step"] for r in known], [100 * r["accuracy"] for r in known], "o-", color=ORANGE, markersize=4
        )
        axes[1].set(title="Accuracy, %", xlabel="step")
    axes[-1].fill_between(steps, rates[:, 1], rates[:, 2], color=BLUE, alpha=0.2, linewidth=0)
    axes[-1].plot(steps, rates[:, 0], color=BLUE, alpha=0.25, linewidth=0.7)
    axes[-1].plot(steps, smoothed(rates[:, 0], len(rates) // 50), color=BLUE)
    axes[-1].set(title="Learning rate", xlabel="step")
    if len(rates) and rates[:, 1].min() > 0 and rates[:, 2].max() > 3 * rates[:, 1].min():
        axes[-1].set_yscale("log")
    return figure


def plot_found(found: Found) -> Any:
    """The rate tried and the sign of its gradient at every batch of a learning-rate search."""
    figure, axes = panels(2)
    batches = np.arange(1, len(found.values) + 1)
    axes[0].step(batches, found.values, where="post", color=BLUE)
    title = f"Rate tried: ends at {found.value:.3g}, train with {found.lr:.3g}"
    axes[0].set(title=title, xlabel="batch", yscale="log")
    finite = np.where(np.isfinite(found.gradients), found.gradients, np.nan)
    axes[1].axhline(0, color=GRAY, linewidth=0.8)
    for color, part in ((BLUE, finite < 0), (ORANGE, finite > 0)):
        axes[1].plot(batches[part], finite[part], ".", color=color, markersize=3)
    scale = float(np.nanmedian(np.abs(finite))) if len(finite) else 1.0
    axes[1].set_yscale("asinh", linear_width=scale or 1.0)
    axes[1].set(
        title="Gradient of the loss by the rate", xlabel="batch", ylabel="below 0: the rate is too small"
    )
    return figure


def plot_ranged(ranged: Ranged) -> Any:
    """The loss over the rate of a range test, with its suggestion."""
    figure, (axes,) = panels(1)
    axes.plot(ranged.rates, ranged.losses, color=BLUE, alpha=0.25, linewidth=0.7)
    axes.plot(ranged.rates, ranged.smoothed, color=BLUE)
    title = "No rate suggested"
    if ranged.suggestion is not None:
        title = f"Steepest at {ranged.suggestion:.3g}"
        axes.axvline(ranged.suggestion, color=ORANGE, linewidth=1)
    axes.set(title=title, xlabel="learning rate", ylabel="loss", xscale="log")
    return figure


def plot_learned(learned: LearnedSchedule) -> Any:
    """Schedules of all outer steps over the inner ones, light to dark, and their validation losses.

    Of rates by layer, the best ones alone.

    The form of figure 4 of FDS (Micaelli and Storkey, arXiv 2007.07869).
    """
    import matplotlib as mpl

    families = [("Learning rate", np.atleast_2d(learned.learning_rates))]
    families += [("Momentum", learned.momentums[None]), ("Weight decay", learned.weight_decays[None])]
    ends = np.cumsum([0, *(values.size for _, values in families)])
    shown = [(t, v, e) for (t, v), e in zip(families, ends, strict=False) if v.size]
    figure, axes = panels(len(shown) + 1)
    outer = len(learned.values)
    shades = mpl.colormaps["Blues"](np.linspace(0.2, 0.95, max(outer, 2)))
    for ax, (title, best, first) in zip(axes, shown, strict=False):
        ax.axhline(0, color=GRAY, linewidth=0.8)
        # step t uses entry floor(n t / T)
        edges = np.ceil(np.arange(best.shape[1] + 1) * learned.steps / best.shape[1])
        if len(best) == 1:
            for o, row in enumerate(learned.values):
                tried = row[first : first + best.size]
                ax.stairs(tried, edges, baseline=None, color=shades[o], linewidth=1.2)
        colors = [ORANGE] if len(best) == 1 else mpl.colormaps["viridis"](np.linspace(0, 0.9, len(best)))
        labels = ["best"] if len(best) == 1 else learned.layers
        for values, color, label in zip(best, colors, labels, strict=True):
            ax.stairs(values, edges, baseline=None, color=color, linewidth=2, label=label)
        ax.set(title=title, xlabel="step", xlim=(0, learned.steps))
    axes[0].legend(frameon=False, title="layer" if learned.layers else None)
    losses = np.where(np.isfinite(learned.seed_losses), learned.seed_losses, np.nan)
    numbers = np.arange(1, outer + 1)
    axes[-1].plot(numbers, losses, ".", color=GRAY, markersize=4)
    axes[-1].plot(numbers, losses.mean(1), color=GRAY, linewidth=0.8)
    axes[-1].scatter(numbers, losses.mean(1), c=shades[:outer], zorder=3, s=28)
    if learned.best >= 0:
        axes[-1].plot(
            learned.best + 1, losses[learned.best].mean(), "o", color=ORANGE, markersize=7, zorder=4
        )
    axes[-1].set(title="Validation loss", xlabel="outer step")
    axes[-1].xaxis.get_major_locator().set_params(integer=True)
    if np.nanmin(losses, initial=np.inf) > 0:
        axes[-1].set_yscale("log")
    return figure
