"""`from_torch`: the same network in the engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import ArgumentError, ArgumentTypeError
from ..nn.module import Module
from ..nn.parameter import Parameter
from ..tensors.autograd import no_grad
from ..tensors.operations import from_array
from ..tensors.tensor import Tensor
from ._batches import reopened
from ._exporting import exported, fast_paths_off, first_axes_open, quiet
from ._imported import Imported, Part
from ._reading import Reader
from ._refusals import check_module

# rows of the batch that the graph is read with: by chance no other size in a network
BATCH, OTHER = 13, 17
# relative to the largest output: how near torch's the engine's must be, by what both compute in
AGREES = {"float32": 1e-3, "float64": 1e-6}


def from_torch(module: Any, example_inputs: Any) -> Imported:
    """Makes the same network in the Swift engine.

    The graph is read by `torch.export`, in train mode, and each of its operations composed of ours, so that
    all derivatives are exact; docs/from-torch.md lists them. Batch norm and dropout follow `train()` and
    `eval()` of the network and its parts. The module stays as it is, its weights are copied; `to_torch`
    writes trained ones back. In evaluation mode both are then compared on the example.

    Args:
        module: a `torch.nn.Module` on the CPU, of float32 or float64, without hooks, whose forward does the
            same whatever values it sees.
        example_inputs: what it is called with: a tensor, a tuple of them, or a dict of them by name. Images
            are (N, C, H, W). The first axis may later have another size, all others not.

    Returns:
        The network, as an `nn.Module` that takes the same inputs. Its modes are those of `module`.

    Raises:
        ArgumentError: an operation has no counterpart (all of them are told at once, each with its module
            and source line), the forward depends on values, there are hooks, or the module is on another
            device.
        ArgumentTypeError: `module` is no torch.nn.Module, or an input holds no tensor.
        DTypeError: a parameter is of another dtype.
    """
    check_module(module)
    arguments, options = _example(example_inputs)
    with _left_as_it_is(module):
        native = _built(module.train(), *_program(module, arguments, options), tuple(options))
        module.eval()
        native.eval()
        if native._plans[True].random or not _agree(native, module, arguments, options):
            _read_evaluating(native, module, arguments, options)
    for path, part in native._paths.items():
        vars(part)["training"] = module.get_submodule(path).training
    return native


def _example(given: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and named arguments."""
    import torch

    if isinstance(given, torch.Tensor):
        given = (given,)
    if not isinstance(given, (tuple, list, Mapping)):
        raise ArgumentTypeError(
            f"from_torch: example_inputs: got {type(given).__name__}; "
            "allowed: a torch tensor, a tuple of them, or a dict of them by name"
        )
    leaves = list(given.values()) if isinstance(given, Mapping) else list(given)
    tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
    if not tensors:
        raise ArgumentTypeError("from_torch: example_inputs: holds no tensor; allowed: torch tensors")
    elsewhere = [t.device for t in tensors if t.device.type != "cpu"]
    if elsewhere:
        raise ArgumentError(
            f"from_torch: example_inputs: a tensor is on {elsewhere[0]}; allowed: the CPU, as x.cpu()"
        )
    return ((), dict(given)) if isinstance(given, Mapping) else (tuple(given), {})


@contextmanager
def _left_as_it_is(module: Any) -> Iterator[None]:
    """Afterwards the module has the modes, buffers and gradients, and torch the random numbers, of before."""
    import torch

    modes = [(part, part.training) for part in module.modules()]
    buffers = [(b, b.detach().clone()) for b in module.buffers()]
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            for part, training in modes:
                part.training = training
            for buffer, value in buffers:
                if not torch.equal(buffer, value):
                    buffer.copy_(value)


def _repeated(given: Any, rows: int) -> Any:
    """Inputs with the rows of their batch over and over; None where they have not one size of batch."""
    import torch

    leaves = list(given.values()) if isinstance(given, dict) else list(given)
    tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
    sizes = {t.shape[0] if t.ndim else 0 for t in tensors}
    if len(sizes) > 1 or 0 in sizes:
        return None
    each = [
        leaf[torch.arange(rows) % len(leaf)] if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves
    ]
    return dict(zip(given, each, strict=True)) if isinstance(given, dict) else tuple(each)


def _program(module: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, bool]:
    """The graph, read with a batch of a size that is no other one in it, so that it stays open.

    And whether torch had closed it on that size.
    """
    many = _repeated(arguments, BATCH), _repeated(options, BATCH)
    if None not in many:
        try:
            program = exported(module, *many)
        except ArgumentError:
            # it may want batches of another form
            return exported(module, arguments, options), False
        if first_axes_open(program):
            return program, False
        other = exported(module, _repeated(arguments, OTHER), _repeated(options, OTHER))
        if reopened(program, other, BATCH, OTHER):
            return program, True
    return exported(module, arguments, options), False


