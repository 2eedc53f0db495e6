"""`Adapted`: a learning-rate adapter around any torch optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .. import _core
from ..adapt import named
from ..errors import ArgumentError, Diverged, DTypeError
from ..optim._base import _rate_card
from . import _state
from ._conversation import Conversation
from ._direction import Directions, check_base
from ._probing import Evaluation, checked, random_state
from ._rate import Rate, multiplier_of
from ._sums import Plan, Sums, finite
from ._vectors import Memory

_ALL, _GROUP, _TENSOR = range(3)


class Adapted(torch.optim.Optimizer):
    """A torch optimizer whose learning rate an adapter chooses.

        optimizer = lr.torch.Adapted(torch.optim.Adam(model.parameters()), lr=lr.adapt.L4())
        optimizer.zero_grad(); loss = loss_of(model); loss.backward(); optimizer.step(loss=loss)

    base: any torch optimizer whose update is proportional to its lr; it supplies the direction and keeps
    its state, and its own lr is not used. lr: an adapter, its name ("l4"), or a schedule. Vectors stay in
    torch on their device; inner products are read in one transfer a step.
    process_group: over which losses and inner products are averaged, so that all ranks take the same
    rate; None: the default group once torch.distributed is initialized, False: none.
    max_skipped: `Diverged` is raised after so many steps in a row with a loss or gradient that is not
    finite, 20. Such a step changes nothing.

    `param_groups` are the base's. group["lr"] is the effective rate of the last step, the mean where
    tensors have rates of their own. What a scheduler of torch computes from it multiplies all later rates;
    a plain number written there is the rate to continue from.
    Raises DTypeError or ArgumentError naming the argument, before anything is changed.
    """

    def __init__(
        self,
        base: torch.optim.Optimizer,
        lr: Any = "l4",
        process_group: Any = None,
        max_skipped: int = 20,
    ) -> None:
        check_base(base)
        if isinstance(base, Adapted):
            raise DTypeError("base: got an Adapted; allowed: a plain torch optimizer")
        self.base = base
        self.rate = named(lr) if isinstance(lr, str) else lr
        self.process_group = process_group
        self.max_skipped = max_skipped
        self.skipped_steps = 0
        self._skipped_in_row = 0
        self.step_count = 0
        self._card = _rate_card(self.rate)
        first = _core.Machine(*self._card)
        self._scope = int(first.get("scope"))
        self._probes, self._needs_loss = bool(first.get("probes")), bool(first.get("needs_loss"))
        self._directions = Directions(base)
        self._memory = Memory(first, self._directions)
        self._machines: list[_core.Machine] = []
        self._rates: dict[Tensor, float] = {}
        # per group: the mean rate of the last step without and with what schedulers multiply it by
        self._plain: list[float] = []
        self._shown: list[Rate] = []
        self._plan: tuple[list[Tensor], Plan, list[dict[str, Any]], list[int]] | None = None
        self._observed: list[Tensor | float] = []
        self._before_forward: Any = None
        self._check_groups(base.param_groups)
        self._add_machines()
        super().__setstate__({})  # hooks; the base class's own lists would be the base's twice

    # ---- what torch looks at ---------------------------------------------------------------------------
    @property
    def param_groups(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The base's groups; "lr" is live."""
        groups = self.base.param_groups
        for i, group in enumerate(groups):
            written, shown = group["lr"], self._shown[i]
            if written is not shown:
                factor = multiplier_of(written, float(shown), shown.multiplier)
                self._shown[i] = group["lr"] = Rate(self._plain[i] * factor, factor)
        return groups

    @property
    def state(self) -> Any:  # type: ignore[override]
        """The base's state."""
        return self.base.state

    @property
    def defaults(self) -> dict[str, Any]:  # type: ignore[override]
        return self.base.defaults

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """More parameters, as in torch; under one rate for all, a group has no "lr" of its own."""
        if "lr" in param_group and self._scope == _ALL:
            raise ArgumentError(
                f"param_group: lr: got {param_group['lr']!r}; {self._title} sets one rate for all groups; "
                "allowed: no 'lr' in groups"
            )
        self.base.add_param_group(param_group)
        self._plan = None
        self._add_machines()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets all gradients. Adapters that probe take the random state from here: the forward pass
        is to follow."""
        self._before_forward = random_state() if self._probes else None
        self.base.zero_grad(set_to_none)

    @property
    def lr(self) -> float | dict[str, float]:
        """Effective rate of the last step: a float, or {parameter name: float} where rates differ."""
        rates = [self._rates.get(p, 0.0) for g in self.base.param_groups for p in g["params"]]
        if self._scope != _TENSOR and len(set(rates)) == 1:
            return rates[0]
        return dict(zip(_state.names(self.base), rates, strict=True))

    # ---- a step ----------------------------------------------------------------------------------------
    def observe(self, loss: Tensor | float) -> None:
        """The loss of the coming step, for loops that call `step()` without it.

        Called more than once before a step, as with gradient accumulation, the mean is taken.
        """
        loss = checked(loss, "loss")
        self._observed.append(loss.detach() if isinstance(loss, Tensor) else loss)

    @torch.no_grad()
    def step(  # type: ignore[override]
        self,
        closure: Callable[[], Any] | None = None,
        *,
        loss: Tensor | float | None = None,
        loss_closure: Callable[[], Any] | None = None,
    ) -> Any:
        """One step on the gradients that the parameters hold; returns the loss.

        closure: clears gradients, evaluates, calls backward() and returns the loss, as torch's optimizers
        take it. loss: what the gradients belong to, unscaled. loss_closure: evaluates the loss, forward
        only, for adapters that probe: it runs with the random state of the step (taken at `zero_grad` or
        before closure), and buffers of modules, such as running statistics, are put back.
        Raises DTypeError when the adapter needs a loss or a loss_closure that is not given.
        """
        before = random_state() if self._probes and closure is not None else self._before_forward
        if closure is not None:
            if loss is not None or loss_closure is not None:
                raise ArgumentError("step: closure: given beside loss or loss_closure; allowed: one of them")
            with torch.enable_grad():
                loss = closure()
        elif loss is None and self._observed:
            loss = sum(self._observed) / len(self._observed)
        self._observed = []
        value = None if loss is None else checked(loss, "loss")
        if value is None and self._needs_loss:
            raise DTypeError(f"step: loss: not given; {self._title} needs it: step(loss=loss)")
        if self._probes and closure is None and loss_closure is None:
            raise DTypeError(
                f"step: loss_closure: not given; {self._title} evaluates the loss at trial points: "
                "step(loss=loss, loss_closure=f) with f forward only, or step(closure)"
            )
        evaluation = Evaluation(loss_closure, closure, before or random_state())
        self._before_forward = None
        self._take(value, evaluation)
        return loss

    def _take(self, value: Tensor | float | None, evaluation: Evaluation) -> None:
        multipliers = [shown.multiplier for _, shown in zip(self.param_groups, self._shown, strict=True)]
        active, plan, groups, indices = self._active()
        evaluation.parameters = [p for g in self.base.param_groups for p in g["params"]]
        group = self._group()
        sums = Sums(plan)
        packed = plan.pack([p.grad for p in active])  # type: ignore[misc]
        sums.add("gradient_norm2", packed, packed)
        # on the CPU reading is free, and what is not finite is seen before the base moves
        early = group is None and not active[0].is_cuda and active[0].device.type == "cpu"
        known: dict[int, Any] = {}
        number = 0.0
        if early:
            number, known = sums.read(value, None)
            if not finite(number, known):
                self._skip()
                return
            for index in known:
                self._machines[index].check(number)
        kept = None if early and not self._probes else self._directions.keep(active)
        backup = [p.detach().clone() for p in active] if self._probes else None
        memory = self._memory
        memory.before(sums, active, groups, packed, self.step_count, self._rates)
        updates = self._directions.form(active, groups)
        try:
            self._slopes(sums, active, groups, packed, updates)
            late, found = sums.read(None if early else value, group)
            number = number if early else late
            for index, numbers in found.items():
                numbers.update(known.get(index, {}))
            if not finite(number, found):
                self._directions.put_back(kept or [])
                self._skip()
                return
            if self._memory.uses["previous"]:
                for p, index in zip(active, indices, strict=True):
                    if "previous_dot" in found[index]:
                        found[index]["previous_rate"] = self._rates.get(p, 0.0)
            talk = Conversation(active, updates, backup, evaluation, group)
            taken = {i: talk.decide(self._machines[i], number, of) for i, of in found.items()}
            talk.end()
        except BaseException:
            for machine in self._machines:
                machine.abort()
            if backup is not None:
                torch._foreach_copy_(active, backup)
            if kept is not None:
                self._directions.put_back(kept)
            raise
        memory.after(active, self.step_count)
        self._move(active, indices, updates, taken, multipliers)

    def _slopes(
        self,
        sums: Sums,
        active: list[Tensor],
        groups: list[dict[str, Any]],
        packed: list[Tensor],
        updates: list[Tensor],
    ) -> None:
        """<g, d> and <g^, d>, with g^ the base's average of the gradient, decay in it, or g itself."""
        moves = sums.plan.pack(updates)
        sums.add("slope", packed, moves, -1.0)
        averages, factors = self._directions.averages(active, groups)
        if averages is None:
            decays = [self._directions.decay(group) for group in groups]
            if any(decays):
                gradients = [p.grad for p in active if p.grad is not None]
                values = [d * p.data + g for p, g, d in zip(active, gradients, decays, strict=True)]
                packed = sums.plan.pack(values)
            sums.add("smoothed_slope", packed, moves, -1.0)
            return
        factor = factors[0]
        if any(other != factor for other in factors):
            averages, factor = [a * f for a, f in zip(averages, factors, strict=True)], 1.0
        sums.add("smoothed_slope", sums.plan.pack(averages), moves, -factor)

    def _move(
        self,
        active: list[Tensor],
        indices: list[int],
        updates: list[Tensor],
        taken: dict[int, float | None],
        multipliers: list[float],
    ) -> None:
        factor = self._machines[0].factor(self.step_count)
        group_of = {p: i for i, g in enumerate(self.base.param_groups) for p in g["params"]}
        moves: dict[float, tuple[list[Tensor], list[Tensor]]] = {}
        plain: dict[Tensor, float] = {}
        for p, index, update in zip(active, indices, updates, strict=True):
            own = taken[index]
            plain[p] = 0.0 if own is None else own * factor
            rate = self._rates[p] = plain[p] * multipliers[group_of[p]]
            if own is not None:
                parameters, steps = moves.setdefault(rate, ([], []))
                parameters.append(p)
                steps.append(update)
        for rate, (parameters, steps) in moves.items():
            torch._foreach_add_(parameters, steps, alpha=rate)
        self.step_count += 1
        self._skipped_in_row = 0
        self._show(plain)

    def _skip(self) -> None:
        self.skipped_steps += 1
        self._skipped_in_row += 1
        if self._skipped_in_row >= self.max_skipped:
            raise Diverged(
                f"step: the loss or its gradient was not finite for {self._skipped_in_row} steps in a row; "
                "the parameters are those of the last good step"
            )

    # ---- groups and machines ---------------------------------------------------------------------------
    @property
    def _title(self) -> str:
        return type(self.rate).__name__

    def _group(self) -> Any:
        """The processes to average over; None for a single one."""
        distributed = torch.distributed
        if self.process_group is False or not distributed.is_available():
            return None
        if self.process_group is None:
            return distributed.group.WORLD if distributed.is_initialized() else None
        return self.process_group

    def _active(self) -> tuple[list[Tensor], Plan, list[dict[str, Any]], list[int]]:
        """Parameters with a gradient, how their products are formed, their groups and machines."""
        found, groups, machines = [], [], []
        place = 0
        for i, group in enumerate(self.base.param_groups):
            for p in group["params"]:
                if p.grad is not None:
                    if p.grad.is_sparse or p.grad.is_complex():
                        kind = "sparse" if p.grad.is_sparse else "complex"
                        name = _state.names(self.base)[place]
                        raise DTypeError(
                            f"step: the gradient of {name} is {kind}; allowed: dense, real gradients"
                        )
                    found.append(p)
                    groups.append(group)
                    machines.append((0, i, place)[self._scope])
                place += 1
        if not found:
            raise ArgumentError("step: no parameter has a gradient: call loss.backward() before step()")
        if (
            self._plan is None
            or len(self._plan[0]) != len(found)
            or any(a is not b for a, b in zip(self._plan[0], found, strict=True))
        ):
            self._plan = found, Plan(found, machines), groups, machines
        return self._plan

    def _check_groups(self, groups: list[dict[str, Any]]) -> None:
        rates = {float(group["lr"]) for group in groups}
        if self._scope == _ALL and len(rates) > 1:
            raise ArgumentError(
                f"base: groups have rates of their own, {sorted(rates)}, but {self._title} sets one for all; "
                "allowed: groups without 'lr', or an adapter with per='group'"
            )
        parameters = [p for group in groups for p in group["params"]]
        devices = {str(p.device) for p in parameters}
        if len(devices) > 1:
            raise ArgumentError(f"base: parameters on {', '.join(sorted(devices))}; allowed: one device")
        if any(p.is_complex() for p in parameters):
            raise DTypeError("base: complex parameters; allowed: real ones")

    def _add_machines(self) -> None:
        groups = self.base.param_groups
        count = (1, len(groups), sum(len(group["params"]) for group in groups))[self._scope]
        while len(self._machines) < count:
            self._machines.append(_core.Machine(*self._card))
        first = self._machines[0].get("initial_rate") or 1.0
        for group in groups[len(self._shown) :]:
            self._plain.append(first)
            self._shown.append(Rate(first))
            group["lr"] = self._shown[-1]

    def _show(self, own: dict[Tensor, float]) -> None:
        """The effective rates, for whoever looks at group["lr"]."""
        for i, group in enumerate(self.base.param_groups):
            rates = [own[p] for p in group["params"] if p in own]
            if rates:
                self._plain[i] = rates[0] if len(set(rates)) == 1 else sum(rates) / len(rates)
                factor = self._shown[i].multiplier
                self._shown[i] = group["lr"] = Rate(self._plain[i] * factor, factor)

    # ---- state -----------------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, Any]:
        """The base's state, and the adapter's under "lrswift", with a version."""
        return _state.read(self)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Puts back what `state_dict` returned. ArgumentError for other groups, shapes or adapters,
        before anything is changed."""
        _state.write(self, state_dict)

    def __repr__(self) -> str:
        return f"Adapted({self.base!r}, lr={self.rate!r})"
