"""What a state from elsewhere, a file or another optimizer, must be before anything of it is taken."""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..checks import shown, type_of
from ..errors import ArgumentError, DTypeError, ShapeError
from ._fit import COUNTERS, counter, is_vector, whole
from ._rule import Direction

_WHERE = "load_state_dict"


def take(given: Mapping[str, Any], key: str, kind: type | tuple[type, ...], where: str = "lrswift") -> Any:
    """given[key], of this class; ArgumentError or DTypeError otherwise."""
    if key not in given:
        raise ArgumentError(f"{_WHERE}: {where}: {key!r} is missing; allowed: what state_dict() returned")
    if not isinstance(given[key], kind) or isinstance(given[key], bool):
        raise DTypeError(
            f"{_WHERE}: {where}: {key!r} is a {type(given[key]).__name__}; allowed: as state_dict() returned"
        )
    return given[key]


def take_numbers(given: Mapping[str, Any], key: str, count: int, none: bool = False) -> list[Any]:
    """So many finite numbers; none: or None in their places."""
    found = take(given, key, (list, tuple))
    if len(found) != count:
        raise ArgumentError(f"{_WHERE}: {key!r} of {len(found)} numbers; allowed: {count}, as here")
    for value in found:
        if not (none and value is None) and not _is_number(value):
            raise ArgumentError(f"{_WHERE}: {key!r}: got {shown(value)}; allowed: finite numbers")
    return list(found)


def check_machine(given: Any, own: Mapping[str, float], where: str) -> None:
    """The numbers of a rate's machine: those of a new one, `own`; nan only where that has it."""
    if not isinstance(given, Mapping):
        raise DTypeError(f"{_WHERE}: {where}: got {type_of(given)}; allowed: a dict of numbers")
    # what a guard has gathered is checked by the core
    given = {key: value for key, value in given.items() if not str(key).startswith("guard.")}
    for key in given:
        if key not in own:
            raise ArgumentError(f"{_WHERE}: {where}: {key!r}; allowed: {', '.join(own)}")
    for key, value in own.items():
        found = take(given, key, (int, float), where)
        if math.isnan(found) and not math.isnan(value):
            raise ArgumentError(f"{_WHERE}: {where}: {key!r}: got {shown(found)}; allowed: a number")


