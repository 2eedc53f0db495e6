"""Optimizers: a direction (SGD, Adam, ...) and a rate (a number, or an adapter of `lrswift.adapt`).

loss = optimizer.minimize(closure)                                    # the recommended loop
optimizer.zero_grad(); loss.backward(); optimizer.step(loss)          # the familiar one
"""

from .adam import Adam, AdamW
from .l4 import L4Adam, L4Mom
from .optimizer import Optimizer
from .scaled import Adadelta, Adagrad, RMSprop
from .schedule_free import ScheduleFree
from .sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "L4Adam",
    "L4Mom",
    "Optimizer",
    "RMSprop",
    "ScheduleFree",
]
