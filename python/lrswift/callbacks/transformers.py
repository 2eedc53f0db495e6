"""For Hugging Face's `Trainer`, which calls an optimizer's step without the loss."""

from __future__ import annotations

from typing import Any

import transformers

from ..checks import type_of
from ..errors import ArgumentTypeError


class HandOverLoss(transformers.TrainerCallback):
    """Hands the loss of the model's output to an `lrswift.torch.Adapted`, for adapters that need it.

        trainer = transformers.Trainer(model, arguments, train_dataset=data,
                                       optimizers=(optimizer, schedule), callbacks=[HandOverLoss(optimizer)])

    Losses of gradient accumulation are averaged. What the model computes in evaluation mode is not seen.

    Args:
        optimizer: the `lrswift.torch.Adapted` that the trainer has.

    Raises:
        ArgumentTypeError: it has no `observe`.
    """

    def __init__(self, optimizer: Any) -> None:
        if not callable(getattr(optimizer, "observe", None)):
            raise ArgumentTypeError(
                f"HandOverLoss: optimizer: got {type_of(optimizer)}; allowed: an lrswift.torch.Adapted"
            )
        self.optimizer = optimizer
        self._hook: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **others: Any) -> None:
        """Begins to watch the model.

        Args:
            args: of the trainer.
            state: of the trainer.
            control: of the trainer.
            model: what it trains.
            **others: not looked at.
        """

        def hand_over(module: Any, inputs: Any, outputs: Any) -> None:
            if module.training:
                loss = (
                    outputs["loss"] if isinstance(outputs, dict) or hasattr(outputs, "keys") else outputs[0]
                )
                self.optimizer.observe(loss.mean())

        self._hook = model.register_forward_hook(hand_over)

    def on_train_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Leaves the model alone again.

        Args:
            args: of the trainer.
            state: of the trainer.
            control: of the trainer.
            **others: not looked at.
        """
        if self._hook is not None:
            self._hook.remove()
            self._hook = None
