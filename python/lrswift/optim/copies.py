"""Copies of optimizers, by `copy.deepcopy` and pickle: the native part taken apart and made anew."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import Optimizer as CoreOptimizer
from ..rates.codes import Guard
from ..tensors.operations import from_array
from .attributes import rate_card, spelled
from .group import Group

# what is made anew of the rest
_MADE = ("_core", "_held")


def taken_apart(optimizer: Any) -> dict[str, Any]:
    """All that `put_together` needs, in objects that copy and pickle know.

    Parameters and buffers are among them as objects, so that what is copied with a model belongs to its copy.
    """
    core = optimizer._core
    return {
        "own": {name: value for name, value in vars(optimizer).items() if name not in _MADE},
        "state": {name: np.array(value) for name, value in core.state().items()},
        "numbers": {name: core.get(name) for name in ("max_skipped", "steps_per_epoch")},
        "guard": (int(core.get("guard")), core.get("explode"), core.get("guard_every")),
        "gradients": [t.grad for group in optimizer.param_groups for t in group["params"]],
    }


def put_together(optimizer: Any, parts: dict[str, Any]) -> None:
    """Makes of an empty object the optimizer that was taken apart."""
    # pickles of before lack these
    vars(optimizer).update({"_searches": False, "_has_told": False} | parts["own"])
    optimizer.param_groups = [
        Group({**group, "params": list(group["params"])}) for group in optimizer.param_groups
    ]
    optimizer._names = list(optimizer._names)
    name, attributes = rate_card(optimizer.rate)
    options = spelled(optimizer._defaults) | optimizer._clips
    core = optimizer._core = CoreOptimizer(optimizer._direction, options, name, attributes)
    names = iter(optimizer._names)
    tensors = []
    for group in optimizer.param_groups:
        held = group["params"]
        _add(core, held, tuple(next(names) for _ in held), _given(group, optimizer.rate))
        tensors += held
    optimizer._held = {id(t) for t in tensors}
    for key, value in parts["numbers"].items():
        if value >= 1:
            core.set(key, value)
    # pickles of before have no third
    mode, explode, every = (*parts["guard"], 1.0)[:3]
    if mode != Guard.OFF:
        core.guard(mode, explode, optimizer._guarded)
        core.set("guard_every", every)
    core.record(optimizer._recorded)
    core.load({name: from_array(value) for name, value in parts["state"].items()})
    for tensor, gradient in zip(tensors, parts["gradients"], strict=True):
        tensor.grad = gradient


def _given(group: dict[str, Any], rate: Any) -> dict[str, Any]:
    """The attributes of a group of its own."""
    attributes = spelled({key: value for key, value in group.items() if key not in ("params", "lr")})
    if group["lr"] != rate:
        own = rate_card(group["lr"])[1]
        attributes |= {"lr": own.pop("rate"), **own}
    return attributes


def _add(core: CoreOptimizer, tensors: list[Any], names: tuple[str, ...], attributes: dict[str, Any]) -> None:
    # one that was frozen after it was given stays so
    frozen = [t for t in tensors if not t.requires_grad]
    for t in frozen:
        t.requires_grad = True
    try:
        core.add_group(tuple(tensors), names, attributes)
    finally:
        for t in frozen:
            t.requires_grad = False
