"""The native core's directions as torch optimizers."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._core import Optimizer as CoreOptimizer
from ..checks import check_number, shown
from ..errors import ArgumentError, DTypeError
from ..optim.attributes import spelled
from ..optim.rules import rules
from ..tensors.operations import from_array
from ._fit import check_state, counter, fits, kind_of, misfit
from ._native import Local, form, plain


def arguments(direction: str, group: Mapping[str, Any]) -> dict[str, float]:
    """What a group says of a direction, under the core's names."""
    held = {name: group[name] for name in rules()[direction].options}
    return {name: float(value) for name, value in spelled(held).items()}


def vectors_of(direction: str, group: Mapping[str, Any]) -> Mapping[str, float]:
    """Names of the state vectors that a direction keeps, and what they are filled with at first."""
    return _vectors(direction, tuple(arguments(direction, group).items()))


@functools.cache
def _vectors(direction: str, given: tuple[tuple[str, float], ...]) -> Mapping[str, float]:
    core = CoreOptimizer(direction, dict(given), "constant", {"rate": 0.0})
    core.add_group((from_array(np.zeros(1), requires_grad=True),), ("p",), {})
    state = {name.removeprefix("p."): value for name, value in core.state().items() if name.startswith("p.")}
    return {name: float(np.array(v)[0]) for name, v in state.items() if name not in ("step", "lr")}


class Direction(torch.optim.Optimizer):
    """A direction of `lrswift.optim` by its name, over torch tensors; `Adapted` takes it like torch's own.

        base = lr.torch.Direction(model.parameters(), "rmsprop", momentum=0.9)
        optimizer = lr.torch.Adapted(base, lr=lr.adapt.L4())

    Steps are the native library's, in the tensors' own memory.

    Args:
        params: float32 or float64 tensors, contiguous and on the CPU, or groups with options of their own.
        direction: "sgd", "ema", "adam", "adamw", "rmsprop", "adagrad", "adadelta", or any other that the
            library has.
        lr: number of at least 0; None is the direction's usual one. `Adapted` does not use it.
        **options: as in `lrswift.optim` (momentum=0.9, eps=1e-4, betas=(0.9, 0.99), ...).

    Raises:
        ArgumentError: a direction, an option or a value that there is not.
        ArgumentTypeError: a value of another type.
    """

    def __init__(self, params: Any, direction: str, lr: float | None = None, **options: Any) -> None:
        known = rules()
        if direction not in known:
            raise ArgumentError(f"direction: got {shown(direction)}; allowed: {', '.join(known)}")
        rule = known[direction]
        rate = rule.rate if lr is None else check_number(lr, "lr")
        if not 0 <= rate < math.inf:
            raise ArgumentError(f"lr: got {shown(lr)}; allowed: a number of at least 0")
        for name in options:
            if name not in rule.options:
                raise ArgumentError(f"{direction} has no option {name!r}; allowed: {', '.join(rule.options)}")
        self.direction = direction
        # of the last step: <g, d> and <g^, d> with the rule's own average of the gradient
        self.sums: dict[Tensor, tuple[float, float]] = {}
        super().__init__(params, {"lr": rate, **rule.options, **options})

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "direction": self.direction, "sums": {}}

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds parameters with options of their own.

        Args:
            param_group: {"params": ..., option: value}.

        Raises:
            ArgumentError: an option is out of its bounds.
            ArgumentTypeError: an option is no number.
        """
        vectors_of(self.direction, {**self.defaults, **param_group})
        super().add_param_group(param_group)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Takes one step on the gradients that the parameters hold.

        Args:
            closure: evaluates the loss and calls backward(). Default None.

        Returns:
            What closure returns, else None.

        Raises:
            ArgumentError: an option of a group was set out of its bounds.
            ArgumentTypeError: an option of a group was set to no number.
            DTypeError: a parameter or its gradient is not as the class says.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        parts = [(group, self._parts(group)) for group in self.param_groups]
        for group, together in parts:
            for (_, steps), tensors in together.items():
                self._step(group, tensors, steps)
        return loss

    def _parts(self, group: dict[str, Any]) -> dict[tuple[torch.dtype, int], list[Tensor]]:
        """The parameters with a gradient by dtype and steps taken, once they and their state are checked."""
        together: dict[tuple[torch.dtype, int], list[Tensor]] = {}
        for i, p in enumerate(group["params"]):
            if p.grad is not None:
                name = (group.get("param_names") or [f"param.{k}" for k in range(i + 1)])[i]
                _check(p, name)
                check_state(self.state, [p], [kind_of(p)], lambda name=name: [name], False)
                if not all(plain(v, p.dtype) for v in self._held(group, p)):
                    raise DTypeError(f"step: state of {name} is not contiguous; allowed: contiguous vectors")
                steps = counter(self.state.get(p, {}).get("step", 0), f"step: state 'step' of {name}")
                together.setdefault((p.dtype, steps), []).append(p)
        return together

    def _held(self, group: dict[str, Any], p: Tensor) -> list[Tensor]:
        state = self.state.get(p, {})
        return [state[name] for name in vectors_of(self.direction, group) if name in state]

    def _step(self, group: dict[str, Any], tensors: Sequence[Tensor], steps: int) -> None:
        local, rule = Local(tensors), (self.direction, arguments(self.direction, group))
        fills = vectors_of(self.direction, group)
        for p in tensors:
            state = self.state[p]
            for name, fill in fills.items():
                if name not in state:
                    state[name] = torch.full_like(p, fill, requires_grad=False)
            state["step"] = steps + 1
        directions = [torch.empty_like(p, requires_grad=False) for p in tensors]
        table = local.table(tensors, [p.grad for p in tensors], directions)  # type: ignore[misc]
        states = [[self.state[p][name] for name in fills] for p in tensors]
        slopes, smoothed = form(local, table, states, [rule] * len(tensors), [steps] * len(tensors))
        self.sums.update(zip(tensors, zip(slopes, smoothed, strict=True), strict=True))
        local.move(table, tensors, float(group["lr"]))


def _check(p: Tensor, name: str) -> None:
    assert p.grad is not None
    kind = kind_of(p)
    if not (Local.takes([p]) and plain(p, p.dtype) and plain(p.grad, p.dtype)):
        raise DTypeError(
            f"step: a parameter of dtype {p.dtype} on {p.device}; allowed: float32 and float64 tensors, "
            "contiguous and on the CPU, with such gradients"
        )
    for tensor, what in ((p, name), (p.grad, f"the gradient of {name}")):
        if not fits(tensor, kind):
            raise misfit(tensor, kind, f"step: {what}", "the same: zero_grad() and backward() once more")
