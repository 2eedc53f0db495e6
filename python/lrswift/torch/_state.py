"""Checkpoints of adapted optimizers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .._core import Machine as CoreMachine
from ..checks import shown
from ..errors import ArgumentError
from . import _loading
from ._active import names, parameters
from ._fit import counter
from ._rate import Rate

VERSION = 2


def read(adapted: Any) -> dict[str, Any]:
    """The base's state_dict, with plain numbers for rates, and "lrswift" beside it."""
    groups = adapted.param_groups
    held = parameters(adapted._inner)
    state = adapted.base.state_dict()
    for group in state["param_groups"]:
        for key, value in group.items():
            if isinstance(value, Rate):
                group[key] = float(value) if key == "lr" else value.nominal
    vectors = {
        name: {place: value.clone() for place, value in kept.items()}
        for name, kept in adapted._memory.vectors.items()
        if kept
    }
    if adapted._memory.uses["previous"]:
        last = adapted._directions.last
        vectors["previous_direction"] = {place: d.clone() for place, d in last.items()}
    if adapted._search.values:
        vectors["search_start"] = {place: v.clone() for place, v in adapted._search.values.items()}
    name, arguments = adapted._card
    return {
        **state,
        "lrswift": {
            "version": VERSION,
            "adapter": name,
            "arguments": dict(arguments),
            "machines": [machine.state() for machine in adapted._machines],
            "multipliers": [group["lr"].multiplier for group in groups],
            "plain": list(adapted._groups.plain),
            "references": list(adapted._groups.references),
            "shapes": [list(p.shape) for p in held],
            "rates": [adapted._rates.get(i) for i in range(len(held))],
            "steps": [adapted._directions.count(i, p) for i, p in enumerate(held)],
            "step": adapted.step_count,
            "skipped_steps": adapted.skipped_steps,
            "evaluating": int(adapted._whole is not None and adapted._whole.evaluating),
            "vectors": vectors,
        },
    }


def write(adapted: Any, given: dict[str, Any]) -> None:
    """Checks everything, then changes everything; nothing that is given is shared with it."""
    held = parameters(adapted._inner)
    own = _checked(adapted, given, held)
    machines = [machine.clone() for machine in adapted._machines]
    for machine, state in zip(machines, own["machines"], strict=True):
        machine.load(state)
    vectors = {name: _placed(values, held) for name, values in own["vectors"].items()}
    _load_base(adapted.base, given)
    if adapted._shards is not None:
        adapted._shards.adopt()
    adapted._machines = machines
    # files of before had factors where schedulers of torch keep rates
    older = "references" not in own
    references = adapted._groups.references if older else own["references"]
    for group, reference in zip(adapted.base.param_groups, references, strict=True):
        if older and "initial_lr" in group:
            group["initial_lr"] *= reference
    adapted._groups.restore(own["plain"], own["multipliers"], references)
    if adapted._whole is not None:
        adapted._whole.evaluating = own["evaluating"] != 0
    adapted._rates = {i: rate for i, rate in enumerate(own["rates"]) if rate is not None}
    adapted._directions.steps = dict(enumerate(own["steps"]))
    adapted.step_count, adapted.skipped_steps = own["step"], own["skipped_steps"]
    adapted._skipped_in_row = 0
    adapted._observed = []
    adapted._finder.forget()
    if adapted._guard is not None:
        adapted._guard.forget()
    adapted._search.restore(vectors.pop("search_start", {}), held)
    adapted._directions.last = vectors.pop("previous_direction", {})
    adapted._memory.vectors = {name: vectors.get(name, {}) for name in adapted._memory.names}


def _load_base(base: torch.optim.Optimizer, given: dict[str, Any]) -> None:
    before = base.state, base.param_groups
    try:
        base.load_state_dict(_loading.cloned({key: given[key] for key in ("state", "param_groups")}))
        _loading.check_groups_whole(before[1], base.param_groups)
    except BaseException:
        base.state, base.param_groups = before
        raise


def _placed(values: dict[int, Tensor], held: list[Tensor]) -> dict[int, Tensor]:
    """Copies that lie in memory as the parameters do."""
    return {i: torch.zeros_like(held[i], requires_grad=False).copy_(v) for i, v in values.items()}


def _checked(adapted: Any, given: dict[str, Any], held: list[Tensor]) -> dict[str, Any]:
    own = given.get("lrswift") if isinstance(given, dict) else None
    if not isinstance(own, dict) or not {"state", "param_groups"} <= given.keys():
        raise ArgumentError("load_state_dict: no state of an Adapted; allowed: what state_dict() returned")
    if own.get("version") != VERSION:
        raise ArgumentError(
            f"load_state_dict: version: got {shown(own.get('version'))}; allowed: {VERSION}, of this release"
        )
    if _loading.take(own, "adapter", str) != adapted._card[0]:
        raise ArgumentError(
            f"load_state_dict: state of {own['adapter']!r}; allowed: of {adapted._card[0]!r}, as here"
        )
    groups = _loading.take(given, "param_groups", (list, tuple), "state")
    sizes = [len(_loading.take(group, "params", (list, tuple), "param_groups")) for group in groups]
    mine = [len(group["params"]) for group in adapted.base.param_groups]
    if sizes != mine:
        raise ArgumentError(f"load_state_dict: groups of {sizes} parameters; allowed: {mine}, as here")
    shapes = [list(p.shape) for p in held]
    given_shapes = [list(shape) for shape in _loading.take(own, "shapes", (list, tuple))]
    if len(given_shapes) != len(shapes):
        raise ArgumentError(f"load_state_dict: {len(given_shapes)} shapes; allowed: {len(shapes)}, as here")
    for name, saved, shape in zip(names(adapted.base), given_shapes, shapes, strict=True):
        if saved != shape:
            raise ArgumentError(f"load_state_dict: {name} of shape {saved}; allowed: {shape}, as here")
    machines = _loading.take(own, "machines", (list, tuple))
    if len(machines) != len(adapted._machines):
        raise ArgumentError(
            f"load_state_dict: {len(machines)} rates; allowed: {len(adapted._machines)}, as here"
        )
    fresh = CoreMachine(*adapted._card).state()
    for i, machine in enumerate(machines):
        _loading.check_machine(machine, fresh, f"machines[{i}]")
    _loading.check_base(adapted.base, given, names(adapted.base), adapted._directions.keeps_vectors)
    checked = {key: _loading.take_numbers(own, key, len(groups)) for key in ("multipliers", "plain")}
    checked["rates"] = _loading.take_numbers(own, "rates", len(held), none=True)
    if "references" in own:
        checked["references"] = _loading.take_numbers(own, "references", len(groups))
    checked["steps"] = [
        counter(steps, "load_state_dict: 'steps'") for steps in _loading.take_numbers(own, "steps", len(held))
    ]
    counts = {key: _loading.take_count(own, key) for key in ("step", "skipped_steps")}
    counts["evaluating"] = _loading.take_count({"evaluating": 0, **own}, "evaluating")
    vectors = _loading.take(own, "vectors", dict)
    _loading.check_vectors(vectors, (*adapted._memory.names, "previous_direction", "search_start"), held)
    if adapted._whole is not None:
        _loading.check_all_there(vectors, adapted._whole.rule.names, checked["steps"])
    return {"machines": machines, "vectors": vectors, **checked, **counts}
