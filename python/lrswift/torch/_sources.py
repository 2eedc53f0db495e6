"""Where batches come from: random generators and positions of loaders and samplers, to be put back."""

from __future__ import annotations

import collections
import copy
import hashlib
import random
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

_SCALARS = (int, float, complex, str, bytes, type(None))
_CONTAINERS = (list, dict, set, collections.deque)
_GENERATORS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)
# what an object keeps beyond this is data, not a position
_MOST_ELEMENTS, _MOST_OBJECTS = 1_000_000, 10_000


class Sources:
    """Generators, numbers, containers and small arrays in the attributes of `data` and what it holds.

    Of `modules`, generators alone. Large arrays, and the arrays of a data set, are taken to be its data.
    """

    def __init__(self, data: Any, modules: Iterable[torch.nn.Module] = ()) -> None:
        self._restores: list[Callable[[], None]] = []
        self._states: list[Callable[[], Any]] = []
        self._seen: dict[int, Any] = {}
        for module in modules:
            for value in list(vars(module).values()):
                if isinstance(value, _GENERATORS):
                    self._keep_generator(value)
        self._walk(data, isinstance(data, Dataset))
        if hasattr(data, "state_dict") and hasattr(data, "load_state_dict"):
            position = copy.deepcopy(data.state_dict())
            self._restores.append(lambda: data.load_state_dict(position))
            self._states.append(lambda: data.state_dict())
        self.not_covered = [*_not_covered(data)]

    def restore(self) -> None:
        for restore in self._restores:
            restore()

    def digest(self) -> str:
        """sha256 of all of it as it is now."""
        digest = hashlib.sha256()
        for state in self._states:
            digest.update(repr(state()).encode())
        return digest.hexdigest()

    def _walk(self, found: Any, in_data_set: bool) -> None:
        if id(found) in self._seen or len(self._seen) > _MOST_OBJECTS:
            return
        if isinstance(found, _GENERATORS):
            self._seen[id(found)] = found
            self._keep_generator(found)
        elif isinstance(found, (tuple, *_CONTAINERS)):
            self._seen[id(found)] = found
            if len(found) <= _MOST_ELEMENTS:
                for item in list(found.values() if isinstance(found, dict) else found):
                    self._walk(item, in_data_set)
        elif _has_attributes(found):
            self._seen[id(found)] = found
            in_data_set = in_data_set or isinstance(found, Dataset)
            for name, value in list(vars(found).items()):
                self._keep(found, name, value, in_data_set)
                self._walk(value, in_data_set)

    def _keep(self, owner: Any, name: str, value: Any, in_data_set: bool) -> None:
        held = vars(owner)
        content: Callable[[Any], Any]
        if isinstance(value, _SCALARS):
            content = _itself
        elif isinstance(value, _CONTAINERS) and len(value) <= _MOST_ELEMENTS:
            content = _elements
            self._restores.append(_refill(value))
        elif isinstance(value, (np.ndarray, Tensor)) and not in_data_set and _size(value) <= _MOST_ELEMENTS:
            content = _bytes
            self._restores.append(_rewrite(value))
        else:
            return

        def put_back() -> None:
            held[name] = value

        self._restores.append(put_back)
        self._states.append(lambda: (name, content(held.get(name))))

    def _keep_generator(self, generator: Any) -> None:
        read, write = _access(generator)
        state = read()
        self._restores.append(lambda: write(state))
        self._states.append(lambda: _bytes(read()))


def _itself(value: Any) -> Any:
    return value if isinstance(value, _SCALARS) else id(value)


def _elements(value: Any) -> Any:
    if not isinstance(value, _CONTAINERS):
        return _itself(value)
    items = [part for pair in value.items() for part in pair] if isinstance(value, dict) else list(value)
    return [_itself(item) for item in items]


def _bytes(value: Any) -> Any:
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    return (value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value


def _size(value: Any) -> int:
    return value.numel() if isinstance(value, Tensor) else value.size


def _has_attributes(found: Any) -> bool:
    others = (
        type,
        types.ModuleType,
        types.FunctionType,
        types.MethodType,
        torch.nn.Module,
        Tensor,
        np.ndarray,
    )
    return hasattr(found, "__dict__") and not isinstance(found, others)


def _refill(value: Any) -> Callable[[], None]:
    """Puts the elements that a container has now back into it."""
    kept = list(value.items()) if isinstance(value, dict) else list(value)

    def refill() -> None:
        now = list(value.items()) if isinstance(value, dict) else list(value)
        if len(now) == len(kept) and all(a is b for a, b in zip(now, kept, strict=True)):
            return
        value.clear()
        value.extend(kept) if isinstance(value, (list, collections.deque)) else value.update(kept)

    return refill


def _rewrite(value: Any) -> Callable[[], None]:
    kept = value.detach().clone() if isinstance(value, Tensor) else value.copy()

    @torch.no_grad()
    def rewrite() -> None:
        if isinstance(value, Tensor):
            value.copy_(kept)
        elif value.flags.writeable:
            value[...] = kept

    return rewrite


def _access(generator: Any) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    if isinstance(generator, random.Random):
        return generator.getstate, generator.setstate
    if isinstance(generator, np.random.Generator):
        bits = generator.bit_generator
        return (lambda: bits.state), (lambda state: setattr(bits, "state", state))
    return generator.get_state, generator.set_state


def _not_covered(data: Any) -> Iterator[str]:
    if isinstance(data, DataLoader):
        if data.num_workers > 0:
            yield "data: the worker processes of the DataLoader, with the random states that they hold"
        if isinstance(data.dataset, IterableDataset):
            yield f"data: what a {type(data.dataset).__name__} reads from"
    elif not isinstance(data, (tuple, list, dict)):
        yield f"data: what a {type(data).__name__} keeps elsewhere than in its attributes"
