"""What may run after every epoch of `fit`: `fit(..., callbacks=[lr.callbacks.EarlyStopping()])`.

Any function of the history will do; these are what is asked for most.
"""

from __future__ import annotations

from .base import Callback
from .best import BestCheckpoint
from .early_stopping import EarlyStopping
from .loggers import CSVLogger, DictLogger, TensorBoard

__all__ = ["BestCheckpoint", "CSVLogger", "Callback", "DictLogger", "EarlyStopping", "TensorBoard"]
