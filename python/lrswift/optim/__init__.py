"""Optimizers: a direction (SGD, Adam, ...) and a rate (a number, or an adapter of `lrswift.adapt`).

loss = optimizer.minimize(closure)                                    # the recommended loop
optimizer.zero_grad(); loss.backward(); optimizer.step(loss)          # the familiar one

A direction of the native catalogue that has no class written here has one made of its card: `EMA`, for one.
"""

from .adam import Adam, AdamW
from .auto import Auto
from .directions import by_title
from .l4 import L4Adam, L4Mom
from .made import *  # noqa: F403
from .made import __all__ as _made
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
    "Auto",
    "L4Adam",
    "L4Mom",
    "Optimizer",
    "RMSprop",
    "ScheduleFree",
    *_made,
]


def __getattr__(name: str) -> type[Optimizer]:
    made = by_title()
    if name not in made:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return made[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *by_title()})
