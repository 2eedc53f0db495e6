"""The base's groups with live rates: what each starts from, what schedulers and users write into them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any

import torch

from .._core import Machine as CoreMachine
from ..checks import shown
from ..errors import ArgumentError
from ..optim.attributes import rate_card
from ..rates.cards import read_cards
from ..rates.codes import Scope
from ..schedule import Schedule, WarmUp
from ._rate import Rate, as_rate, multiplier_of, scheduler_of


class Groups:
    """Rates of the groups of `base`, which an adapter sets.

    references: by group, the rate that its adapter starts from, 1 where the method names none. plain: the
    mean rate of the last step, without what schedulers multiply it by; what is known of the first before
    any. shown: what stands in group["lr"].

    Groups that bring rates of their own (other than the base's default, or not all the same) keep them: under
    rates by group or tensor as what each starts from, under one rate for all as ratios to the largest.
    """

    def __init__(self, base: torch.optim.Optimizer, rate: Any, scope: Scope) -> None:
        self.base, self.scope = base, scope
        self._card = rate_card(rate)
        machine = CoreMachine(*self._card)
        self._reference = _reference(rate, self._card, machine)
        self._factor = machine.factor(0)
        self._first = machine.get("initial_rate") or 1.0
        self.references: list[float] = []
        self.plain: list[float] = []
        self.shown: list[Rate] = []
        self._reader: int | None = None
        # what the machines of a group start from, where that is not the adapter's own
        self._starts: list[float | None] = []
        given = [as_rate(group["lr"], f"base: param_groups[{i}]: lr") for i, group in enumerate(self.held)]
        self._brought = any(rate != base.defaults.get("lr", rate) for rate in given) or len(set(given)) > 1
        self._check(given)
        self._given = given
        self._join(given if self._brought else [None] * len(given))

    @property
    def held(self) -> list[dict[str, Any]]:
        return self.base.param_groups

    def live(self, frame: FrameType | None = None) -> list[dict[str, Any]]:
        """The groups, once what was written into them is known as a factor. frame: of whoever looks at them.

        What a scheduler writes, it looks at next, having looked before: a number that was not there then is
        its own, and absolute.
        """
        scheduler = scheduler_of(frame)
        reader = None if scheduler is None else id(scheduler)
        for i, group in enumerate(self.held):
            written, shown = group["lr"], self.shown[i]
            if written is not shown:
                rate = as_rate(written, f"param_groups[{i}]: lr")
                absolute = reader is not None and reader == self._reader
                self._put(i, multiplier_of(rate, self.plain[i], self.references[i], absolute))
        self._reader = reader
        return self.held

    @property
    def multipliers(self) -> list[float]:
        """What each group's rate is multiplied by."""
        self.live()
        return [shown.multiplier for shown in self.shown]

    def check_new(self, param_group: Mapping[str, Any]) -> None:
        """Refuses a group whose rate cannot be kept; nothing is changed."""
        if "lr" in param_group:
            self._check([as_rate(param_group["lr"], "param_group: lr")], "param_group: lr")

    def add(self, rate: Any, begun: bool) -> None:
        """The base's last group has just joined, with this rate or None. begun: a step has been taken."""
        own = None if rate is None else as_rate(rate, "param_group: lr")
        if self.scope != Scope.ALL or begun:
            self._join([own])
            return
        # as if it had been there when the adapter was made
        self._given.append(as_rate(self.base.defaults.get("lr", 1.0) if own is None else own, "lr"))
        self._join([None])
        if len(set(self._given)) > 1:
            for i, ratio in enumerate(_ratios(self._given)):
                self._put(i, ratio)

    def machine(self, group: int) -> CoreMachine:
        """A machine for the parameters of a group, at the rate that the group starts from."""
        name, arguments = self._card
        start, argument = self._starts[group], read_cards("rates")[name].first_rate
        own = {} if start is None or argument is None else {argument: start}
        return CoreMachine(name, {**arguments, **own})

    def show(self, index: int, plain: float) -> None:
        """A step has been taken at the mean rate `plain`."""
        self.plain[index] = plain
        self._put(index, self.shown[index].multiplier)

    def restore(
        self, plain: Sequence[float], multipliers: Sequence[float], references: Sequence[float]
    ) -> None:
        """Puts back what was saved."""
        self.plain, self.references = list(plain), list(references)
        for i, factor in enumerate(multipliers):
            self._put(i, factor)

    def _put(self, index: int, factor: float) -> None:
        rate = Rate(self.plain[index] * factor, factor, self.references[index])
        self.shown[index] = self.held[index]["lr"] = rate

    def _join(self, rates: Sequence[float | None]) -> None:
        """rates: of groups that have just joined the base, None where the adapter's own is meant."""
        start = len(self.shown)
        ratios: Sequence[float] = [1.0] * len(rates)
        if self.scope == Scope.ALL and not start and None not in rates:
            ratios = _ratios([rate for rate in rates if rate is not None])
        for i, (rate, ratio) in enumerate(zip(rates, ratios, strict=True), start):
            reference, plain, begins = self._reference, self._first * self._factor, None
            if self.scope == Scope.ALL and start:
                plain = self.plain[0]
                if rate is not None:
                    ratio = multiplier_of(rate, plain, reference)
            elif self.scope != Scope.ALL and rate is not None:
                reference, begins = rate.nominal if isinstance(rate, Rate) else float(rate), float(rate)
                plain = begins * self._factor
            self.references.append(reference)
            self.plain.append(plain)
            self._starts.append(begins)
            self.shown.append(Rate(0.0))
            self._put(i, ratio)

    def _check(self, rates: Sequence[float], where: str | None = None) -> None:
        """Rates below zero have no ratio, and a machine does not start at zero."""
        if where is None and not self._brought:
            return
        least = 0.0 if self.scope == Scope.ALL else None
        for i, rate in enumerate(rates):
            if not (0 < rate < float("inf") or rate == least):
                what = "at least 0" if least is not None else "above 0, which its rate starts from"
                raise ArgumentError(
                    f"{where or f'base: param_groups[{i}]: lr'}: got {shown(float(rate))}; allowed: a finite "
                    f"number {what}"
                )


def _ratios(rates: Sequence[float]) -> list[float]:
    largest = max(rates)
    return [rate / largest if largest > 0 else 1.0 for rate in rates]


def _reference(rate: Any, card: tuple[str, Mapping[str, Any]], machine: CoreMachine) -> float:
    """The rate that a method starts from, a schedule's without its warm-up; 1 where it names none."""
    name, arguments = card
    if isinstance(rate, Schedule):
        lasting = [factor for factor in rate.factors if not isinstance(factor, WarmUp)]
        return math.prod(CoreMachine(*rate_card(factor)).factor(0) for factor in lasting) or 1.0
    if name == "constant":
        return machine.get("initial_rate") or 1.0
    argument = read_cards("rates")[name].first_rate
    return 1.0 if argument is None else float(arguments.get(argument, 1.0))
