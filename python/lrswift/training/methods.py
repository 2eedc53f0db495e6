"""The methods that `compare` compares: one list, a line each."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from .. import adapt, optim
from ..tensors.tensor import Tensor

Kind = Literal["hand", "adapts", "found"]
KINDS: dict[Kind, str] = {
    "hand": "set by hand",
    "adapts": "chosen during training",
    "found": "found before training",
}


@dataclass(frozen=True)
class Method:
    """A way to set the learning rate. make(params, lr=) for those that find it first, else make(params)."""

    label: str
    kind: Kind
    how: str
    make: Callable[..., optim.Optimizer]
    # from an initial rate, `make` with it in its place; None: there is none to give. A search begins with it.
    begun: Callable[[float], Callable[..., optim.Optimizer]] | None = None

    def optimizer(self, params: Iterable[Tensor], lr: float | None = None) -> optim.Optimizer:
        """The optimizer over `params`; lr: the rate that was found first, None where none is."""
        return self.make(params) if lr is None else self.make(params, lr=lr)


def _(optimizer: Callable[..., optim.Optimizer], **arguments: Any) -> Callable[..., optim.Optimizer]:
    return functools.partial(optimizer, **arguments)


def _rate(optimizer: Callable[..., optim.Optimizer], **arguments: Any) -> Any:
    return lambda initial: _(optimizer, lr=initial, **arguments)


# fmt: off
METHODS: dict[str, Method] = {
    "sgd": Method("SGD", "hand", "0.1 throughout", _(optim.SGD, lr=0.1), _rate(optim.SGD)),
    "momentum": Method(
        "SGD, momentum 0.9", "hand", "0.05 throughout", _(optim.SGD, lr=0.05, momentum=0.9),
        _rate(optim.SGD, momentum=0.9),
    ),
    "adam": Method("Adam", "hand", "0.001 throughout", _(optim.Adam, lr=1e-3), _rate(optim.Adam)),
    "l4mom": Method("L4 with momentum", "adapts", "from loss and slope, every step", _(optim.L4Mom)),
    "l4adam": Method("L4 with Adam", "adapts", "from loss and slope, every step", _(optim.L4Adam)),
    "tlr": Method(
        "TLR", "adapts", "from how steps agree, 3 times an epoch", _(optim.SGD, lr=adapt.TLR()),
        lambda initial: _(optim.SGD, lr=adapt.TLR(initial=initial)),
    ),
    "qlabgrad": Method(
        "QLABGrad", "adapts", "from a parabola through a trial step", _(optim.SGD, lr=adapt.QLABGrad()),
        lambda initial: _(optim.SGD, lr=adapt.QLABGrad(trial=initial)),
    ),
    "alrs-periodic": Method(
        "ALRS every 5 epochs, momentum", "adapts", "by the gradient of the rate, during training",
        _(optim.SGD, lr=adapt.PeriodicALRS(every=5), momentum=0.9),
        lambda initial: _(optim.SGD, lr=adapt.PeriodicALRS(every=5, start=initial), momentum=0.9),
    ),
    "alrs": Method(
        "ALRS, then momentum", "found", "by the gradient of the rate", _(optim.SGD, momentum=0.9),
        lambda initial: _(optim.SGD, momentum=0.9),
    ),
    "alrs-adam": Method(
        "ALRS, then Adam", "found", "by the gradient of the rate", _(optim.Adam),
        lambda initial: _(optim.Adam),
    ),
}
# fmt: on
