"""`Method`: a way to train any network within so many gradients, with nothing chosen for the network."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ...errors import ArgumentError
from ...optim import Optimizer
from ...tensors.tensor import Tensor
from .run import Run
from .workload import Workload

Make = Callable[[Iterable[Tensor], int], Optimizer]


@dataclass(frozen=True)
class Method:
    """A way to train.

    Args:
        name: as the command line and the records call it.
        train: a function of a `Run` that trains its model within the gradients that are `left`.
        about: what it does, in a line.
        needs: the package that it is from, where that is none of ours. Default "".
        takes: whether it can train a workload. Default: any.
    """

    name: str
    train: Callable[[Run], object]
    about: str = ""
    needs: str = ""
    takes: Callable[[Workload], bool] = lambda workload: True

    def check(self, workload: Workload) -> None:
        """Raises before any run what would make all of them fail.

        Raises:
            ArgumentError: it does not take the workload.
            ImportError: its package is not installed.
        """
        if self.needs and importlib.util.find_spec(self.needs) is None:
            raise ImportError(
                f"{self.name}: {self.needs} is not installed: pip install 'lrswift[bench]'", name=self.needs
            )
        if not self.takes(workload):
            raise ArgumentError(
                f"methods: {self.name} does not take {workload.name}, whose network or loss it cannot "
                "compute; allowed: other --workloads for it"
            )


def optimizer(name: str, make: Make, about: str = "") -> Method:
    """A method that is one optimizer from the first step to the last.

    Args:
        name: of the method.
        make: a function (params, steps) of the parameters and of the number of steps that are taken.
        about: what it does, in a line.
    """
    return Method(name, lambda run: run.go(make(run.model.parameters(), run.left)), about)


def found(
    name: str,
    direction: Callable[..., Optimizer],
    about: str = "",
    rate: Callable[[float, int], Any] = lambda lr, steps: lr,
    **options: Any,
) -> Method:
    """A method that finds a rate with `find_lr`, from the same budget, and trains with what is left.

    Args:
        name: of the method.
        direction: a callable (params, lr=).
        about: what it does, in a line.
        rate: of the rate found and the steps that are left, the rate to train with. Default: that rate.
        **options: further arguments of `find_lr`.
    """

    def train(run: Run) -> None:
        lr = run.find(direction, **options)
        if run.left:
            run.go(direction(run.model.parameters(), lr=rate(lr, run.left)))

    return Method(name, train, about)
