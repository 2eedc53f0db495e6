"""Parameters that are sharded over processes, as the plain tensors that lie here.

A step acts element by element, so a twin of the optimizer takes it on the local shards, in place; inner
products are summed over the mesh. What the user sees, parameters, gradients and state, stays DTensors.
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..errors import ArgumentError, DTypeError

# whose directions need whole matrices, or who look at parameters and gradients across elements
_WHOLE_MATRICES = {"Muon", "Shampoo", "SOAP"}


def is_sharded(parameters: Sequence[Any]) -> bool:
    """Whether any of them is a DTensor."""
    kind = _kind()
    return kind is not None and any(isinstance(_tensor(p), kind) for p in parameters)


def is_gathered(module: torch.nn.Module) -> bool:
    """Whether `fully_shard` gathers its parameters for a forward pass."""
    kind = getattr(sys.modules.get("torch.distributed.fsdp"), "FSDPModule", None)
    return kind is not None and isinstance(module, kind)


def _kind() -> Any:
    """DTensor, if anybody has loaded it."""
    return getattr(sys.modules.get("torch.distributed.tensor"), "DTensor", None)


def _tensor(p: Any) -> Any:
    return p[1] if isinstance(p, tuple) else p


class Shards:
    """The twin of `base` on local shards.

    count: over how many processes each sum is spread. process_group: those that share them.
    """

    def __init__(self, base: torch.optim.Optimizer) -> None:
        _check_kind(base)
        held = [p for group in base.param_groups for p in group["params"]]
        self.base = base
        self.count, self.process_group = _mesh(held)
        self.twin = type(base).__new__(type(base))
        # but for a step that a scheduler has wrapped, which is bound to the other
        self.twin.__dict__.update((key, value) for key, value in base.__dict__.items() if key != "step")
        self.twin.state = defaultdict(dict)
        self.twin.param_groups = [{**group, "params": self._locals(group)} for group in base.param_groups]
        self.adopt()

    @staticmethod
    def _locals(group: dict[str, Any]) -> list[Tensor]:
        return [p.to_local().detach().requires_grad_(p.requires_grad) for p in group["params"]]

    def begin(self) -> None:
        """Before a step: options and gradients as they are now, in the shards' own memory."""
        for own, group in zip(self.twin.param_groups, self.base.param_groups, strict=True):
            own.update((key, value) for key, value in group.items() if key != "params")
            for local, p in zip(own["params"], group["params"], strict=True):
                now = p.to_local().detach()
                if now.data_ptr() != local.data_ptr() or now.shape != local.shape:
                    local.data = now
                local.grad = None if p.grad is None else _local(p.grad)

    def end(self) -> None:
        """After a step: the state as the user's optimizer has it, in the same memory."""
        for local, p in self._pairs():
            if local in self.twin.state:
                own = self.twin.state[local]
                self.base.state[p] = {key: _as(value, local, p) for key, value in own.items()}

    def adopt(self) -> None:
        """The state that the user's optimizer has."""
        for local, p in self._pairs():
            self.twin.state.pop(local, None)
            if self.base.state.get(p):
                self.twin.state[local] = {key: _local(v) for key, v in self.base.state[p].items()}

    def elements(self) -> int:
        """Of all parameters, on all processes."""
        return sum(p.numel() for group in self.base.param_groups for p in group["params"])

    def _pairs(self) -> list[tuple[Tensor, Tensor]]:
        groups = zip(self.twin.param_groups, self.base.param_groups, strict=True)
        return [pair for own, group in groups for pair in zip(own["params"], group["params"], strict=True)]


def _local(value: Any) -> Any:
    kind = _kind()
    return value.to_local() if kind is not None and isinstance(value, kind) else value


def _as(value: Any, local: Tensor, p: Any) -> Any:
    """A vector of the twin's state as a DTensor beside `p`."""
    if not isinstance(value, Tensor) or value.shape != local.shape or value.dim() == 0:
        return value
    return _kind().from_local(
        value, p.device_mesh, p.placements, run_check=False, shape=p.shape, stride=p.stride()
    )


def _check_kind(base: torch.optim.Optimizer) -> None:
    name = type(base).__name__
    if name in _WHOLE_MATRICES:
        raise DTypeError(
            f"base: {name} takes whole matrices, and these parameters are sharded; allowed: optimizers that "
            "act element by element, such as SGD, Adam and AdamW, or parameters that are not sharded (DDP)"
        )


def _mesh(held: Sequence[Any]) -> tuple[int, Any]:
    """(number of shards, processes) of parameters that are all laid out in one way."""
    kind = _kind()
    plain = [i for i, p in enumerate(held) if not isinstance(p, kind)]
    if plain:
        raise ArgumentError(
            f"base: parameter {plain[0]} is whole and others are sharded; allowed: all of them sharded, as "
            "fully_shard(model) leaves them, in optimizers of their own otherwise"
        )
    meshes = {id(p.device_mesh): p.device_mesh for p in held}
    if len({str(mesh) for mesh in meshes.values()}) > 1:
        raise ArgumentError("base: parameters are sharded over several meshes; allowed: one for all")
    counts = set()
    for i, p in enumerate(held):
        if any(placement.is_partial() for placement in p.placements):
            raise ArgumentError(f"base: parameter {i} is a partial sum, {p.placements}; allowed: sharded")
        sizes = zip(p.device_mesh.shape, p.placements, strict=True)
        counts.add(math.prod(size for size, placement in sizes if placement.is_shard()))
    if len(counts) > 1:
        raise ArgumentError(f"base: parameters lie in {sorted(counts)} shards; allowed: equally many for all")
    mesh = held[0].device_mesh
    group = mesh.get_group() if mesh.ndim == 1 else torch.distributed.group.WORLD
    return counts.pop(), group
