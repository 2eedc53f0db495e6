"""`Imported`: a network of torch in the engine, under torch's names and shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from ..errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from ..nn.module import Module
from ..tensors.creation import tensor
from ..tensors.dtypes import as_dtype
from ..tensors.operations import from_array
from ..tensors.tensor import Tensor
from ._graph import Plan, Source
from ._values import Value

Self = TypeVar("Self", bound="Imported")


class Part(Module):
    """One of torch's modules: parameters, buffers and a mode; what it computes is in the graph."""

    def __init__(self, kind: str, settings: str) -> None:
        super().__init__()
        self._kind = kind
        self._settings = settings

    def extra_repr(self) -> str:
        return self._settings

    def __repr__(self) -> str:
        return super().__repr__().replace(type(self).__name__, self._kind, 1)


class Imported(Part):
    """A network that `from_torch` made: the same as torch's in its inputs, outputs, names and shapes.

    Kernels of convolutions are kept as the engine's convolutions want them, so `parameters()` have their own
    order of axes; `state_dict` and `load_state_dict` have torch's.
    """

    def __init__(self, kind: str, settings: str) -> None:
        super().__init__(kind, settings)
        self._plans: dict[bool, Plan] = {}
        self._inputs: list[Any] = []
        self._keywords: tuple[str, ...] = ()
        self._constants: dict[str, Tensor] = {}
        # name of torch -> (path of the part, its own name); several names may have one tensor
        self._places: dict[str, tuple[str, str]] = {}
        # name -> order of axes here; name -> dtype in torch
        self._orders: dict[str, tuple[int, ...]] = {}
        self._dtypes: dict[str, str] = {}
        self._floats: dict[str, np.dtype] = {n: np.dtype(n) for n in ("float32", "float64")}
        self._paths: dict[str, Module] = {}

    # ---- running ---------------------------------------------------------------------------------------
    def forward(self, *inputs: Any, **named: Any) -> Any:
        """Computes what torch's module computes.

        Args:
            *inputs: as torch's module takes them: arrays, tensors of ours or of torch on the CPU, images as
                (N, C, H, W). The first axis may have another size than in the example.
            **named: inputs by name, where the example was a dict.

        Returns:
            Tensors in the structure of torch's outputs; dicts where torch has classes of its own.

        Raises:
            ArgumentError: there are not as many inputs as in the example.
            DTypeError: an input is floating where the example was not.
            ShapeError: an input has other sizes than the example, but for the first axis.
        """
        plan = self._plans.get(self.training, self._plans[True])
        given = iter(self._leaves(inputs, named))
        begun = [self._begun(source, given) for source in plan.sources]
        return _outputs(plan.run(begun, self._trains, self._floats))

    def _trains(self, path: str) -> bool:
        return self._paths[path].training if path in self._paths else self.training

    def _begun(self, source: Source, given: Any) -> Value:
        if source.kind == "input":
            return next(given)
        if source.kind == "constant":
            return Value(self._constants[source.name], source.dtype)
        return Value(self.tensor_of(source.name), source.dtype, source.order)

    def tensor_of(self, name: str) -> Tensor:
        """The parameter or buffer of a name of torch, as it lies here."""
        path, own = self._places[name]
        part = vars(self._paths[path])
        found: Tensor = part["_parameters"].get(own, part["_buffers"].get(own))
        return found

    def _leaves(self, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> list[Value]:
        if named and self._keywords:
            missing = [k for k in self._keywords if k not in named]
            unknown = [k for k in named if k not in self._keywords]
            if missing or unknown or inputs:
                raise ArgumentError(
                    f"{self._kind}: got {len(inputs)} inputs and {', '.join(named)}; "
                    f"allowed: {', '.join(self._keywords)} by name"
                )
            inputs = tuple(named[k] for k in self._keywords)
        leaves = list(_flat(inputs))
        if len(leaves) != len(self._inputs):
            raise ArgumentError(
                f"{self._kind}: got {len(leaves)} inputs; allowed: {len(self._inputs)}, as in the example"
            )
        found = []
        for i, (value, expected) in enumerate(zip(leaves, self._inputs, strict=True)):
            if expected[0] == "fixed":
                if value is not expected[1] and value != expected[1]:
                    raise ArgumentError(
                        f"{self._kind}: input {i}: got {value!r}; allowed: {expected[1]!r}, as in the example"
                    )
                continue
            found.append(self._input(i, value, expected[1], expected[2]))
        return found

    def _input(self, i: int, value: Any, dtype: str, sizes: Sequence[int | None]) -> Value:
        t = value
        if not isinstance(t, Tensor):
            array = np.asarray(value.detach() if _of_torch(value) else value)
            t = tensor(array, dtype=self._floats[dtype] if dtype in self._floats else None)
        if t.ndim != len(sizes) or any(n not in (None, m) for n, m in zip(sizes, t.shape, strict=True)):
            allowed = ", ".join("N" if n is None else str(n) for n in sizes)
            raise ShapeError(
                f"{self._kind}: input {i}: got shape {t.shape}; allowed: [{allowed}], as in the example"
            )
        if t.is_floating and dtype not in self._floats:
            raise DTypeError(
                f"{self._kind}: input {i}: got dtype {t.dtype}; allowed: integers or bool, as in the example"
            )
        return Value(t.astype(self._floats[dtype]) if dtype in self._floats else t, dtype)

    # ---- state -----------------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, np.ndarray]:
        """Name -> copy of the values, for parameters and buffers: torch's names, shapes and dtypes."""
        return {name: self._as_torch(name) for name in self._places}

    def _as_torch(self, name: str) -> np.ndarray:
        array = self.tensor_of(name).numpy()
        if name in self._orders:
            order = self._orders[name]
            array = array.transpose([order.index(a) for a in range(array.ndim)])
        dtype = self._dtypes[name]
        if dtype not in self._floats and array.dtype.kind == "f":
            array = array.reshape(()).astype(dtype)
        elif dtype not in self._floats:
            array = array.astype(dtype)
        return np.array(array, order="C")

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Writes values into parameters and buffers, cast to the dtype that each has.

        Everything is checked before anything is written.

        Args:
            state: name -> array of torch's shape, as from `state_dict`, here or in torch.
            strict: whether names that are missing from `state`, or unknown to the module, are an error.
                Default True.

        Raises:
            ArgumentError: names are missing or unknown, or two names of one tensor have different values.
            DTypeError: an array does not hold numbers.
            ShapeError: an array has another shape than what it is for.
        """
        missing = [name for name in self._places if name not in state]
        unknown = [name for name in state if name not in self._places]
        if strict and (missing or unknown):
            raise ArgumentError(
                f"state: missing {missing or 'nothing'}, unknown {unknown or 'nothing'}; "
                f"allowed: {[*self._places]}"
            )
        values: dict[int, tuple[Tensor, np.ndarray, str]] = {}
        for name in self._places:
            if name not in state:
                continue
            own = self.tensor_of(name)
            given = state[name]
            array = np.asarray(given.detach() if _of_torch(given) else given)
            order = self._orders.get(name, tuple(range(array.ndim)))
            counter = self._dtypes[name] not in self._floats and own.is_floating
            shape = () if counter else tuple(own.shape[order.index(a)] for a in range(own.ndim)) if (
                len(order) == own.ndim
            ) else own.shape  # fmt: skip
            if array.shape != shape:
                raise ShapeError(f"state: {name}: got shape {array.shape}; allowed: {shape}")
            if array.dtype.kind not in "fiub":
                raise DTypeError(f"state: {name}: got dtype {array.dtype}; allowed: numbers")
            laid = array.reshape(own.shape) if counter else array.transpose(order)
            if id(own) in values and not np.array_equal(values[id(own)][1], laid, equal_nan=True):
                raise ArgumentError(
                    f"state: {name} and {values[id(own)][2]} are one tensor and got different values; "
                    "allowed: the same"
                )
            values[id(own)] = (own, laid, name)
        for own, laid, _ in values.values():
            own.assign(from_array(np.ascontiguousarray(laid, own.dtype).reshape(own.shape)))

    def to(self: Self, dtype: Any) -> Self:
        """Turns parameters and floating buffers into another floating dtype, and computes in it.

        They become new tensors: make the optimizer afterwards.

        Args:
            dtype: float32 or float64, by name or as NumPy's.

        Returns:
            The module itself.

        Raises:
            DTypeError: another dtype.
        """
        super().to(dtype)
        self._floats = dict.fromkeys(self._floats, as_dtype(dtype))
        return self

    def to_torch(self, module: Any) -> Any:
        """Writes parameters and buffers into a module of torch, bit for bit where dtypes agree.

        Everything is checked before anything is written. Shared weights stay shared.

        Args:
            module: the one that this network was made of, or another of the same names and shapes.

        Returns:
            `module` itself.

        Raises:
            ArgumentError: its names are other ones, or it is not on the CPU.
            ArgumentTypeError: it is no torch.nn.Module.
            ShapeError: one of its tensors has another shape.
        """
        import torch

        if not isinstance(module, torch.nn.Module):
            raise ArgumentTypeError(
                f"to_torch: module: got {type(module).__name__}; allowed: a torch.nn.Module"
            )
        theirs = module.state_dict(keep_vars=True)
        missing = [name for name in self._places if name not in theirs]
        unknown = [name for name in theirs if name not in self._places]
        if missing or unknown:
            raise ArgumentError(
                f"to_torch: module: has not {missing or 'nothing'}, has also {unknown or 'nothing'}; "
                f"allowed: the names {[*self._places]}"
            )
        arrays = self.state_dict()
        for name, their in theirs.items():
            if tuple(their.shape) != arrays[name].shape:
                raise ShapeError(
                    f"to_torch: module: {name} has shape {tuple(their.shape)}; allowed: {arrays[name].shape}"
                )
            if their.device.type != "cpu":
                raise ArgumentError(f"to_torch: module: {name} is on {their.device}; allowed: the CPU")
        with torch.no_grad():
            for name, their in theirs.items():
                their.copy_(torch.from_numpy(arrays[name]))
        return module


def _of_torch(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach")


def _flat(given: Any) -> Any:
    """The inputs in the order of torch's placeholders."""
    if isinstance(given, (tuple, list)):
        for entry in given:
            yield from _flat(entry)
    elif isinstance(given, Mapping):
        for entry in given.values():
            yield from _flat(entry)
    else:
        yield given


def _outputs(made: Any) -> Any:
    if isinstance(made, Value):
        if made.dtype == "bool":
            return made.mask(range(made.ndim))
        return made.plain() if made.dtype.startswith("float") else made.index()
    if isinstance(made, (tuple, list)):
        return type(made)(_outputs(entry) for entry in made)
    if isinstance(made, dict):
        return {key: _outputs(entry) for key, entry in made.items()}
    return made