def take_count(given: Mapping[str, Any], key: str) -> int:
    return counter(take(given, key, (int, float)), f"{_WHERE}: {key!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def check_vectors(vectors: Mapping[str, Any], allowed: Sequence[str], held: Sequence[Tensor]) -> None:
    """Vectors by name and place are those of the parameters `held`."""
    for name, placed in vectors.items():
        if name not in allowed or not isinstance(placed, Mapping):
            raise ArgumentError(f"{_WHERE}: vectors {name!r}; allowed: {', '.join(allowed)}")
        for place, value in placed.items():
            if not isinstance(place, int) or not 0 <= place < len(held):
                raise ArgumentError(
                    f"{_WHERE}: vectors {name!r} of parameter {place!r}; allowed: 0 to {len(held) - 1}"
                )
            _check_vector(value, held[place], f"vectors {name!r} of parameter {place}")


def check_all_there(vectors: Mapping[str, Any], names: Sequence[str], steps: Sequence[int]) -> None:
    """Each parameter that has taken a step has all vectors of the method."""
    for name in names:
        for place, taken in enumerate(steps):
            if taken and place not in vectors.get(name, {}):
                raise ArgumentError(
                    f"{_WHERE}: vectors {name!r} of parameter {place} are missing; allowed: as state_dict() "
                    "returned"
                )


def _check_vector(value: Any, p: Tensor, what: str) -> None:
    if not isinstance(value, Tensor):
        raise DTypeError(f"{_WHERE}: {what}: got {type_of(value)}; allowed: a tensor")
    if value.layout is not torch.strided or not value.is_floating_point():
        raise DTypeError(f"{_WHERE}: {what} is {value.dtype}, {value.layout}; allowed: dense and floating")
    if value.shape != p.shape:
        raise ShapeError(f"{_WHERE}: {what} has shape {tuple(value.shape)}; allowed: {tuple(p.shape)}")
    if not whole(value):
        raise ArgumentError(f"{_WHERE}: {what} has too small a storage; allowed: a whole tensor")


def check_base(
    base: torch.optim.Optimizer, given: Mapping[str, Any], names: Sequence[str], knows_vectors: bool
) -> None:
    """The base's own part: groups, hyperparameters, and state that fits the parameters.

    knows_vectors: whether the base's vectors are known to be of their parameters' shapes.
    """
    groups, states = (
        take(given, "param_groups", (list, tuple), "state"),
        take(given, "state", Mapping, "state"),
    )
    for i, (saved, group) in enumerate(zip(groups, base.param_groups, strict=True)):
        _check_options(saved, group, f"param_groups[{i}]")
    numbers = [number for group in groups for number in group["params"]]
    held = [(p, group) for group in base.param_groups for p in group["params"]]
    if len(set(numbers)) != len(numbers):
        raise ArgumentError(f"{_WHERE}: param_groups: a parameter is in them twice; allowed: once")
    place_of = {number: place for place, number in enumerate(numbers)}
    merged = [{**group, **saved} for saved, group in zip(groups, base.param_groups, strict=True)]
    of_parameter = [m for m, group in zip(merged, base.param_groups, strict=True) for _ in group["params"]]
    for number, state in states.items():
        if number not in place_of:
            raise ArgumentError(f"{_WHERE}: state of parameter {number!r}, which is in no group")
        place = place_of[number]
        what = f"state of {names[place]}"
        if not isinstance(state, Mapping):
            raise DTypeError(f"{_WHERE}: {what}: got {type_of(state)}; allowed: a dict")
        if knows_vectors and state:
            _check_parameter_state(base, held[place][0], of_parameter[place], state, what)


def _check_options(saved: Any, group: Mapping[str, Any], where: str) -> None:
    if not isinstance(saved, Mapping):
        raise DTypeError(f"{_WHERE}: {where}: got {type_of(saved)}; allowed: a dict")
    for key, present in group.items():
        if key in ("params", "lr", "param_names") or key not in saved:
            continue
        value = saved[key]
        if isinstance(present, (list, tuple)):
            alike = isinstance(value, (list, tuple)) and len(value) == len(present)
            alike = alike and all(map(_is_option, value))
        else:
            number = isinstance(present, (int, float)) and not isinstance(present, bool)
            alike = not number or _is_option(value)
        if not alike:
            raise ArgumentError(
                f"{_WHERE}: {where}: {key!r}: got {shown(value)}; allowed: such as {present!r}"
            )


def _is_option(value: Any) -> bool:
    return _is_number(value) or isinstance(value, (bool, Tensor))


def _check_parameter_state(
    base: torch.optim.Optimizer, p: Tensor, group: Mapping[str, Any], state: Mapping[str, Any], what: str
) -> None:
    kept = _keys(base, p, group)
    for key in kept:
        if key not in state:
            raise ArgumentError(f"{_WHERE}: {what}: {key!r} is missing; allowed: what state_dict() returned")
    for key, value in state.items():
        if key == "step":
            counter(value, f"{_WHERE}: {what}: 'step'")
        elif key in COUNTERS:
            number = value.item() if isinstance(value, Tensor) and value.numel() == 1 else value
            if not _is_number(number):
                raise ArgumentError(
                    f"{_WHERE}: {what}: {key!r}: got {shown(value)}; allowed: a finite number"
                )
        elif (value is not None or key in kept) and is_vector(key, not isinstance(base, Direction)):
            # torch says None where it keeps no momentum
            _check_vector(value, p, f"{what}: {key!r}")


def _keys(base: torch.optim.Optimizer, p: Tensor, group: Mapping[str, Any]) -> set[str]:
    """What the base keeps of a parameter, as a step of a copy on a single number shows."""
    tiny = torch.zeros([1] * p.dim(), dtype=p.dtype, device=p.device, requires_grad=True)
    tiny.grad = torch.zeros_like(tiny)
    twin = copy.copy(base)
    twin.state = defaultdict(dict)
    twin.param_groups = [{**group, "params": [tiny], "lr": 0.0}]
    # without the hooks of all optimizers, which are not to see it
    step = type(base).step
    getattr(step, "__wrapped__", step)(twin)
    return {key for key, value in twin.state.get(tiny, {}).items() if value is not None}


def check_groups_whole(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> None:
    """No option that the groups had is missing once torch has filled in what older files lack."""
    for i, (old, new) in enumerate(zip(before, after, strict=True)):
        lacking = [key for key in old if key not in new and key not in ("initial_lr", "param_names")]
        if lacking:
            raise ArgumentError(
                f"{_WHERE}: param_groups[{i}]: {lacking[0]!r} is missing; allowed: of the same optimizer"
            )


def cloned(value: Any) -> Any:
    """The same with tensors of its own."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, Mapping):
        return {key: cloned(item) for key, item in value.items()}
    return type(value)(map(cloned, value)) if type(value) in (list, tuple) else value
