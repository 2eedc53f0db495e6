"""What all optimizers share: groups of parameters, steps, and their state."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .. import random
from .._core import Optimizer as CoreOptimizer
from ..checks import check_number, refuse_torch, shown, type_of
from ..errors import ArgumentError, DTypeError, ShapeError
from ..nn.module import Module
from ..rates.base import Adapter
from ..rates.codes import Guard, Request, Scope
from ..rates.named import named
from ..schedule import Schedule
from ..tensors.autograd import enable_grad, no_grad
from ..tensors.modes import frozen_statistics
from ..tensors.operations import from_array
from ..tensors.tensor import Tensor
from . import decisions, guarding, searched
from .attributes import rate_card, spelled
from .copies import put_together, taken_apart
from .drive import drive
from .group import Group

Params = Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Iterable[dict[str, Any]]
Rate = float | Schedule | Adapter | str


class Optimizer:
    """Base of all optimizers: groups of parameters, steps and their state. Made through SGD, Adam, L4Mom, ...

    `copy.deepcopy((model, optimizer))`, or pickle of both together, gives an optimizer of the copied model
    that trains on to the bit; copied alone it holds copies of its parameters. Its `history` begins anew, and
    its guard cannot undo the step before.

    Args:
        params: tensors, (name, tensor) pairs, or group dicts {"params": ..., option: value}; each tensor
            requires a gradient.
        direction: the core's name of what the rate multiplies, such as "sgd".
        rate: a number of at least 0, a schedule, an adapter or its name.
        options: arguments of the direction, for every group that does not set its own.
        clip_value: limit of each entry of the gradient, above 0, applied before weight decay, as PyTorch's
            clip_grad_value_. Default inf.
        clip_norm: limit of the gradient's norm over all parameters, above 0, as PyTorch's clip_grad_norm_.
            Default inf.

    Raises:
        ArgumentError: a value is out of its bounds, `params` is empty, or a parameter requires no gradient or
            is given twice.
        ArgumentTypeError: an option is no number.
        DTypeError: `params` holds something else than tensors, or `rate` is none.
    """

    def __init__(
        self,
        params: Params,
        direction: str,
        rate: Rate,
        options: Mapping[str, Any],
        clip_value: float = math.inf,
        clip_norm: float = math.inf,
    ) -> None:
        self._defaults = dict(options)
        limits = {"clip_value": clip_value, "clip_norm": clip_norm}
        clips = {key: check_number(limit, key, infinite=True) for key, limit in limits.items()}
        if isinstance(rate, str):
            rate = named(rate)
        if isinstance(rate, Adapter):
            rate = rate.over(direction)
        name, attributes = rate_card(rate)
        self.rate = rate
        self.param_groups: list[dict[str, Any]] = []
        self._names: list[str] = []
        self._held: set[int] = set()
        # what the core does not tell: buffers of the guard, and how many decisions are kept
        self._guarded: list[Tensor] = []
        self._recorded = 0
        self._has_told = False
        self._searches = searched.is_searched(rate)
        self._direction, self._clips = direction, clips
        self._core = CoreOptimizer(direction, spelled(self._defaults) | clips, name, attributes)
        if isinstance(params, Tensor):
            raise DTypeError(
                "params: got a Tensor; allowed: a list of tensors, (name, tensor) pairs, or group dicts"
            )
        if isinstance(params, Module):
            raise DTypeError(f"params: got {type_of(params)}, a module; allowed: its parameters()")
        groups = list(params)
        if not groups:
            raise ArgumentError("params: empty; allowed: at least one tensor that requires a gradient")
        if all(isinstance(g, dict) for g in groups):
            for group in groups:
                self.add_param_group(group)  # type: ignore[arg-type]
        else:
            self.add_param_group({"params": groups})
        if self._searches:
            self.guard(every=searched.GUARD_EVERY)

    # ---- parameters ------------------------------------------------------------------------------------
    def add_param_group(self, group: dict[str, Any]) -> None:
        """Adds parameters with options of their own.

        Args:
            group: {"params": tensors, "lr": ..., "weight_decay": ..., ...}. "lr" is a number or a schedule,
                and only allowed where the optimizer's own rate is one, too.

        Raises:
            ArgumentError: an option is unknown or out of its bounds, or a parameter requires no gradient or
                is given twice.
            ArgumentTypeError: an option is no number.
            DTypeError: "params" holds something else than tensors, or "lr" is or stands beside an adapter.
        """
        if not isinstance(group, dict) or "params" not in group:
            raise ArgumentError(f"group: got {shown(group)}; allowed: a dict with the key 'params'")
        given = {key: value for key, value in group.items() if key != "params"}
        unknown = [key for key in given if key not in (*self._defaults, "lr")]
        if unknown:
            raise ArgumentError(
                f"group: unknown {', '.join(unknown)}; allowed: {', '.join(('lr', *self._defaults))}"
            )
        held = [group["params"]] if isinstance(group["params"], Tensor) else list(group["params"])
        tensors, names = self._checked(held)
        attributes = spelled({key: value for key, value in given.items() if key != "lr"})
        if "lr" in given:
            if isinstance(self.rate, Adapter):
                raise DTypeError(
                    "group: lr: given beside an adapter, which sets all rates; allowed: no 'lr' in groups"
                )
            if isinstance(given["lr"], Adapter):
                raise DTypeError(
                    f"group: lr: got {shown(given['lr'])}; allowed: a number of at least 0 or a schedule"
                )
            own = rate_card(given["lr"])[1]
            attributes |= {"lr": own.pop("rate"), **own}
        self._core.add_group(tuple(tensors), tuple(names), attributes)
        self._held.update(id(t) for t in tensors)
        self._names += names
        self.param_groups.append(Group({"lr": self.rate, **self._defaults, **given, "params": tensors}))

    def _checked(self, held: Sequence[Any]) -> tuple[list[Tensor], list[str]]:
        tensors: list[Tensor] = []
        names: list[str] = []
        seen, taken = set(self._held), set(self._names)
        for i, item in enumerate(held):
            at = f"params[{i}]"
            name = None
            if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str):
                name, item = item
            refuse_torch(item, at, "tensors of lrswift; lrswift.torch.Adapted takes optimizers of torch")
            if not isinstance(item, Tensor):
                raise DTypeError(
                    f"{at}: got {type_of(item)}; allowed: tensors, (name, tensor) pairs, or group dicts"
                )
            name = str(name or getattr(item, "name", None) or "")
            if not item.requires_grad:
                called = f" ({name})" if name else ""
                raise ArgumentError(
                    f"{at}{called}: requires no gradient; allowed: tensors with requires_grad=True"
                )
            if id(item) in seen:
                raise ArgumentError(f"{at}: given twice; allowed: every parameter once")
            if not name or name in taken:
                count = len(taken)
                while (name := f"param.{count}") in taken:
                    count += 1
            seen.add(id(item))
            taken.add(name)
            tensors.append(item)
            names.append(name)
        if not tensors:
            raise ArgumentError("params: empty; allowed: at least one tensor that requires a gradient")
        return tensors, names

    def zero_grad(self) -> None:
        """Forgets the gradients of all parameters."""
        self._core.zero_grad()

    # ---- steps -----------------------------------------------------------------------------------------
    def minimize(self, closure: Callable[[], Tensor], valid: Callable[[], Tensor] | None = None) -> float:
        """Takes one step on a loss that it evaluates itself; the loop that every adapter works with.

        Gradients are zeroed, the loss is evaluated and differentiated, evaluated again if the adapter probes,
        and the parameters are updated. All evaluations see the same random numbers, and only the first
        advances batch-norm statistics. An exception in a closure leaves parameters and state as they were.
        Afterwards parameters hold the gradients of the last evaluation that was differentiated: with
        NaiveTLR, which differentiates twice, those of its probe.

        Args:
            closure: returns the loss, a scalar Tensor; deterministic, given random numbers and statistics.
            valid: likewise the loss of validation data, for rates that descend on it (MARTHE); not called for
                others. It never advances batch-norm statistics. Default None.

        Returns:
            The loss before the update.

        Raises:
            ArgumentError: the loss depends on no parameter that requires a gradient.
            DTypeError: closure returns no Tensor, or the rate needs `valid` and is not given it.
            Diverged: the loss or a gradient was not finite in `max_skipped` steps in a row, or what `guard`
                says.
            ShapeError: the loss is no scalar.
        """
        if valid is None and self._core.get("validates"):
            raise DTypeError(
                f"minimize: valid: not given; {type(self.rate).__name__} needs a function that "
                "returns the loss of validation data"
            )
        before = random.get_state()
        # steps of a search are undone, and should leave no trace in running statistics
        searching = self._searches and self._core.get("searching")
        with frozen_statistics() if searching else contextlib.nullcontext():
            loss, value = self._evaluate(closure, differentiate=True)
        after = random.get_state()

        def again(function: Callable[[], Tensor], differentiate: bool) -> float:
            random.set_state(before)
            with frozen_statistics():
                return self._evaluate(function, differentiate)[1]

        evaluate = {
            Request.LOSS: lambda _: again(closure, differentiate=False),
            Request.GRADIENT: lambda _: again(closure, differentiate=True),
            Request.VALIDATION: lambda _: again(closure if valid is None else valid, differentiate=True),
            Request.CURVATURE: lambda _: loss,
        }
        try:
            drive(self._core.begin(value, True), evaluate, self._answer, (Request.DONE,), self._core.abort)
        finally:
            random.set_state(after)
        return value

    def _answer(self, found: float | Tensor) -> tuple[int, bool, float, float, float]:
        return self._core.answer_curvature(found) if isinstance(found, Tensor) else self._core.answer(found)

    def _evaluate(self, closure: Callable[[], Tensor], differentiate: bool) -> tuple[Tensor, float]:
        if not differentiate:
            with no_grad():
                loss = _checked_loss(closure())
                return loss, loss.item()
        self.zero_grad()
        with enable_grad():
            loss = _checked_loss(closure())
            value = loss.item()
            if not loss.requires_grad:
                raise ArgumentError(
                    "closure: returned a loss that depends on no parameter requiring a gradient"
                )
            loss.backward()
        return loss, value

    def step(self, loss: Tensor | float | None = None) -> None:
        """Takes one step on the gradients that the parameters hold.

        Args:
            loss: the scalar that they belong to; may be left out where the rate is a number or a schedule and
                no guard is on. Default None.

        Raises:
            DTypeError: the loss is needed and not given, or the adapter probes and needs `minimize`.
            Diverged: the loss or a gradient was not finite in `max_skipped` steps in a row, or what `guard`
                says.
            ShapeError: the loss is no scalar.
        """
        if loss is None:
            if isinstance(self.rate, Adapter):
                raise DTypeError(f"step: loss: not given; {type(self.rate).__name__} needs it: step(loss)")
            if self._core.get("guard") != Guard.OFF:
                raise DTypeError("step: loss: not given; the guard needs it: step(loss)")
            value = 0.0
        elif isinstance(loss, Tensor):
            value = _checked_loss(loss, "loss").item()
        else:
            value = float(loss)
        self._core.begin(value, False)

    # ---- two points ------------------------------------------------------------------------------------
    def eval(self) -> None:
        """Moves the parameters to where the method evaluates: Schedule-Free's average x.

        Other methods have one point, and nothing happens. While there, a step raises ArgumentError.
        """
        self._core.set("evaluating", 1.0)

    def train(self) -> None:
        """Moves the parameters back to where training goes on: to the bit, if nothing has changed them."""
        self._core.set("evaluating", 0.0)

    @contextlib.contextmanager
    def _training(self) -> Iterator[None]:
        """Training inside: at its own point, and with other threads kept off the parameters."""
        self._core.hold(True)
        try:
            with self._point(evaluating=False):
                yield
        finally:
            self._core.hold(False)

    @contextlib.contextmanager
    def _point(self, evaluating: bool) -> Iterator[None]:
        """In that mode inside, in the mode before afterwards."""
        before = self._core.get("evaluating")
        self._core.set("evaluating", float(evaluating))
        try:
            yield
        finally:
            self._core.set("evaluating", before)

    # ---- facts -----------------------------------------------------------------------------------------
    @property
    def lr(self) -> float | dict[str, float]:
        """Rate of the last step (the first one before any): a float, or {name: float} where rates differ."""
        rates = self._core.rates()
        scope = self._core.get("scope")
        if scope == Scope.ALL and len(set(rates)) == 1:
            return float(rates[0])
        if scope == Scope.GROUP and len(self.param_groups) == 1:
            return float(rates[0])
        return dict(zip(self._names, map(float, rates), strict=True))

    @property
    def skipped_steps(self) -> int:
        """How many steps were skipped because the loss or a gradient was not finite."""
        return int(self._core.get("skipped_steps"))

    @property
    def max_skipped(self) -> int:
        """After how many skipped steps in a row Diverged is raised; 20 at first."""
        return int(self._core.get("max_skipped"))

    @max_skipped.setter
    def max_skipped(self, count: int) -> None:
        self._core.set("max_skipped", float(count))

    def guard(
        self,
        rollback: bool = True,
        explode: float = 10.0,
        *,
        buffers: Iterable[Tensor] = (),
        on: bool = True,
        every: int = 1,
    ) -> None:
        """Undoes steps that make the loss explode, or values that are not finite.

        A loss explodes above `explode` times the median of the last 25; for losses near or below 0 see
        docs/decisions.md. Then parameters, state and counters go back to before the step that led there, and
        all rates are halved; every good step takes 1 % off the factor's logarithm again. A loss that is not
        finite is skipped first (`skipped_steps`), and blamed on the step before if the next is not, either. A
        step then raises Diverged after `max_skipped` rollbacks in a row, with the parameters of the last good
        step. The guard costs a copy of the parameters and of all optimizer vectors, written once a step, and
        `step` then needs a loss.

        Args:
            rollback: False only detects: Diverged is raised at once, by a call that changes nothing. Default
                True.
            explode: above 1. Default 10.0.
            buffers: what the model updates beside its parameters (`model.buffers()`: batch-norm statistics),
                put back with them; `fit` knows. Default: none.
            on: False ends the guard. A new optimizer has none, but with lr="auto". Default True.
            every: so many steps share a copy to go back to, at least 1. More cost less and undo more: up to
                `every` steps go with the bad one. One that only detects keeps a copy of each step. Default 1.

        Raises:
            ArgumentError: `explode` is out of bounds, or `every` no whole number of at least 1.
            ArgumentTypeError: `explode` is no number.
            DTypeError: a switch is no bool, or a buffer no Tensor.
        """
        mode, limit = guarding.checked(rollback, explode, on, every)
        held = list(buffers)
        for i, buffer in enumerate(held):
            if not isinstance(buffer, Tensor):
                raise DTypeError(f"guard: buffers[{i}]: got {type_of(buffer)}; allowed: tensors")
        self._core.guard(mode, limit, held)
        if mode != Guard.OFF:
            self._core.set("guard_every", float(every))
        self._guarded = held

    @property
    def rollbacks(self) -> int:
        """How many steps the guard has undone."""
        return int(self._core.get("rollbacks"))

    def _know_buffers(self, model: Any) -> None:
        """What a guard puts back beside the parameters, unless it was told."""
        mode, told = int(self._core.get("guard")), self._core.get("guard_buffers")
        buffers = list(model.buffers()) if hasattr(model, "buffers") else []
        if mode != Guard.OFF and buffers and not told:
            self._core.guard(mode, self._core.get("explode"), buffers)
            self._guarded = buffers

    def record(self, on: bool = True, capacity: int = 10_000) -> None:
        """Keeps the last decisions of the rate, with their inputs, for `history`, `explain` and `replay`.

        Args:
            on: False forgets them. Default True.
            capacity: how many are kept, at least 1. Default 10000.
        """
        self._core.record(capacity if on else 0)
        self._recorded = capacity if on else 0

    @property
    def history(self) -> dict[str, np.ndarray]:
        """Decisions since `record(True)` and their inputs, oldest first: field -> float64 [rows].

            step                        counted from 0
            machine                     which rate, of several
            loss, gradient_norm2        L and |g|^2
            slope, smoothed_slope       <g, d> and <g^, d>
            steps_per_epoch             what epochs are counted in
            previous_dot                <g, d'>, d' the direction of the step before
            previous_gradient_norm2, previous_direction_norm2, previous_rate
            change_dot, change_norm2    <g - g', d'> and |g - g'|^2
            window_dot, window_norm2    of the gradients of two windows
            epoch_displacement2, epoch_change
            hypergradient               Delta of MARTHE
            travelled2, start_dot       |theta - theta_0|^2 and <g, theta_0 - theta>
            start2                      |theta_0|^2
            entries                     numbers in all parameters that have a gradient
            probes, probe_length, probe_loss, curvature
            rate, bound                 -1 at min_lr, 1 at max_lr
            fallback                    1: the formula gave no rate
            limit, scale                of the loss and of the rate: the guard's
            outcome                     0 taken, 1 stayed, 2 skipped, 3 undone

        The loss of an undone step is the one that it led to. What a method does not ask for is nan.
        """
        return decisions.read(self._core)

    def explain(self, step: int | None = None) -> str:
        """Says in words why the rate of a step is what it is, a line per rate.

        Args:
            step: counted from 0. `record(True)` must have been called before it. None: with lr="auto" what
                was found and planned for the whole run, else the last step on record. Default None.

        Returns:
            The text.

        Raises:
            ArgumentError: the record does not hold that step.
        """
        if step is None:
            if self._searches:
                return searched.account(self._core)
            steps = self.history["step"]
            step = int(steps[-1]) if len(steps) else 0
        method = self.rate.core_name if isinstance(self.rate, Adapter) else "constant"
        return decisions.explain(self.history, step, method)

    def plot(self, ax: Any = None) -> Any:
        """A matplotlib Figure: loss and rate of the steps on record.

        Args:
            ax: two axes of matplotlib to draw into. None: a new Figure. Default None.

        Returns:
            The Figure, or `ax`.

        Raises:
            ArgumentError: `ax` is given and not two axes, or nothing is on record.
            ImportError: matplotlib is not installed.
        """
        return decisions.drawn(self.history, ax)

    def finish(self, steps: int) -> None:
        """Lets a rate of lr="auto" fall to 0 over the next steps, whatever the run was to be.

        It ends a run that was begun without an end (`steps=math.inf`), or one that should end early; a rate
        that falls already falls from where it stands.

        Args:
            steps: how many are left, at least 1.

        Raises:
            ArgumentError: `steps` is no whole number of at least 1, the search is not over, or the run is.
            ArgumentTypeError: the rate was not searched for.
        """
        searched.finish(self._core, self.rate, steps)

    def frozen(self, params: Params | None = None) -> Optimizer:
        """The explicit optimizer that lr="auto" came to: the same direction at a schedule, nothing to find.

        A model that begins where this one began, and sees the batches after those of the search, is trained
        to the same bits by it.

        Args:
            params: as for a new optimizer. None: the parameters of this one. Default None.

        Returns:
            The optimizer, guarded as this one is when new.

        Raises:
            ArgumentError: the search is not over.
            ArgumentTypeError: the rate was not searched for.
        """
        searched.check_searched(self.rate, "frozen")
        groups = [{k: v for k, v in group.items() if k != "lr"} for group in self.param_groups]
        made: Optimizer = self._explicit()(
            groups if params is None else params,
            lr=searched.plan(self._core),
            **self._defaults,
            **self._clips,
        )
        made.guard(every=searched.GUARD_EVERY)
        return made

    def state_dict(self) -> dict[str, np.ndarray]:
        """The whole state, flat: name -> array (a copy)."""
        return {name: np.array(value) for name, value in self._core.state().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Puts back what `state_dict` returned, to an optimizer of the same kind and parameters.

        Args:
            state: name -> array.

        Raises:
            ArgumentError: the state is of another kind of optimizer or of other parameters.
        """
        self._core.load({name: from_array(np.asarray(value)) for name, value in state.items()})

    def __getstate__(self) -> dict[str, Any]:
        return taken_apart(self)

    def __setstate__(self, parts: dict[str, Any]) -> None:
        put_together(self, parts)

    def _identity(self) -> dict[str, Any]:
        """Direction, rate and options by name, as JSON has them: what a resumed run must be given again."""
        groups = [
            {key: _told(value) for key, value in group.items() if key != "params"}
            for group in self.param_groups
        ]
        facts = {"direction": self._direction, **groups[0], **self._clips}
        return facts | {f"group {i}": group for i, group in enumerate(groups[1:], 1)}

    def _anew(self, lr: float) -> Optimizer:
        """The same direction and groups at another rate, with nothing remembered."""
        groups = [{k: v for k, v in group.items() if k != "lr"} for group in self.param_groups]
        return Optimizer(groups, self._direction, lr, self._defaults, **self._clips)

    def _know_epoch(self, steps: int) -> None:
        """The epoch's length, for adapters that count in epochs, unless they were given one."""
        if getattr(self.rate, "steps_per_epoch", 0) is None:
            self._core.set("steps_per_epoch", float(steps))

    def _explicit(self) -> Any:
        """The class that takes a rate by hand."""
        return type(self)

    def _know_run(self, steps: int) -> None:
        """A run of so many steps begins, for rates that plan one, unless they were given its length."""
        if self._searches and searched.steps_of(self.rate) is None:
            self._core.set("run_steps", float(steps))

    def _told_once(self) -> str | None:
        """What a search has found, in a line, after it is over and once; None else."""
        over = self._searches and np.isfinite(self._core.get("found"))
        if not over or self._has_told:
            return None
        self._has_told = True
        return searched.headline(self._core)

    def __repr__(self) -> str:
        options = ", ".join(f"{key}={value!r}" for key, value in self._defaults.items())
        return f"{type(self).__name__}({len(self._names)} tensors, lr={self.rate!r}, {options})"


def _told(value: Any) -> Any:
    """An option or a rate in what JSON has."""
    if isinstance(value, (Adapter, Schedule)):
        name, attributes = rate_card(value)
        title = name if isinstance(value, Adapter) else type(value).__name__
        return {"name": title, **{key: _told(entry) for key, entry in attributes.items()}}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_told(entry) for entry in value]
    return value.item() if isinstance(value, np.generic) else value


def _checked_loss(loss: Any, name: str = "closure") -> Tensor:
    if not isinstance(loss, Tensor):
        raise DTypeError(f"{name}: got {type_of(loss)}; allowed: a scalar Tensor")
    if loss.size != 1:
        raise ShapeError(f"{name}: got a Tensor of shape {loss.shape}; allowed: a scalar")
    return loss
