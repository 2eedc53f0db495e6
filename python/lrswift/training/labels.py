"""Labels that the model has no class for, told before anything is trained."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import random
from ..errors import ArgumentError
from ..loop.feed import ArrayFeed, Feed
from ..loop.recorder import Modes, rows
from ..nn import Module
from ..nn.functional import cross_entropy
from ..tensors.autograd import no_grad


def check_labels(model: Any, loss: Callable[..., Any], feed: Feed | None, name: str) -> None:
    """Looks at the largest and the least label of whole arrays, and at what the model says of that row.

    One row is handed through the model, in evaluation mode. Nothing is said of losses other than
    `cross_entropy`, of batches that come one by one, and of a model that does not take a single row.

    Raises:
        ArgumentError: a label is below 0, or at least the number of the model's classes.
    """
    whole = loss.func if isinstance(loss, functools.partial) else loss
    if whole is not cross_entropy or not isinstance(model, Module) or not isinstance(feed, ArrayFeed):
        return
    if len(feed.tensors) != 2 or feed.tensors[1].is_floating or feed.tensors[1].ndim != 1:
        return
    labels = feed.tensors[1].numpy()
    least, most = int(labels.argmin()), int(labels.argmax())
    classes = _classes(model, feed, most)
    if classes is None:
        return
    for row in (most, least):
        if not 0 <= labels[row] < classes:
            raise ArgumentError(
                f"{name}: y: got label {labels[row]} in row {row}; allowed: 0 to {classes - 1}, as the model "
                f"has {classes} classes"
            )


def _classes(model: Module, feed: ArrayFeed, row: int) -> int | None:
    """The width of the model's answer to one row; None where it has no such answer."""
    modes, state = Modes(model), random.get_state()
    try:
        model.eval()
        with no_grad():
            answer = model(rows(feed.tensors, np.array([row]))[0])
        return int(answer.shape[1]) if answer.ndim == 2 else None
    except Exception:  # noqa: BLE001  # what is wrong shows, and is said, in the first step
        return None
    finally:
        modes.restore()
        random.set_state(state)


__all__ = ["check_labels"]
