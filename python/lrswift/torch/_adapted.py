"""`Adapted`: a learning-rate adapter around any torch optimizer."""

from __future__ import annotations

import copy
import math
import sys
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from .._core import Machine as CoreMachine
from ..checks import type_of
from ..errors import ArgumentError, Diverged, DTypeError
from ..optim import guarding
from ..optim.attributes import rate_card
from ..optim.searched import GUARD_EVERY, finish, is_searched
from ..rates.base import Adapter
from ..rates.codes import Guard, Judgement, Outcome, Scope
from ..rates.named import named
from . import _state
from ._active import Active, ActiveFinder, check_parameters, names, parameters
from ._clipping import Watch
from ._decide import Conversation
from ._direction import Directions, StepDirections, check_base
from ._groups import Groups
from ._guard import StepGuard
from ._native_rule import NativeRule
from ._probing import Evaluation, Starts, checked, random_state
from ._record import Recording
from ._search import SearchStart
from ._shards import Shards, is_sharded
from ._sums import Numbers, finite
from ._traces import leaves, put_all
from ._vectors import Memory
from ._whole import Whole


class Adapted(Recording, torch.optim.Optimizer):
    """A torch optimizer whose learning rate an adapter chooses.

        optimizer = lr.torch.Adapted(torch.optim.Adam(model.parameters()), lr=lr.adapt.L4())
        optimizer.zero_grad(); loss = loss_of(model); loss.backward(); optimizer.step(loss=loss)

    Vectors stay in torch, on their device; inner products are read in one transfer a step.

    `param_groups` are the base's. group["lr"] is the effective rate of the last step, the mean where tensors
    have rates of their own. What a scheduler of torch computes from it multiplies all later rates: a rate
    that the scheduler names, over the rate that the adapter starts from (1 where it names none). A plain
    number written there is the rate to continue from. Groups with rates of their own start from them under
    per="group" and "tensor"; under one rate for all the ratios to the largest are kept, in the direction.

    Args:
        base: any torch optimizer whose update is proportional to its lr. It supplies the direction and keeps
            its state; its own lr is not used.
        lr: an adapter, its name, a schedule, or a number of at least 0. Default "l4".
        process_group: the processes over which losses and inner products are averaged, so that all take the
            same rate. None: the default group once torch.distributed is initialized; False: none. Default
            None.
        max_skipped: `Diverged` is raised after so many steps in a row with a loss or gradient that is not
            finite. Such a step changes nothing. Default 20.

    Raises:
        ArgumentError: the base or its groups do not go with the adapter, or a value is out of bounds. Nothing
            has changed then, nor at the errors below.
        ArgumentTypeError: a value is of another type.
        DTypeError: the base is no torch optimizer that can be adapted, or `lr` is no rate.
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
        self._shards = Shards(base) if is_sharded(parameters(base)) else None
        if self._shards is not None and process_group is False:
            raise ArgumentError(
                "process_group: False, but the parameters are sharded, and inner products are sums over all "
                "shards; allowed: None, or the processes that share them"
            )
        inner = self._inner
        self.rate = named(lr) if isinstance(lr, str) else lr
        self.process_group = process_group
        self.max_skipped = max_skipped
        self.skipped_steps = 0
        self._skipped_in_row = 0
        self.step_count = 0
        if isinstance(self.rate, Adapter):
            rule = NativeRule(inner)
            self.rate = self.rate.over(rule.rule(inner.param_groups[0])[0] if rule.kind else "")
        self._card = rate_card(self.rate)
        if self._card[0] == "periodic_alrs":
            raise DTypeError(
                "lr: PeriodicALRS searches with the native optimizer; allowed: rates that need no search, or "
                "lr.torch.find_lr beside the loop"
            )
        first = CoreMachine(*self._card)
        self._scope = Scope(int(first.get("scope")))
        self._probes, self._needs_loss = bool(first.get("probes")), bool(first.get("needs_loss"))
        self._directions = Directions(inner)
        self._memory = Memory(first, self._directions)
        self._search = SearchStart(self._directions)
        self._searches = is_searched(self.rate)
        self._whole = (
            Whole(inner, self._card, self._title, self._memory, self._directions)
            if first.get("is_method")
            else None
        )
        self._machines: list[CoreMachine] = []
        # by the place of the parameter
        self._rates: dict[int, float] = {}
        self._finder = ActiveFinder(inner, self._scope)
        if self._shards is not None:
            self._finder.native, self._finder.shards = False, self._shards.count
        self._observed: list[Tensor | float] = []
        self._starts = Starts() if self._probes else None
        # gradients of shards come from no backward pass of their own
        self._watch = Watch(parameters(base)) if first.get("sees_loss") and self._shards is None else None
        check_parameters(parameters(base))
        self._groups = Groups(base, self.rate, self._scope)
        self._guard: StepGuard | None = None
        self._add_machines()
        if self._searches and self._shards is None:
            self.guard(every=GUARD_EVERY)
        super().__setstate__({})  # hooks; the base class's own lists would be the base's twice

    # ---- what torch looks at ---------------------------------------------------------------------------
    @property
    def param_groups(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The base's groups; "lr" is live."""
        frame = sys._getframe(1)
        if self._watch is not None:
            self._watch.unscaled(frame)
        return self._groups.live(frame)

    @property
    def state(self) -> Any:  # type: ignore[override]
        """The base's state."""
        return self.base.state

    @property
    def defaults(self) -> dict[str, Any]:  # type: ignore[override]
        """The base's options for groups that set none."""
        return self.base.defaults

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds parameters, as torch's optimizers do.

        Args:
            param_group: {"params": ..., option: value}. An "lr" of its own is what it starts from; under one
                rate for all it is the rate to continue from, a ratio to that of the other groups.

        Raises:
            ArgumentError: an option is out of bounds.
            DTypeError: a parameter cannot be trained.
        """
        if self._shards is not None:
            raise ArgumentError("param_group: the parameters are sharded; allowed: all groups from the start")
        if self._whole is not None:
            self._whole.check_new(param_group)
        self._groups.check_new(param_group)
        given = param_group.get("params", ())
        new = {"params": [given] if isinstance(given, Tensor) else list(given)}
        check_parameters(parameters(self.base) + new["params"])
        self.base.add_param_group({**param_group, **new})
        if self._watch is not None:
            self._watch.add(new["params"])
        self._finder.forget()
        if self._guard is not None:
            self._guard.forget()
        self._groups.add(param_group.get("lr"), self.step_count > 0)
        self._add_machines()
        if self._whole is not None:
            self._whole.begin()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets all gradients, before the forward pass: adapters that probe note the random state here.

        Args:
            set_to_none: as in torch. Default True.
        """
        if self._starts is not None:
            self._starts.cleared = random_state()
        self.base.zero_grad(set_to_none)

    @property
    def lr(self) -> float | dict[str, float]:
        """Effective rate of the last step: a float, or {parameter name: float} where rates differ."""
        held = names(self.base)
        rates = [self._rates.get(i, 0.0) for i in range(len(held))]
        if self._scope != Scope.TENSOR and len(set(rates)) == 1:
            return rates[0]
        return dict(zip(held, rates, strict=True))

    # ---- a step ----------------------------------------------------------------------------------------
    def observe(self, loss: Tensor | float) -> None:
        """Takes note of the loss of the coming step, for loops that call `step()` without it.

        Called more than once before a step, as with gradient accumulation, the mean is taken.

        Args:
            loss: a number, or a Tensor of one element.

        Raises:
            DTypeError: it is neither.
        """
        loss = checked(loss, "loss")
        self._observed.append(loss.detach() if isinstance(loss, Tensor) else loss)

    @torch.no_grad()
    def step(  # type: ignore[override]
        self,
        closure: Callable[[], Any] | Tensor | float | None = None,
        *,
        loss: Tensor | float | None = None,
        loss_closure: Callable[[], Any] | None = None,
    ) -> Any:
        """Takes one step on the gradients that the parameters hold.

        Without a gradient anywhere nothing happens, as with torch's optimizers.

        Args:
            closure: clears gradients, evaluates, calls backward() and returns the loss, as torch's optimizers
                take it. One that returns None, as trainers pass to manual steps, leaves the loss to `loss` or
                `observe`. A number or a tensor in its place is the loss. Default None.
            loss: what the gradients belong to, unscaled; a number, or a Tensor of one element. Default None.
            loss_closure: evaluates the loss, forward only, for adapters that probe. It runs with the random
                state of the step, taken at `zero_grad` or before closure, and buffers of modules, such as
                running statistics, are put back. Default None.

        Returns:
            The loss.

        Raises:
            ArgumentError: the loss is given twice, the adapter refuses it, or no parameter has a gradient on
                one of several ranks.
            DTypeError: the adapter needs a loss or a loss_closure that is not given.
            Diverged: the loss or a gradient was not finite in `max_skipped` steps in a row.
        """
        if closure is not None and not callable(closure):
            if loss is not None:
                raise ArgumentError("step: loss: given twice, by position and by name; allowed: once")
            closure, loss = None, checked(closure, "loss")
        before = random_state() if self._probes and closure is not None else None
        if closure is not None:
            with torch.enable_grad():
                found = closure()
            if found is None:
                # nothing was evaluated: the step is one without a closure
                closure, before = None, None
            elif loss is not None or loss_closure is not None:
                raise ArgumentError(
                    "step: closure: returned a loss beside loss or loss_closure; allowed: one of them"
                )
            else:
                loss = checked(found, "closure")
        if loss is None and self._observed:
            loss = sum(self._observed) / len(self._observed)
        self._observed = []
        if self._whole is not None:
            self._whole.check_point()
        if self._shards is not None:
            self._shards.begin()
        active = self._finder.find()
        if active is None:
            if self._group() is not None:
                # others may wait for the numbers of this process
                raise ArgumentError("step: no parameter has a gradient here; allowed: the same on all ranks")
            if self._starts is not None:
                self._starts.end(None)
            return loss
        value = None if loss is None else checked(loss, "loss")
        if value is None and self._needs_loss:
            raise DTypeError(
                f"step: loss: not given; {self._title} needs it: step(loss=loss), observe(loss) before "
                "step(), or step(closure) with a closure that returns it"
            )
        if value is None and self._guard is not None:
            raise DTypeError("step: loss: not given; the guard needs it: step(loss=loss)")
        if self._probes and closure is None and loss_closure is None:
            raise DTypeError(
                f"step: loss_closure: not given; {self._title} evaluates the loss at trial points: "
                "step(loss=loss, loss_closure=f) with f forward only, or step(closure)"
            )
        # a closure may have called zero_grad(), in the middle of it
        starts = [before] if before else self._starts.states() if self._starts is not None else []
        reached = parameters(self.base) + (leaves(loss) if before else [])
        evaluation = Evaluation(loss_closure, closure, starts, reached, self._title)
        self._directions.check(active)
        self._take(active, value, evaluation)
        if self._starts is not None:
            self._starts.end(evaluation)
        if self._shards is not None:
            self._shards.end()
        return loss

    # ---- the run ---------------------------------------------------------------------------------------
    def finish(self, steps: int) -> None:
        """Lets a rate of lr="auto" fall to 0 over the next steps, whatever the run was to be.

        Args:
            steps: how many are left, at least 1.

        Raises:
            ArgumentError: `steps` is no whole number of at least 1, the search is not over, or the run is.
            ArgumentTypeError: the rate was not searched for.
        """
        finish(self._machines[0], self.rate, steps)

    def guard(
        self,
        rollback: bool = True,
        explode: float = 10.0,
        *,
        buffers: Iterable[Tensor] = (),
        on: bool = True,
        every: int = 1,
    ) -> None:
        """Undoes steps that make the loss explode, as the native optimizer's guard does.

        A loss explodes above `explode` times the median of the last 25. Then parameters, the base's state and
        the adapter's go back to before the step that led there, and all rates are halved; every good step
        takes 1 % off the factor's logarithm again. A loss or gradient that is not finite is skipped first,
        and blamed on the step before if the next is not, either. A step then raises Diverged after
        `max_skipped` rollbacks in a row. With lr="auto" a guard is on from the start, with `every=10`.

        What schedulers of torch have done to the groups stays. On a device the numbers of a step are read
        once more, and a copy of parameters and state is kept there.

        Args:
            rollback: False only detects: Diverged is raised at once, by a call that changes nothing. Default
                True.
            explode: above 1. Default 10.0.
            buffers: what the model updates beside its parameters (`model.buffers()`: batch-norm statistics),
                put back with them. Default: none.
            on: False ends the guard. Default True.
            every: so many steps share a copy to go back to, at least 1. Default 1.

        Raises:
            ArgumentError: `explode` is out of bounds, `every` no whole number of at least 1, or the
                parameters are sharded.
            ArgumentTypeError: `explode` is no number.
            DTypeError: a switch is no bool, or a buffer no Tensor.
        """
        mode, limit = guarding.checked(rollback, explode, on, every)
        held = list(buffers)
        for i, buffer in enumerate(held):
            if not isinstance(buffer, Tensor):
                raise DTypeError(f"guard: buffers[{i}]: got {type_of(buffer)}; allowed: tensors")
        if mode != Guard.OFF and self._shards is not None:
            raise ArgumentError(
                "guard: the parameters are sharded; allowed: on=False, or parameters that are whole"
            )
        made = StepGuard(mode, limit, every, held)
        made.tell(self._machines[0])
        self._guard = None if mode == Guard.OFF else made

    @property
    def rollbacks(self) -> int:
        """How many steps the guard has undone."""
        return int(self._machines[0].get("rollbacks"))

    # ---- two points ------------------------------------------------------------------------------------
    def eval(self) -> None:
        """Moves the parameters to where the method evaluates: Schedule-Free's average x.

        Other methods have one point, and nothing happens. While there, a step raises ArgumentError.
        """
        if self._whole is not None:
            self._whole.set_evaluating(True, self._machines[0])

    def train(self) -> None:
        """Moves the parameters back to where training goes on: to the bit, if nothing has changed them."""
        if self._whole is not None:
            self._whole.set_evaluating(False, self._machines[0])

    # ---- how a step is taken ---------------------------------------------------------------------------
    def _take_whole(self, whole: Whole, active: Active, value: Tensor | float | None) -> None:
        multipliers = self._groups.multipliers
        factors = {multipliers[i] for i in active.group_set}
        if len(factors) > 1:
            raise ArgumentError(
                f"step: groups are scheduled at different factors, {sorted(factors)}, but {self._title} is "
                "one method for all parameters; allowed: the same scheduler for all groups"
            )
        (factor,) = factors
        group, machine, sums = self._group(), self._machines[0], active.sums()
        if self._watch is not None:
            try:
                clipping = self._watch.clipping(active, self._directions, self._memory, group)
            except LookupError:
                # the rate would be that of another gradient
                self.step_count += 1
                return
            if clipping is not None:
                sums.add("whole2", clipping.originals, clipping.originals)
        sums.add("gradient_norm2", active.gradients, active.gradients)
        number, found = sums.read(value, group)
        if not self._may_step(number, finite(number, found)):
            return
        scheduled = machine.factor(self.step_count) * factor * machine.get("rate_scale")
        try:
            taken = whole.take(active, machine, number, found[0], scheduled, group)
        except BaseException:
            machine.abort()
            raise
        if self._record is not None:
            numbers = {"loss": number, "gradient_norm2": found[0]["gradient_norm2"]}
            self._note(0, numbers, taken)
        rate = taken or 0.0
        self._rates.update(dict.fromkeys(active.places, rate))
        self._count()
        for i in active.group_set:
            self._groups.show(i, rate / factor if factor != 0 else 0.0)

    def _take(self, active: Active, value: Tensor | float | None, evaluation: Evaluation) -> None:
        if self._whole is not None:
            self._take_whole(self._whole, active, value)
            return
        multipliers = self._groups.multipliers
        common = active.relate(multipliers, self._scope)
        group = self._group()
        clipping = None
        if self._watch is not None:
            try:
                clipping = self._watch.clipping(active, self._directions, self._memory, group)
            except LookupError:
                # the rate would be that of another gradient
                self.step_count += 1
                return
        sums = active.sums()
        # a direction that divides by its gradients is as long as before they were clipped
        lengths = active.gradients if clipping is None or clipping.linear else clipping.originals
        sums.add("gradient_norm2", lengths, lengths)
        # on the CPU reading is free, and what is not finite is seen before the base moves; as a guard has to
        early = (group is None and active.on_cpu) or self._guard is not None
        found: Numbers = {}
        number = 0.0
        if early:
            number, found = sums.read(value, group)
            fine = finite(number, found)
            for index in found if fine else ():
                self._machines[index].check(number)
            if not self._may_step(number, fine):
                return
        if self._searches:
            self._search.keep(active, self._machines[0])
        kept = None if early and not self._probes else self._directions.keep(active)
        backup = [p.detach().clone() for p in active.tensors] if self._probes else None
        memory = self._memory
        seen = active.gradients if clipping is None else clipping.originals
        memory.before(sums, active, seen, self.step_count, self._rates)
        formed = self._directions.form(active, sums, keeps=memory.uses["previous"])
        try:
            if clipping is not None:
                clipping.add(sums, formed.directions)
            late, more = sums.read(None if early else value, group)
            number = number if early else late
            for index, numbers in more.items():
                found.setdefault(index, {}).update(numbers)
            if not finite(number, found):
                self._directions.put_back(kept or [])
                self._skip()
                return
            if formed.is_gradient:
                for numbers in found.values():
                    numbers["slope"] = numbers["smoothed_slope"] = numbers["gradient_norm2"]
            if clipping is not None:
                for numbers in found.values():
                    clipping.show(numbers)
            if memory.uses["previous"]:
                for place, index in zip(active.places, active.machines, strict=True):
                    if "previous_dot" in found[index]:
                        # of the group with a ratio of 1
                        before, rate = found[index].get("previous_rate", 0.0), self._rates.get(place, 0.0)
                        found[index]["previous_rate"] = rate if abs(rate) >= abs(before) else before
                        found[index].setdefault("previous_gradient_norm2", found[index]["gradient_norm2"])
            if self._searches:
                held = active.tensors if self._shards is None else parameters(self.base)
                found[0]["entries"] = float(sum(p.numel() for p in held))
            talk = Conversation(active, formed.directions, backup, evaluation, group)
            taken = {}
            for i, of in found.items():
                taken[i] = talk.decide(self._machines[i], number, of)
                if self._record is not None:
                    self._note(i, {"loss": number, **of, **talk.probed}, taken[i])
            talk.end()
            if self._probes:
                # the loss of other people has run since
                formed = formed.again(active)
        except BaseException:
            for machine in self._machines:
                machine.abort()
            if backup is not None:
                put_all(active.tensors, backup)
            if kept is not None:
                self._directions.put_back(kept)
            raise
        if talk.puts_back:
            self._put_back()
            return
        memory.after(active, seen)
        if clipping is not None:
            clipping.keep()
        self._move(active, formed, taken, multipliers, common)

    def _move(
        self,
        active: Active,
        formed: StepDirections,
        taken: dict[int, float | None],
        multipliers: list[float],
        common: float,
    ) -> None:
        machine = self._machines[0]
        factor = machine.factor(self.step_count) * machine.get("rate_scale")
        plain = {index: 0.0 if own is None else own * factor for index, own in taken.items()}
        of_group = {i: multipliers[i] for i in active.group_set}
        if len(plain) == 1 and (active.ratios is not None or len(set(of_group.values())) == 1):
            ((index, rate),) = plain.items()
            if active.ratios is None:
                self._rates.update(dict.fromkeys(active.places, rate * common))
            else:
                every_one = zip(active.places, active.group_numbers, strict=True)
                self._rates.update((place, rate * of_group[number]) for place, number in every_one)
            if taken[index] is not None:
                formed.move(active, rate * common)
        else:
            together: dict[float, list[int]] = {}
            every = zip(active.places, active.machines, active.group_numbers, strict=True)
            for i, (place, index, number) in enumerate(every):
                rate = self._rates[place] = plain[index] * of_group[number]
                if taken[index] is not None:
                    together.setdefault(rate, []).append(i)
            for rate, members in together.items():
                formed.move(active, rate, members)
        self._count()
        self._show(active, plain)

    def _count(self) -> None:
        """A step was taken."""
        self.step_count += 1
        self._skipped_in_row = 0
        if self._guard is not None and not self._is_searching:
            self._machines[0].set("undone", 0.0)

    @property
    def _is_searching(self) -> bool:
        return self._searches and bool(self._machines[0].get("searching"))

    def _may_step(self, number: float, fine: bool) -> bool:
        """Whether a step of this loss is taken; where not, all that is to be done has been."""
        if self._guard is not None and not self._is_searching:
            step = self.step_count
            # what judged the loss, which is asked for only where somebody keeps it
            limit = math.nan if self._record is None else self._machines[0].get("guard_limit")
            asked = self._guard.judge(self, number, fine)
            if asked == Judgement.UNDO:
                if self._record is not None:
                    scale = self._machines[0].get("rate_scale")
                    self._record.add(step, 0, {"loss": number}, Outcome.UNDONE, None, scale, limit)
                return False
            fine = asked != Judgement.SKIP
        if not fine:
            if self._record is not None and not self._is_searching:
                self._record.add(self.step_count, 0, {"loss": number}, Outcome.SKIPPED)
            self._skip()
        return fine

    def _put_back(self) -> None:
        """The end of a search, which is one of the run's steps."""
        self._search.put_back()
        self._directions.last = {}
        self._rates = {}
        self.step_count += 1
        self._skipped_in_row = 0

    def _skip(self) -> None:
        if self._is_searching:
            # what was measured must do
            self._machines[0].begin({"loss": math.nan})
            self._put_back()
            return
        self.skipped_steps += 1
        self._skipped_in_row += 1
        if self._skipped_in_row >= self.max_skipped:
            error = Diverged(
                f"step: the loss or its gradient was not finite for {self._skipped_in_row} steps in a row; "
                "the parameters are those of the last good step"
            )
            error.step = self.step_count
            raise error

    # ---- groups and machines ---------------------------------------------------------------------------
    @property
    def _inner(self) -> torch.optim.Optimizer:
        """Which takes the steps: the base, or its twin on the shards that lie here."""
        return self.base if self._shards is None else self._shards.twin

    @property
    def _title(self) -> str:
        return type(self.rate).__name__

    def _group(self) -> Any:
        """The processes to average over; None for a single one."""
        if self._shards is not None:
            return self.process_group or self._shards.process_group
        distributed = torch.distributed
        if self.process_group is False or not distributed.is_available():
            return None
        if self.process_group is None:
            return distributed.group.WORLD if distributed.is_initialized() else None
        return self.process_group

    def _add_machines(self) -> None:
        """Those that are missing."""
        groups = self.base.param_groups
        of_machine = {
            Scope.ALL: [0],
            Scope.GROUP: list(range(len(groups))),
            Scope.TENSOR: [i for i, group in enumerate(groups) for _ in group["params"]],
        }[self._scope]
        self._machines += [self._groups.machine(i) for i in of_machine[len(self._machines) :]]

    def _show(self, active: Active, plain: dict[int, float]) -> None:
        """The effective rates, for whoever looks at group["lr"]."""
        for i in active.group_set:
            own = [plain[m] for m, n in zip(active.machines, active.group_numbers, strict=True) if n == i]
            self._groups.show(i, own[0] if len(set(own)) == 1 else sum(own) / len(own))

    # ---- state -----------------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, Any]:
        """The base's state, and the adapter's under "lrswift", with a version."""
        return _state.read(self)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Puts back what `state_dict` returned.

        Args:
            state_dict: of an Adapted with the same groups, shapes and adapter.

        Raises:
            ArgumentError: it is of another one. Nothing has changed then, nor at the errors below.
            DTypeError: it is no state, or holds a vector that is none.
            ShapeError: a vector has another shape than its parameter.
        """
        _state.write(self, state_dict)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but hooks, as torch's optimizers; machines as their numbers."""
        own = {key: value for key, value in self.__dict__.items() if not _is_torchs(key)}
        return {**own, "_machines": [machine.state() for machine in self._machines], "_watch": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._machines = [CoreMachine(*self._card) for _ in state["_machines"]]
        if self._guard is not None:
            self._guard.tell(self._machines[0])
        for machine, numbers in zip(self._machines, state["_machines"], strict=True):
            machine.load(numbers)
        sees_loss = CoreMachine(*self._card).get("sees_loss") and self._shards is None
        self._watch = Watch(parameters(self.base)) if sees_loss else None
        super().__setstate__({})

    def __deepcopy__(self, memo: dict[int, Any]) -> Adapted:
        """With a base of its own: on copies of the parameters, those of the model if it is copied with it."""
        made = type(self).__new__(type(self))
        memo[id(self)] = made
        # processes are what they are
        memo[id(self.process_group)] = self.process_group
        made.__setstate__(copy.deepcopy(self.__getstate__(), memo))
        return made

    def __repr__(self) -> str:
        return f"Adapted({self.base!r}, lr={self.rate!r})"


def _is_torchs(key: str) -> bool:
    """Attributes that torch's own copies do not take along: hooks, and the step that a scheduler wraps."""
    return key.startswith("_optimizer_") or key in ("step", "_zero_grad_profile_name")
