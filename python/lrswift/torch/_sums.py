"""Inner products of lists of tensors, formed on their device and read in one transfer."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

# tensors with fewer elements are put end to end: one product for all of them instead of one each
_SMALL = 1 << 15


class Plan:
    """Which tensors are multiplied together: by machine and dtype, small ones end to end.

    machines: of each tensor, the index of the machine that its products belong to.
    """

    def __init__(self, tensors: Sequence[Tensor], machines: Sequence[int]) -> None:
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
    """Numbers of a step, by machine and name, of which the terms are still on the device."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._keys: list[tuple[int, str, float]] = []
        self._terms: list[Tensor] = []

    def add(self, name: str, a: Sequence[Tensor], b: Sequence[Tensor], factor: float = 1.0) -> None:
        """Adds factor <a, b> to the number `name` of every machine; a and b are packed."""
        for (machine, _), x, y in zip(self.plan.blocks, a, b, strict=True):
            self._keys.append((machine, name, factor))
            self._terms.append(torch.dot(x, y))

    def read(
        self, loss: Tensor | float | None, group: Any
    ) -> tuple[float, defaultdict[int, defaultdict[str, float]]]:
        """The loss, and what was added since the last read: machine -> name -> number.

        Averaged over the processes of `group` where there is one; what is not finite on one process is not
        finite on all.
        """
        terms = list(self._terms)
        on_device = isinstance(loss, Tensor)
        device = terms[0].device if terms else loss.device if isinstance(loss, Tensor) else None
        if isinstance(loss, Tensor):
            terms.append(loss.detach().reshape(()).to(device))
        elif group is not None and loss is not None:
            terms.append(torch.tensor(loss, dtype=torch.float64, device=device))
            on_device = True
        numbers = _transfer(terms, group)
        value = numbers.pop() if on_device else 0.0 if loss is None else float(loss)
        found: defaultdict[int, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
        for (machine, name, factor), number in zip(self._keys, numbers, strict=True):
            found[machine][name] += factor * number
        self._keys, self._terms = [], []
        return value, found


def _transfer(terms: list[Tensor], group: Any) -> list[float]:
    """The only place where numbers leave the device."""
    if not terms:
        return []
    if group is None and terms[0].dtype != torch.float64 and len({t.dtype for t in terms}) == 1:
        return torch.stack(terms).tolist()
    wide = torch.float32 if terms[0].device.type == "mps" else torch.float64
    stacked = torch.stack([term.to(wide) for term in terms])
    if group is not None:
        torch.distributed.all_reduce(stacked, group=group)
        stacked /= torch.distributed.get_world_size(group)
    return stacked.tolist()


def finite(loss: float, sums: dict[int, defaultdict[str, float]]) -> bool:
    """Whether a step with these numbers may be taken."""
    return math.isfinite(loss) and all(math.isfinite(of["gradient_norm2"]) for of in sums.values())
