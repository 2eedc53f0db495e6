"""Workloads and methods by name: those of the lists, and a user's own as module:name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ...errors import ArgumentError, ArgumentTypeError
from ..own import imported
from .method import Method, optimizer
from .methods import METHODS
from .workload import Half, Workload
from .workloads import WORKLOADS


def workload(given: str | Workload) -> Workload:
    """A workload of the list, or one's own: itself, or as "module:name"; "name@10" has 10 times the budget.

    Raises:
        ArgumentError: the name is unknown, or the number no whole one of at least 2.
        ArgumentTypeError: it is no workload.
    """
    if isinstance(given, Workload):
        return given
    if isinstance(given, str) and given in WORKLOADS:
        return WORKLOADS[given]
    if isinstance(given, str) and "@" in given:
        name, _, times = given.rpartition("@")
        return workload(name).longer(int(times) if times.isdecimal() else 0)
    if isinstance(given, str) and ":" in given:
        made = imported(given, "workloads")
        if isinstance(made, Workload):
            return made
        raise ArgumentTypeError(f"workloads: {given} is {type(made).__name__}; allowed: a Workload")
    raise ArgumentError(f"workloads: got {given!r}; allowed: {', '.join(WORKLOADS)}, name@10, or module:name")


def workloads(given: Sequence[str | Workload] | None, half: Half | None) -> list[Workload]:
    """Those given (None: all of the list), of one half if it is given.

    Raises:
        ArgumentError: a name is unknown or given twice, the half is, or nothing is left.
        ArgumentTypeError: something is no workload.
    """
    if half not in (None, "choosing", "reporting"):
        raise ArgumentError(f"half: got {half!r}; allowed: choosing, reporting, or None for both")
    found = [workload(each) for each in (WORKLOADS if given is None else given)]
    found = [each for each in found if half is None or each.half == half]
    return _distinct(found, "workloads")


def method(given: str | Method | Callable[..., Any]) -> Method:
    """A method of the list, or one's own: itself, or as "module:name".

    One's own is a Method, a function (params, steps) that makes an optimizer, or a function of a `Run` that
    trains.

    Raises:
        ArgumentError: the name is unknown.
        ArgumentTypeError: it is no method.
    """
    if isinstance(given, Method):
        return given
    if isinstance(given, str) and given in METHODS:
        return METHODS[given]
    if isinstance(given, str) and ":" in given:
        return _own(imported(given, "mine"), given)
    if not isinstance(given, str):
        return _own(given, f"{getattr(given, '__module__', '')}:{getattr(given, '__name__', 'method')}")
    raise ArgumentError(f"methods: got {given!r}; allowed: {', '.join(METHODS)}, or module:name")


def methods(given: Sequence[str | Method | Callable[..., Any]]) -> list[Method]:
    """Those given.

    Raises:
        ArgumentError: a name is unknown or given twice, or there is none.
        ArgumentTypeError: something is no method.
    """
    return _distinct([method(each) for each in given], "methods")


def _distinct(found: list[Any], what: str) -> list[Any]:
    names = [each.name for each in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not names:
        raise ArgumentError(
            f"{what}: got {', '.join(twice) + ' twice' if twice else 'none'}; allowed: one or more, each once"
        )
    return found


def _own(made: Any, given: str) -> Method:
    if isinstance(made, Method):
        return made
    name = given.partition(":")[2]
    if callable(made):
        asked = [
            p for p in inspect.signature(made).parameters.values()
            if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]  # fmt: skip
        if len(asked) == 1:
            return Method(name, made, given)
        if len(asked) == 2:
            return optimizer(name, made, given)
    raise ArgumentTypeError(
        f"mine: {given} is {type(made).__name__}; allowed: a Method, a function (params, steps) that makes "
        "an optimizer, or a function (run) that trains"
    )
