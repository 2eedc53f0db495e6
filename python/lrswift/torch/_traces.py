"""What an evaluation leaves in a model, registered buffers and gradients, and how it is put back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules import module as hooks
from torch.nn.parameter import is_lazy

from ._shards import is_gathered

Module = torch.nn.Module


class Buffers:
    """Registered buffers of modules: the objects under their names, and their values."""

    def __init__(self) -> None:
        self._modules: dict[int, tuple[Module, dict[str, Tensor | None]]] = {}
        # of (module, name), the object to put back under the name; None: there was no such buffer
        self._names: dict[tuple[int, str], tuple[Module, Tensor | None]] = {}
        self._values: dict[int, tuple[Tensor, Tensor]] = {}

    def keep(self, root: Module) -> None:
        """Those of `root` and all modules in it, unless they are kept already."""
        for module in root.modules():
            if id(module) not in self._modules:
                held = dict(module._buffers.items())
                self._modules[id(module)] = module, held
                for buffer in held.values():
                    self._keep_value(buffer)

    def _keep_value(self, buffer: Tensor | None) -> None:
        if buffer is not None and id(buffer) not in self._values and not is_lazy(buffer):
            self._values[id(buffer)] = buffer, buffer.detach().clone()

    def replaced(self, module: Module, name: str) -> None:
        """Another object is about to come under this name."""
        if (id(module), name) not in self._names:
            old = module._buffers.get(name)
            self._names[id(module), name] = module, old
            self._keep_value(old)

    def compare(self, module: Module) -> None:
        """Finds the names of `module` under which there is another object than when it was kept."""
        if id(module) in self._modules:
            held, now = self._modules[id(module)][1], dict(module._buffers.items())
            for name in {*held, *now}:
                if now.get(name) is not held.get(name):
                    self._names.setdefault((id(module), name), (module, held.get(name)))

    def restore(self) -> None:
        """Objects under their names, and values in the objects."""
        for module, _ in list(self._modules.values()):
            if isinstance(module, torch.jit.ScriptModule):  # whose assignments no hook sees
                self.compare(module)
        for (_, name), (module, old) in self._names.items():
            if isinstance(module, torch.jit.ScriptModule):
                setattr(module, name, old)
            elif old is None and name not in self._held(module):
                module._buffers.pop(name, None)
            else:
                module._buffers[name] = old
        with torch.no_grad():
            for buffer, value in self._values.values():
                put(buffer, value)

    def _held(self, module: Module) -> dict[str, Tensor | None]:
        return self._modules[id(module)][1] if id(module) in self._modules else {}


def put(tensor: Tensor, value: Tensor) -> None:
    """Writes `value` into the same object, whatever has become of its shape.

    What is unchanged on the CPU is not written, for graphs that hold it.
    """
    if tensor.shape != value.shape or tensor.dtype is not value.dtype or tensor.device != value.device:
        tensor.data = value.clone()
    elif not (tensor.is_cpu and tensor.layout is torch.strided and torch.equal(tensor, value)):
        tensor.copy_(value)


def put_all(tensors: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """The values back in their tensors, in a handful of calls where nothing but values has changed."""
    if all(t.shape == v.shape for t, v in zip(tensors, values, strict=True)):
        torch._foreach_copy_(list(tensors), list(values))
    else:
        for tensor, value in zip(tensors, values, strict=True):
            put(tensor, value)


class Gradients:
    """Gradients put aside while others are formed: the objects, and values of their own.

    New ones may come to lie in the same memory (buckets of data parallel training).
    """

    def __init__(self) -> None:
        self._kept: dict[int, tuple[Tensor, Tensor | None, Tensor | None]] = {}

    def put_aside(self, tensors: Iterable[Tensor]) -> None:
        for tensor in tensors:
            if id(tensor) not in self._kept:
                gradient = tensor.grad
                self._kept[id(tensor)] = tensor, gradient, None if gradient is None else gradient.clone()
                tensor.grad = None

    def own(self, gradient: Tensor) -> Tensor:
        """The same values in memory that `restore` does not write to."""
        if gradient.layout is not torch.strided:
            return gradient
        place = gradient.untyped_storage().data_ptr()
        shared = any(
            old is not None and old.layout is torch.strided and old.untyped_storage().data_ptr() == place
            for _, old, _ in self._kept.values()
        )
        return gradient.clone() if shared else gradient

    def restore(self) -> None:
        with torch.no_grad():
            for tensor, gradient, value in self._kept.values():
                tensor.grad = gradient
                if gradient is not None and value is not None:
                    gradient.copy_(value)


def leaves(loss: Any) -> list[Tensor]:
    """The tensors whose gradients the backward pass of `loss` adds to."""
    found: list[Tensor] = []
    nodes = [loss.grad_fn] if isinstance(loss, Tensor) and loss.grad_fn is not None else []
    seen = set(nodes)
    while nodes:
        node = nodes.pop()
        if isinstance(variable := getattr(node, "variable", None), Tensor):
            found.append(variable)
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                nodes.append(following)
    return found


@contextmanager
def traceless(gradients: Gradients | None = None) -> Iterator[None]:
    """Registered buffers of every module that runs in the block are put back: values, and objects by name.

    gradients: those of the modules' parameters are put aside there, and put back, too.
    """
    buffers = Buffers()
    gathered: dict[int, Any] = {}

    def reached(module: Module, _: Any) -> None:
        buffers.keep(module)
        if is_gathered(module):
            gathered[id(module)] = module
        if gradients is not None:
            gradients.put_aside(module.parameters())

    def replaced(module: Module, name: str, _: Any) -> None:
        buffers.replaced(module, name)

    # at the end of the pass: torch.func.functional_call has not put back yet what it exchanged itself
    def passed(module: Module, *_: Any) -> None:
        buffers.compare(module)

    handles = (
        hooks.register_module_forward_pre_hook(reached),
        hooks.register_module_buffer_registration_hook(replaced),
        hooks.register_module_forward_hook(passed, always_call=True),
    )
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        for module in gathered.values():
            # else the next evaluation would be at these parameters again
            module.reshard()
        buffers.restore()
        if gradients is not None:
            gradients.restore()
