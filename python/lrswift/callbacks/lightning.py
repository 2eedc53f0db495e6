"""For Lightning: the rates that an adapter takes, where Lightning's loggers and bars find them."""

from __future__ import annotations

from typing import Any

import lightning
import torch


class LearningRates(lightning.Callback):
    """Logs the effective rate of every optimizer after each step, as "lr", "lr-1", ...

    `lightning.pytorch.callbacks.LearningRateMonitor` asks schedulers, and an `lrswift.torch.Adapted` needs
    none. Values are in `trainer.callback_metrics` and, with a logger, in its log by the global step.

    Args:
        name: what the first one is called. Default "lr".
    """

    def __init__(self, name: str = "lr") -> None:
        super().__init__()
        self.name = name

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *rest: Any) -> None:
        """Takes note of the rates.

        Args:
            trainer: of Lightning.
            pl_module: what it trains.
            *rest: outputs, batch and its number; not looked at.
        """
        found = {
            self.name if i == 0 else f"{self.name}-{i}": float(optimizer.param_groups[0]["lr"])
            for i, optimizer in enumerate(trainer.optimizers)
        }
        trainer.callback_metrics.update({name: torch.tensor(rate) for name, rate in found.items()})
        for logger in trainer.loggers:
            logger.log_metrics(found, step=trainer.global_step)
