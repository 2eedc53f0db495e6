"""Frozen records of options, and functions that take them whole or field by field."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from .checks import shown
from .errors import ArgumentTypeError

Function = TypeVar("Function", bound=Callable[..., Any])


class Record:
    """A frozen dataclass of options, each with a default; its repr says what differs from those."""

    def __repr__(self) -> str:
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        given = ((f.name, getattr(self, f.name)) for f in fields if getattr(self, f.name) != f.default)
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in given)})"


def takes(order: str, **records: type[Record]) -> Callable[[Function], Function]:
    """Lets a function of records be called with their fields, too.

    A field that is given by name replaces that of a record given beside it. Signature and docstring are
    composed: of the function's own arguments, the fields with what their records say of them, and, by
    keyword alone, the records.

    Args:
        order: the names of own arguments and fields as callers see them; "*" before those that are
            taken by keyword alone, "**name" at the end where the function takes further ones.
        **records: by argument of the function, its class.
    """
    owners = {f.name: name for name, kind in records.items() for f in dataclasses.fields(kind)}  # type: ignore[arg-type]

    names = order.split()
    others = names.pop()[2:] if names[-1].startswith("**") else ""

    def decorated(function: Function) -> Function:
        signature = _signature(function, names, others, records)

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            try:
                given = signature.bind(*args, **kwargs).arguments
            except TypeError as error:
                raise TypeError(f"{function.__name__}() {error}") from None
            further = given.pop(others, {}) if others else {}
            for name, kind in records.items():
                fields = {f: given.pop(f) for f in list(given) if owners.get(f) == name}
                given[name] = _record(name, kind, given.get(name), fields)
            return function(**given, **further)

        wrapper.__signature__ = signature  # type: ignore[attr-defined]
        wrapper.__doc__ = _documented(function.__doc__, signature, records)
        return wrapper  # type: ignore[return-value]

    return decorated


def _record(name: str, kind: type[Record], record: Any, fields: dict[str, Any]) -> Any:
    if record is None:
        return kind(**fields)
    if not isinstance(record, kind):
        raise ArgumentTypeError(f"{name}: got {shown(record)}; allowed: None, or a {kind.__name__}")
    return dataclasses.replace(record, **fields) if fields else record  # type: ignore[type-var]


def _signature(
    function: Callable[..., Any], order: list[str], others: str, records: dict[str, type[Record]]
) -> inspect.Signature:
    given = inspect.signature(function)
    known = dict(given.parameters)
    for kind in records.values():
        for f in dataclasses.fields(kind):  # type: ignore[arg-type]
            known[f.name] = _parameter(f.name, f.default, f.type)
    star = order.index("*") if "*" in order else len(order)
    parameters = [known[name].replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in order[:star]]
    parameters += [known[name].replace(kind=inspect.Parameter.KEYWORD_ONLY) for name in order[star + 1 :]]
    parameters += [_parameter(name, None, f"{kind.__name__} | None") for name, kind in records.items()]
    if others:
        parameters.append(known[others])
    return given.replace(parameters=parameters)


def _parameter(name: str, default: Any, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _documented(
    doc: str | None, signature: inspect.Signature, records: dict[str, type[Record]]
) -> str | None:
    """The docstring with an entry for each parameter of the signature, in its order."""
    if doc is None:
        return None
    text = inspect.cleandoc(doc)
    section = _arguments(text)
    if section is None:
        return text
    known = dict(_entries(section))
    for kind in records.values():
        known |= dict(_entries(_arguments(inspect.getdoc(kind) or "") or ""))
    return text.replace(section, "".join(known.get(name, "") for name in signature.parameters))


def _arguments(text: str) -> str | None:
    """The entries of `Args:`, indented as they are."""
    found = re.search(r"^Args:\n((?:[ ]+.*\n?|\n(?=[ ]))*)", text, re.MULTILINE)
    return found[1] if found else None


def _entries(section: str) -> Iterator[tuple[str, str]]:
    """(name, its lines): a name stands at the least indent."""
    for part in re.split(r"^(?=[ ]{4}\S)", section, flags=re.MULTILINE):
        name = re.match(r"[ ]{4}\*{0,2}(\w+)", part)
        if name:
            yield name[1], part if part.endswith("\n") else f"{part}\n"
