"""For Keras 3, whose optimizers show no inner products: a rate that follows the loss alone."""

from __future__ import annotations

import math
from typing import Any

import keras

from ..checks import check_number, shown
from ..errors import ArgumentError


class BoldDriver(keras.callbacks.Callback):
    """The bold driver: the rate grows while the loss falls, and shrinks when it rises.

    Args:
        up: what the rate is multiplied by after a step whose loss is lower, at least 1. Default 1.05.
        down: the same where it is not, above 0 and below 1. Default 0.7.
        min_lr: no rate is below it. Default 0.0.
        max_lr: no rate is above it. Default inf.

    Raises:
        ArgumentError: a value is out of bounds.
        ArgumentTypeError: a value is no number.

    Source:
        Battiti, "Accelerated backpropagation learning" (1989).
    """

    def __init__(
        self, up: float = 1.05, down: float = 0.7, min_lr: float = 0.0, max_lr: float = math.inf
    ) -> None:
        super().__init__()
        if check_number(up, "BoldDriver: up") < 1:
            raise ArgumentError(f"BoldDriver: up: got {shown(up)}; allowed: at least 1")
        if not 0 < check_number(down, "BoldDriver: down") < 1:
            raise ArgumentError(f"BoldDriver: down: got {shown(down)}; allowed: above 0 and below 1")
        low = check_number(min_lr, "BoldDriver: min_lr")
        if not 0 <= low <= check_number(max_lr, "BoldDriver: max_lr", infinite=True):
            raise ArgumentError(f"BoldDriver: min_lr: got {shown(min_lr)}; allowed: 0 to max_lr, {max_lr!r}")
        self.up, self.down, self.min_lr, self.max_lr = up, down, min_lr, max_lr
        self._last = math.inf

    def on_train_begin(self, logs: Any = None) -> None:
        """Forgets the loss of a run before.

        Args:
            logs: not looked at.
        """
        self._last = math.inf

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Sets the rate of the next step.

        Args:
            batch: its number; not looked at.
            logs: with the loss, as Keras gives it.
        """
        rate = self.model.optimizer.learning_rate
        factor = self.up if logs["loss"] < self._last else self.down
        rate.assign(min(max(float(rate) * factor, self.min_lr), self.max_lr))
        self._last = logs["loss"]
