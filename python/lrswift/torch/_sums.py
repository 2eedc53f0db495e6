"""Inner products of lists of tensors, formed on their device and read in one transfer."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ._native import Local, product

Numbers = dict[int, dict[str, float]]

# tensors with fewer elements are put end to end: one product for all of them instead of one each
_SMALL = 1 << 15


class Plan:
    """Which tensors are multiplied together: by machine and dtype, small ones end to end.

    machines: of each tensor, the index of the machine that its products belong to. shards: over how many
    processes each tensor lies.
    """

    def __init__(self, tensors: Sequence[Tensor], machines: Sequence[int], shards: int = 1) -> None:
        self.machines, self.shards = list(machines), shards
        small: dict[tuple[int, torch.dtype], list[int]] = defaultdict(list)
        self.blocks: list[tuple[int, list[int]]] = []
        for i, (tensor, machine) in enumerate(zip(tensors, machines, strict=True)):
            if tensor.numel() < _SMALL:
                small[machine, tensor.dtype].append(i)
            else:
                self.blocks.append((machine, [i]))
        self.blocks += [(machine, members) for (machine, _), members in small.items()]

    def pack(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """One vector per block; half precision is widened."""
        found = []
        for _, members in self.blocks:
            parts = [tensors[i].reshape(-1) for i in members]
            whole = torch.cat(parts) if len(parts) > 1 else parts[0]
            found.append(whole.float() if whole.dtype.itemsize < 4 else whole)
        return found


class Sums:
    """Numbers of a step, by machine and name. local: where the native library forms them.

    Otherwise their terms stay on the device until they are read, all at once.
    """

    def __init__(self, plan: Plan, local: Local | None = None) -> None:
        self.plan, self.local = plan, local
        self._keys: list[tuple[int, str, float]] = []
        self._terms: list[Any] = []
        # a list is packed once for all of its products; it is kept, for its id to be its own
        self._packed: dict[int, tuple[Sequence[Tensor], list[Tensor]]] = {}

    def add(self, name: str, a: Sequence[Tensor], b: Sequence[Tensor], factor: float = 1.0) -> None:
        """Adds factor <a, b> to the number `name` of every machine; a and b are as the plan's tensors."""
        if self.local is not None:
            self.put(name, self.local.products(a, b), factor)
            return
        for (machine, _), x, y in zip(self.plan.blocks, self._pack(a), self._pack(b), strict=True):
            self._keys.append((machine, name, factor))
            self._terms.append(product(x, y))

    def put(self, name: str, numbers: Sequence[float], factor: float = 1.0) -> None:
        """The same of products that are known already, one of each tensor."""
        totals: dict[int, float] = {}
        for machine, number in zip(self.plan.machines, numbers, strict=True):
            totals[machine] = totals.get(machine, 0.0) + number
        for machine, total in totals.items():
            self._keys.append((machine, name, factor))
            self._terms.append(total)

    def total(self, name: str, number: Any) -> None:
        """The same of what is summed over all tensors already, for the only machine."""
        self._keys.append((0, name, 1.0))
        self._terms.append(number)

    def _pack(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        if id(tensors) not in self._packed:
            self._packed[id(tensors)] = tensors, self.plan.pack(tensors)
        return self._packed[id(tensors)][1]

    def read(self, loss: Tensor | float | None, group: Any) -> tuple[float, Numbers]:
        """The loss, and what was added since the last read: machine -> name -> number.

        Averaged over the processes of `group` where there is one, and summed over shards; what is not finite
        on one process is not finite on all.
        """
        terms = list(self._terms)
        value = 0.0 if loss is None else loss
        if self.local is not None and isinstance(value, Tensor):
            value = value.item()
        device = next((t.device for t in (*terms, value) if isinstance(t, Tensor)), None)
        travels = isinstance(value, Tensor) or (group is not None and loss is not None)
        if travels:
            terms.append(value.detach().reshape(()).to(device) if isinstance(value, Tensor) else value)
        numbers = _transfer(terms, device, group)
        number = numbers.pop() if travels else float(value)
        found: Numbers = {}
        for (machine, name, factor), term in zip(self._keys, numbers, strict=True):
            own = found.setdefault(machine, {})
            # an average over processes is a sum over shards by their number
            own[name] = own.get(name, 0.0) + factor * term * self.plan.shards
        self._keys, self._terms = [], []
        return number, found


def _transfer(terms: list[Any], device: torch.device | None, group: Any) -> list[float]:
    """The only place where numbers leave the device."""
    tensors = [term for term in terms if isinstance(term, Tensor)]
    if group is None and not tensors:
        return terms
    dtypes = {t.dtype for t in tensors}
    if group is None and len(tensors) == len(terms) and len(dtypes) == 1 and torch.float64 not in dtypes:
        return torch.stack(terms).tolist()
    wide = torch.float32 if device is not None and device.type == "mps" else torch.float64
    stacked = torch.stack([torch.as_tensor(term, dtype=wide, device=device) for term in terms])
    if group is not None:
        torch.distributed.all_reduce(stacked, group=group)
        stacked /= torch.distributed.get_world_size(group)
    return stacked.tolist()


def finite(loss: float, sums: Numbers) -> bool:
    """Whether a step with these numbers may be taken."""
    return math.isfinite(loss) and all(math.isfinite(of["gradient_norm2"]) for of in sums.values())
