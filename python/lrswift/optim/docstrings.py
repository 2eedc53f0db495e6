"""Docstrings of optimizers: what all share, and what cards say of arguments, is written once."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from ..rates.cards import read_cards
from .rules import rules

C = TypeVar("C", bound=type)

SHARED = {
    "params": 'tensors, (name, tensor) pairs, or group dicts {"params": ..., option: value}; '
    "each tensor requires a gradient",
    "lr": "a number of at least 0, a schedule, an adapter or its name",
    "clip_value": "limit of each entry of the gradient, applied before weight decay, as PyTorch's "
    "clip_grad_value_ (above 0)",
    "clip_norm": "limit of the gradient's norm over all parameters, applied before weight decay, as "
    "PyTorch's clip_grad_norm_ (above 0)",
}
RAISED = {
    "ArgumentError": "a value is out of its bounds, or a parameter requires no gradient or is given twice",
    "ArgumentTypeError": "an option is no number",
    "DTypeError": "`params` holds something else than tensors, or the rate is none",
}


def documented(direction: str, rate: str | None = None, /, **own: str) -> Callable[[C], C]:
    """Completes a class's docstring: all arguments in their order, and the errors of making one.

    Args:
        direction: whose card says what arguments mean.
        rate: whose card does before the direction's. None: no card. Default None.
        **own: what others mean, or those of the cards here.

    Returns:
        What completes the docstring of a class: what it is, and `Source:`.
    """

    def complete(cls: C) -> C:
        cls.__doc__ = _Completed(cls.__doc__ or "", direction, rate, own)  # type: ignore[assignment]
        return cls

    return complete


class _Completed:
    """A docstring that is composed when it is read, as imports are many and readers few."""

    def __init__(self, written: str, direction: str, rate: str | None, own: Mapping[str, str]) -> None:
        self.written, self.direction, self.rate, self.own = written, direction, rate, own

    def __get__(self, instance: object, owner: type) -> str:
        by_rate = _by_rate(self.rate) if self.rate else {}
        told = {**SHARED, **_by_rule(self.direction), **by_rate, **self.own}
        about, _, source = inspect.cleandoc(self.written).partition("\n\nSource:\n")
        return composed(about, inspect.signature(owner), told, textwrap.dedent(source))


def composed(about: str, signature: inspect.Signature, told: Mapping[str, str], source: str) -> str:
    """A docstring in Google's form; told: what each argument means."""
    arguments = {p.name: told[p.name] + _default(p) for p in signature.parameters.values()}
    sections = {"Args": _entries(arguments), "Raises": _entries(RAISED), "Source": [source.strip()]}
    parts = [f"{title}:\n{textwrap.indent(chr(10).join(held), '    ')}" for title, held in sections.items()]
    return "\n\n".join([about, *parts]) + "\n"


def _by_rule(name: str) -> dict[str, str]:
    rule = rules()[name]
    return {key: f"{meaning} ({rule.bounds[key]})" for key, meaning in rule.meanings.items()}


def _by_rate(name: str) -> dict[str, str]:
    card = read_cards("rates")[name]
    return {a.name: f"{a.meaning} ({a.allowed})" for a in (*card.arguments, *card.common)}


def _default(parameter: inspect.Parameter) -> str:
    value: Any = parameter.default
    if value is parameter.empty:
        return ""
    return f". Default {value:g}" if type(value) is float else f". Default {value!r}"


def _entries(texts: Mapping[str, str]) -> Iterator[str]:
    for name, text in texts.items():
        yield textwrap.fill(f"{name}: {text}.", 100, subsequent_indent="    ")
