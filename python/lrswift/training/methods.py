"""The methods that `compare` compares: a list, a line each; others are composed of rate and direction."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .. import adapt, optim
from .composed import composed
from .method import KINDS, Kind, Method

__all__ = ["KINDS", "METHODS", "Kind", "Method"]


class Methods(dict[str, Method]):
    """Methods by name. One that is not listed is composed when it is asked for: "l4+adam", "dog+momentum"."""

    def __missing__(self, name: str) -> Method:
        return composed(name, tuple(self))


def _(optimizer: Callable[..., optim.Optimizer], **arguments: Any) -> Callable[..., optim.Optimizer]:
    return functools.partial(optimizer, **arguments)


def _rate(optimizer: Callable[..., optim.Optimizer], **arguments: Any) -> Any:
    return lambda initial: _(optimizer, lr=initial, **arguments)


# the TLR paper's
_OF_TLR = {"momentum": 0.8, "weight_decay": 5e-4}

# fmt: off
METHODS = Methods({
    "auto": Method("Auto", "adapts", "by a search in its first steps, then a planned run", _(optim.Auto)),
    "sgd": Method("SGD", "hand", "0.1 throughout", _(optim.SGD, lr=0.1), _rate(optim.SGD)),
    "momentum": Method(
        "SGD, momentum 0.9", "hand", "0.05 throughout", _(optim.SGD, lr=0.05, momentum=0.9),
        _rate(optim.SGD, momentum=0.9),
    ),
    "adam": Method("Adam", "hand", "0.001 throughout", _(optim.Adam, lr=1e-3), _rate(optim.Adam)),
    "l4mom": Method("L4 with momentum", "adapts", "from loss and slope, every step", _(optim.L4Mom)),
    "l4adam": Method("L4 with Adam", "adapts", "from loss and slope, every step", _(optim.L4Adam)),
    "tlr": Method(
        "TLR", "adapts", "from how steps agree, 3 times an epoch, over momentum 0.8 and decay 5e-4",
        _(optim.SGD, lr=adapt.TLR(), **_OF_TLR),
        lambda initial: _(optim.SGD, lr=adapt.TLR(initial=initial), **_OF_TLR),
    ),
    "qlabgrad": Method(
        "QLABGrad", "adapts", "from a parabola through a trial step", _(optim.SGD, lr=adapt.QLABGrad()),
        lambda initial: _(optim.SGD, lr=adapt.QLABGrad(trial=initial)),
    ),
    "alrs-periodic": Method(
        "ALRS every 5 epochs, momentum", "adapts",
        "by the derivative with respect to the learning rate, during training",
        _(optim.SGD, lr=adapt.PeriodicALRS(every=5), momentum=0.9),
        lambda initial: _(optim.SGD, lr=adapt.PeriodicALRS(every=5, start=initial), momentum=0.9),
    ),
    "alrs": Method(
        "ALRS, then momentum", "found", "by the derivative with respect to the learning rate",
        _(optim.SGD, momentum=0.9),
        lambda initial: _(optim.SGD, momentum=0.9),
    ),
    "alrs-adam": Method(
        "ALRS, then Adam", "found", "by the derivative with respect to the learning rate", _(optim.Adam),
        lambda initial: _(optim.Adam),
    ),
})
# fmt: on
