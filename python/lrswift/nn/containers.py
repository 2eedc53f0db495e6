"""Modules made of modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ..checks import type_of
from ..errors import ArgumentTypeError
from .module import Module

if TYPE_CHECKING:
    from ..tensors.tensor import Tensor


class ModuleList(Module):
    """A list of modules whose parameters are found.

    Args:
        modules: in order. Default: none.

    Raises:
        ArgumentTypeError: one is no Module.
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> ModuleList:
        """Adds a module at the end.

        Args:
            module: the module.

        Returns:
            The list itself.

        Raises:
            ArgumentTypeError: it is no Module.
        """
        if not isinstance(module, Module):
            raise ArgumentTypeError(f"{type(self).__name__}: got {type_of(module)}; allowed: a Module")
        setattr(self, str(len(self._modules)), module)
        return self

    def __getitem__(self, i: int) -> Module:
        return list(self._modules.values())[i]

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def __len__(self) -> int:
        return len(self._modules)


class Sequential(ModuleList):
    """Modules applied one after the other.

    Args:
        *modules: in order.

    Raises:
        ArgumentTypeError: one is no Module.
    """

    def __init__(self, *modules: Module) -> None:
        super().__init__(modules)

    if TYPE_CHECKING:
        # one that ends in a module with another output says so by a cast
        def __call__(self, *inputs: Any, **options: Any) -> Tensor:
            """Calls `forward`."""
            ...

    def forward(self, x: Any) -> Any:
        """Hands x through all modules.

        Args:
            x: the input of the first one.

        Returns:
            The output of the last one; x itself where there is none.
        """
        for module in self:
            x = module(x)
        return x
