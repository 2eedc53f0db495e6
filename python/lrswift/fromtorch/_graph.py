"""A graph of torch as steps of ours: plain data, which copy and pickle know, and how they are run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ._rules import Call
from ._table import RULES, SIZES


@dataclass(frozen=True)
class Ref:
    """The value of a place, in the arguments of a step."""

    place: int


@dataclass(frozen=True)
class Source:
    """What stands in a place from the start. kind: parameter, buffer, constant or input; name: of it."""

    kind: str
    name: str
    place: int
    dtype: str
    order: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Step:
    """One operation. owner: path of the module that calls it; line: where, in the user's source."""

    target: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    place: int
    dtype: str
    owner: str
    line: str
    # places that nobody reads afterwards
    last: tuple[int, ...] = ()

    def where(self) -> str:
        """For messages."""
        return described(self.target, self.owner, self.line)


@dataclass(frozen=True)
class Plan:
    """Steps in order. literal: operations train as their arguments say, whatever the modules' modes."""

    sources: tuple[Source, ...]
    steps: tuple[Step, ...]
    places: int
    results: Any
    literal: bool = False
    random: bool = field(default=False)

    def run(self, begun: Sequence[Any], trains: Callable[[str], bool], floats: dict[str, np.dtype]) -> Any:
        """The results as a structure of values.

        begun: the values of `sources`. trains: whether the module of a path is in train mode.
        """
        values: list[Any] = [None] * self.places
        for source, value in zip(self.sources, begun, strict=True):
            values[source.place] = value
        for step in self.steps:
            arguments = filled(step.arguments, values)
            options = filled(step.options, values)
            try:
                if step.target in SIZES:
                    values[step.place] = SIZES[step.target](*arguments)
                else:
                    call = Call(step.dtype, self.literal or trains(step.owner), floats)
                    values[step.place] = RULES[step.target](call, *arguments, **options)
            except Exception as error:
                error.add_note(f"from_torch: {step.where()}")
                raise
            for place in step.last:
                values[place] = None
        return filled(self.results, values)


def described(target: str, owner: str, line: str) -> str:
    """An operation, and where it stands."""
    module = f"module {owner!r}" if owner else "the module itself"
    return f"{target}, in {module}" + (f", {line}" if line else "")


def filled(given: Any, values: Sequence[Any]) -> Any:
    """`given` with values in the places of its references."""
    if isinstance(given, Ref):
        return values[given.place]
    if isinstance(given, (list, tuple)):
        return type(given)(filled(entry, values) for entry in given)
    if isinstance(given, dict):
        return {key: filled(entry, values) for key, entry in given.items()}
    if isinstance(given, slice):
        return slice(*(filled(entry, values) for entry in (given.start, given.stop, given.step)))
    return given


def references(given: Any) -> set[int]:
    """The places that `given` refers to."""
    if isinstance(given, Ref):
        return {given.place}
    if isinstance(given, dict):
        given = list(given.values())
    if isinstance(given, slice):
        given = [given.start, given.stop, given.step]
    if isinstance(given, (list, tuple)):
        return set().union(*map(references, given))
    return set()