def _built(module: Any, program: Any, opened: bool, keywords: tuple[str, ...]) -> Imported:
    reader = Reader(program, literal=False, opened=opened)
    plan = reader.plan()
    native = Imported(type(module).__name__, module.extra_repr())
    _grow(native, module)
    orders = {s.name: s.order for s in plan.sources if s.kind == "parameter" and s.order is not None}
    _fill(native, module, orders)
    native._plans[True] = plan
    native._inputs, native._keywords = reader.inputs, keywords
    _keep(native, reader.constants)
    return native


def _grow(native: Imported, module: Any) -> None:
    """A part for each of the modules, the same one for the same module."""
    made: dict[int, Module] = {id(module): native}
    native._paths[""] = native
    for path, part in module.named_modules(remove_duplicate=False):
        if not path:
            continue
        above, _, name = path.rpartition(".")
        if id(part) not in made:
            made[id(part)] = Part(type(part).__name__, part.extra_repr())
        native._paths[path] = made[id(part)]
        _put(native._paths[above], "_modules", name, made[id(part)])


def _put(part: Module, kind: str, name: str, value: Any) -> None:
    """Under a name of torch's, even where modules here have a method of this name."""
    if kind == "_buffers" or hasattr(part, name):
        vars(part)[kind][name] = value
    else:
        setattr(part, name, value)


def _fill(native: Imported, module: Any, orders: Mapping[str, tuple[int, ...]]) -> None:
    """Copies of parameters and buffers, one for each tensor of torch's."""
    made: dict[int, Tensor] = {}
    shared: dict[int, tuple[int, ...]] = {}
    own = module.state_dict(keep_vars=True)
    for name, tensor in own.items():
        order = orders.get(name, shared.get(id(tensor)))
        if order is not None:
            shared[id(tensor)] = order
    for name, tensor in own.items():
        path, _, last = name.rpartition(".")
        learned = last in module.get_submodule(path)._parameters
        if id(tensor) not in made:
            made[id(tensor)] = _copied(last, tensor, shared.get(id(tensor)), learned)
        native._places[name] = (path, last)
        native._dtypes[name] = str(tensor.dtype).removeprefix("torch.")
        if id(tensor) in shared:
            native._orders[name] = shared[id(tensor)]
        _put(native._paths[path], "_parameters" if learned else "_buffers", last, made[id(tensor)])


def _copied(name: str, tensor: Any, order: tuple[int, ...] | None, learned: bool) -> Tensor:
    array = tensor.detach().numpy()
    if order is not None:
        array = array.transpose(order)
    if learned:
        return Parameter(from_array(np.ascontiguousarray(array)), tensor.requires_grad)
    if name == "num_batches_tracked":
        # counted by the core, which counts in floating numbers
        array = array.reshape(1).astype(np.float64)
    if array.dtype.kind in "iu" and array.dtype != np.uint8:
        array = array.astype(np.int64)
    return from_array(np.array(array, order="C"))  # type: ignore[no-any-return]


def _keep(native: Imported, constants: Mapping[str, np.ndarray]) -> None:
    native._constants.update({name: from_array(array) for name, array in constants.items()})


def _read_evaluating(
    native: Imported, module: Any, arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    """The graph of evaluation mode, too, where it is more than that of train mode with its parts switched."""
    program, opened = _program(module, arguments, options)
    reader = Reader(program, literal=True, orders=native._orders, opened=opened)
    plan = reader.plan()
    native._plans[False] = plan
    _keep(native, reader.constants)
    if not plan.random and not _agree(native, module, arguments, options):
        raise ArgumentError(
            "from_torch: module: the engine computes another output of the example than torch; "
            "allowed: a module that gives the same output when it is called again"
        )


def _agree(native: Imported, module: Any, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> bool:
    """Whether both give the same output of the example."""
    import torch

    with quiet(), fast_paths_off(), torch.no_grad():
        expected = list(_arrays(module(*arguments, **options)))
    with no_grad():
        found = list(_arrays(native(*arguments, **options)))
    if [a.shape for a in expected] != [a.shape for a in found]:
        return False
    for a, b in zip(expected, found, strict=True):
        near = AGREES.get(str(a.dtype), 0.0)
        finite = np.isfinite(a) & np.isfinite(b)
        if not np.array_equal(a[~finite], b[~finite], equal_nan=a.dtype.kind == "f"):
            return False
        if finite.any() and np.abs(a[finite] * 1.0 - b[finite]).max() > near * max(
            1.0, np.abs(a[finite]).max()
        ):
            return False
    return True


def _arrays(made: Any) -> Iterator[np.ndarray]:
    if made is None:
        return
    if isinstance(made, Mapping):
        made = list(made.values())
    if isinstance(made, (tuple, list)):
        for part in made:
            yield from _arrays(part)
    else:
        yield np.asarray(made)
