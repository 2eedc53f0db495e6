"""What a training run did: a row per epoch, and the loss and rates of every step."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..pictures.figure import BLUE, ORANGE, panels, smoothed
from ..pictures.notebook import shown
from ..store import write_csv

# the name of a rate that is one for all parameters
ALL = "all"
COLUMNS = ("epoch", "step", "train_loss", "lr", "lr_low", "lr_high", "valid_loss", "accuracy", "seconds")


class History:
    """The history of a training run: a row per epoch, and the loss and rates of every step.

    Attributes:
        rows: a dict per epoch with "epoch", "step", "train_loss", "lr" (the mean rate over its steps),
            "lr_low" and "lr_high" (the extremes), "valid_loss" and "accuracy" (None where there is no
            validation), "seconds", and any further metrics.
        losses: float64 [steps], the loss before each update.
        rates: float64 [steps, 3], mean, lowest and highest rate of each step.
        rates_by_name: the rate of each parameter by its name, float64 [epochs].
        optimizer: what the run was made with; None where nobody has said.
        model: what was trained; None where nobody has said.
    """

    def __init__(self) -> None:
        self.optimizer: Any = None
        self.model: Any = None
        self.rows: list[dict[str, Any]] = []
        self._losses: list[np.ndarray] = []
        self._rates: list[np.ndarray] = []
        self._named: list[dict[str, float]] = []

    @property
    def losses(self) -> np.ndarray:
        """The loss before each update, float64 [steps]."""
        return np.concatenate(self._losses) if self._losses else np.zeros(0)

    @property
    def rates(self) -> np.ndarray:
        """Mean, lowest and highest rate of each step, float64 [steps, 3]."""
        return np.concatenate(self._rates) if self._rates else np.zeros((0, 3))

    @property
    def rates_by_name(self) -> dict[str, np.ndarray]:
        """The rates with which epochs ended, by name of the parameter, each float64 [epochs].

        A rate that is one for all parameters has the name "all". NaN where an epoch had no such rate.
        """
        names = dict.fromkeys(name for named in self._named for name in named)
        return {name: np.array([named.get(name, np.nan) for named in self._named]) for name in names}

    def name_rates(self, lr: float | Mapping[str, float]) -> None:
        """Appends the rates with which an epoch ended.

        Args:
            lr: one number for all parameters, or numbers by name, as an optimizer's `lr` is.
        """
        named = lr if isinstance(lr, Mapping) else {ALL: lr}
        self._named.append({str(name): float(rate) for name, rate in named.items()})

    def put_named(self, named: Iterable[Mapping[str, float]]) -> None:
        """Replaces the rates with which epochs ended.

        Args:
            named: numbers by name, of each epoch.
        """
        self._named = [dict(rates) for rates in named]

    def add(self, losses: np.ndarray, rates: np.ndarray) -> None:
        """Appends the steps of one run of the core.

        Args:
            losses: numbers [steps].
            rates: numbers [steps, 3], mean, lowest and highest.
        """
        self._losses.append(np.array(losses, np.float64))
        self._rates.append(np.array(rates, np.float64).reshape(-1, 3))

    def summarize(
        self, since: int, epoch: int, seconds: float, validation: dict[str, float]
    ) -> dict[str, Any]:
        """Appends the row of an epoch.

        Args:
            since: number of the epoch's first step.
            epoch: number of the epoch, from 1.
            seconds: how long it took.
            validation: what was measured on validation data, by name.

        Returns:
            The row.
        """
        losses, rates = self.losses[since:], self.rates[since:]
        finite = losses[np.isfinite(losses)]
        row: dict[str, Any] = dict.fromkeys(COLUMNS)
        row.update(epoch=epoch, step=since + len(losses), seconds=seconds)
        row["train_loss"] = float(finite.mean()) if finite.size else float("nan")
        row.update(zip(("lr", "lr_low", "lr_high"), _summary(rates), strict=True))
        row.update(validation)
        self.rows.append(row)
        return row

    def annotate(self, **facts: Any) -> dict[str, Any]:
        """Adds to the last row.

        Args:
            **facts: further entries, by name.

        Returns:
            The row.
        """
        self.rows[-1].update(facts)
        return self.rows[-1]

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Writes the rows, one per epoch, with a header; atomically.

        Args:
            path: of the file.

        Raises:
            ArgumentError: a pipe or a device is in the file's place.
            ArgumentTypeError: `path` is none.
            FileNotFoundError: the folder does not exist.
            OSError: the folder cannot be written, or a folder is in the file's place.
        """
        names = list(dict.fromkeys([*COLUMNS, *(key for row in self.rows for key in row)]))
        write_csv(path, names, self.rows)

    def plot(self, ax: Any = None) -> Any:
        """A matplotlib Figure: loss, accuracy (where known) and learning rate.

        Args:
            ax: two axes of matplotlib to draw into, three where accuracies are known. None: a new Figure.
                Default None.

        Returns:
            The Figure, of two or three panels, or `ax`.

        Raises:
            ArgumentError: `ax` are not so many axes.
            ImportError: matplotlib is not installed.
        """
        return _drawn(self, ax)

    def plot_rates(self, ax: Any = None) -> Any:
        """A matplotlib Figure: the rate of each parameter at the end of each epoch, as a heat map.

        Args:
            ax: an axis of matplotlib to draw into. None: a new Figure. Default None.

        Returns:
            The Figure, or `ax`.

        Raises:
            ArgumentError: no epoch has rates, or `ax` is no axis.
            ImportError: matplotlib is not installed.
        """
        return _heat(self.rates_by_name, ax)

    def _repr_html_(self) -> str:
        if not self.rows:
            return shown("History", {"epochs": "0"})
        last = self.rows[-1].items()
        facts = {key: f"{v:.5g}" if isinstance(v, float) else str(v) for key, v in last if v is not None}
        return shown(f"History, {len(self.rows)} epochs", facts, self.plot)

    def __repr__(self) -> str:
        if not self.rows:
            return "History(no epochs)"
        last = self.rows[-1]
        accuracy = "" if last["accuracy"] is None else f", accuracy {last['accuracy']:.4f}"
        loss = f"train_loss {last['train_loss']:.4f}"
        return f"History({len(self.rows)} epochs, {loss}{accuracy}, lr {last['lr']:.4g})"


