"""`Module`: a tree of parameters, buffers and modules, with PyTorch's names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..errors import ArgumentError, DTypeError, ShapeError
from ..tensors.dtypes import as_dtype
from ..tensors.operations import from_array
from ..tensors.tensor import Tensor
from .parameter import Parameter

Self = TypeVar("Self", bound="Module")


class Module:
    """Base of all networks: assign Parameters and Modules as attributes, define `forward`.

    Attributes:
        training: True at first; `train()` and `eval()` set it for the whole tree.
    """

    training: bool

    def __init__(self) -> None:
        vars(self).update(_parameters={}, _buffers={}, _modules={}, training=True)

    def __setattr__(self, name: str, value: Any) -> None:
        own = vars(self)
        if "_parameters" not in own:
            raise ArgumentError(f"{type(self).__name__}: call super().__init__() before assigning {name!r}")
        for kind in ("_parameters", "_modules"):
            own[kind].pop(name, None)
        if isinstance(value, Parameter):
            own["_parameters"][name] = value
        elif isinstance(value, Module):
            own["_modules"][name] = value
        elif name in own["_buffers"]:
            own["_buffers"][name] = value
            return
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        for kind in ("_parameters", "_buffers", "_modules"):
            vars(self)[kind].pop(name, None)
        object.__delattr__(self, name)

    def __getattr__(self, name: str) -> Any:
        buffers = vars(self).get("_buffers", {})
        if name in buffers:
            return buffers[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def register_buffer(self, name: str, value: Tensor) -> None:
        """Keeps a tensor that is saved with the module but not learned, such as a running mean.

        Args:
            name: the attribute under which it is found.
            value: the tensor.
        """
        self._buffers[name] = value

    if TYPE_CHECKING:
        # any arguments: what a subclass takes is its own affair
        forward: Callable[..., Any]
    else:

        def forward(self, *inputs: Any) -> Any:
            """Computes the module's output; subclasses define it, and calling the module calls it.

            Args:
                *inputs: what the subclass says.

            Returns:
                What the subclass says.

            Raises:
                NotImplementedError: the subclass defines none.
            """
            raise NotImplementedError(f"{type(self).__name__} defines no forward")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Calls `forward`."""
        return self.forward(*inputs, **options)

    # ---- walking the tree ----------------------------------------------------------------------------
    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Walks the tree of modules, parents first.

        Args:
            prefix: the name of this module, put before all others. Default "".

        Yields:
            (name, module) of this module and all below, each module once.
        """
        seen: set[int] = set()
        pending: list[tuple[str, Module]] = [(prefix, self)]
        while pending:
            name, module = pending.pop()
            if id(module) in seen:
                continue
            seen.add(id(module))
            yield name, module
            below = [(f"{name}.{key}" if name else key, child) for key, child in module._modules.items()]
            pending.extend(reversed(below))

    def modules(self) -> Iterator[Module]:
        """This module and all below, each once."""
        return (module for _, module in self.named_modules())

    def _named(self, kind: str, prefix: str) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        for name, module in self.named_modules(prefix):
            for key, value in vars(module)[kind].items():
                if id(value) not in seen:
                    seen.add(id(value))
                    yield (f"{name}.{key}" if name else key), value

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """Walks the parameters of the tree, and leaves each its name, for optimizers.

        Args:
            prefix: put before all names. Default "".

        Yields:
            (name, parameter), each parameter once.
        """
        for name, parameter in self._named("_parameters", prefix):
            parameter.name = name
            yield name, parameter

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, each once."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """Walks the buffers of the tree.

        Args:
            prefix: put before all names. Default "".

        Returns:
            An iterator of (name, buffer), each buffer once.
        """
        return self._named("_buffers", prefix)

    def buffers(self) -> Iterator[Tensor]:
        """All buffers, each once."""
        return (buffer for _, buffer in self.named_buffers())

    def num_parameters(self) -> int:
        """How many numbers are learned: elements of the parameters that require a gradient."""
        return sum(p.size for p in self.parameters() if p.requires_grad)

    # ---- state -----------------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, np.ndarray]:
        """Name -> copy of the values, for parameters and buffers."""
        return {name: np.array(value.numpy()) for name, value in self._state()}

    def _state(self) -> list[tuple[str, Tensor]]:
        return [*self.named_parameters(), *self.named_buffers()]

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Writes values into parameters and buffers, cast to the dtype that each has.

        Everything is checked before anything is written.

        Args:
            state: name -> array, as from `state_dict`.
            strict: whether names that are missing from `state`, or unknown to the module, are an error.
                Default True.

        Raises:
            ArgumentError: names are missing or unknown.
            DTypeError: an array does not hold numbers.
            ShapeError: an array has another shape than what it is for.
        """
        own = dict(self._state())
        missing = [name for name in own if name not in state]
        unknown = [name for name in state if name not in own]
        if strict and (missing or unknown):
            raise ArgumentError(
                f"state: missing {missing or 'nothing'}, unknown {unknown or 'nothing'}; allowed: {[*own]}"
            )
        values: list[tuple[Tensor, Tensor]] = []
        for name, tensor in own.items():
            if name not in state:
                continue
            array = np.asarray(state[name])
            if array.shape != tensor.shape:
                raise ShapeError(f"state: {name}: got shape {array.shape}; allowed: {tensor.shape}")
            if array.dtype.kind not in "fiub":
                raise DTypeError(f"state: {name}: got dtype {array.dtype}; allowed: numbers")
            values.append((tensor, from_array(array.astype(tensor.dtype))))
        for tensor, value in values:
            tensor.assign(value)

    # ---- modes -----------------------------------------------------------------------------------------
    def train(self: Self, mode: bool = True) -> Self:
        """Sets train mode for the whole tree.

        Dropout then drops, and batch norm uses and collects the batch's statistics.

        Args:
            mode: False sets evaluation mode instead. Default True.

        Returns:
            The module itself.
        """
        for module in self.modules():
            vars(module)["training"] = bool(mode)
        return self

    def eval(self: Self) -> Self:
        """Sets evaluation mode for the whole tree, and returns the module itself."""
        return self.train(False)

    def to(self: Self, dtype: Any) -> Self:
        """Turns parameters and floating buffers into another floating dtype.

        They become new tensors: make the optimizer afterwards.

        Args:
            dtype: float32 or float64, by name or as NumPy's.

        Returns:
            The module itself.

        Raises:
            DTypeError: another dtype.
        """
        wanted = as_dtype(dtype)
        if wanted.kind != "f":
            raise DTypeError(f"to: dtype: got {wanted}; allowed: float32, float64")
        # a parameter shared by two modules must stay shared
        made: dict[int, Tensor] = {}
        for module in self.modules():
            for kind in ("_parameters", "_buffers"):
                for name, value in list(vars(module)[kind].items()):
                    if value.is_floating and value.dtype != wanted:
                        if id(value) not in made:
                            made[id(value)] = _cast(value, wanted)
                        vars(module)[kind][name] = made[id(value)]
                        if name in vars(module):
                            vars(module)[name] = made[id(value)]
        return self

    def zero_grad(self) -> None:
        """Forgets the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def extra_repr(self) -> str:
        """The text between the parentheses of `repr`; subclasses say their settings."""
        return ""

    def __repr__(self) -> str:
        below = "".join(f"\n({key}): {child!r}" for key, child in self._modules.items())
        if not below:
            return f"{type(self).__name__}({self.extra_repr()})"
        indented = below.replace("\n", "\n  ")
        return f"{type(self).__name__}({self.extra_repr()}{indented}\n)"


def _cast(value: Tensor, dtype: np.dtype) -> Tensor:
    array = value.numpy().astype(dtype)
    if not isinstance(value, Parameter):
        return from_array(array)
    made = Parameter(from_array(array), value.requires_grad)
    made.name = value.name
    return made


class Layer(Module):
    """A module whose output is one tensor, which type checkers are told."""

    if TYPE_CHECKING:

        def __call__(self, *inputs: Any, **options: Any) -> Tensor:
            """Calls `forward`."""
            ...
