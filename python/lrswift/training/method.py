"""A way to set the learning rate, with what a report says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from .. import optim
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