def _summary(rates: np.ndarray) -> tuple[float, float, float]:
    if not len(rates):
        return float("nan"), float("nan"), float("nan")
    return float(rates[:, 0].mean()), float(rates[:, 1].min()), float(rates[:, 2].max())


def _heat(rates: Mapping[str, np.ndarray], ax: Any = None) -> Any:
    """Rates by name and epoch, of which those above 0 have a color."""
    if not rates:
        raise ArgumentError("plot_rates: the history has no rates by name; allowed: one of `fit`")
    figure, axes = panels(1, ax)
    values = np.array(list(rates.values()))
    known = np.isfinite(values) & (values > 0)
    logarithms = np.log10(np.where(known, values, 1.0))
    drawn = axes[0].imshow(np.where(known, logarithms, np.nan), aspect="auto", interpolation="nearest")
    axes[0].set(title="Learning rate", xlabel="epoch", yticks=range(len(rates)), yticklabels=list(rates))
    epochs = np.unique(np.linspace(0, values.shape[1] - 1, min(values.shape[1], 6)).astype(int))
    axes[0].set_xticks(epochs, [str(epoch + 1) for epoch in epochs])
    axes[0].figure.colorbar(drawn, ax=axes[0], label="log10 of the rate")
    return figure


def _drawn(history: History, ax: Any = None) -> Any:
    """Loss, accuracy where it is known, and learning rate of a History, side by side."""
    known = [row for row in history.rows if row["accuracy"] is not None]
    figure, axes = panels(3 if known else 2, ax)
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
