"""Every direction of the native catalogue as a class, written here or made of its card."""

from __future__ import annotations

import functools
import inspect
import math
import textwrap
from collections.abc import Mapping
from typing import Any

from .adam import Adam, AdamW
from .optimizer import Optimizer
from .rules import Rule, rules
from .scaled import Adadelta, Adagrad, RMSprop
from .sgd import SGD

_WRITTEN: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
}


@functools.cache
def directions() -> Mapping[str, type[Optimizer]]:
    """Name of a direction -> its class, in the catalogue's order."""
    return {name: _WRITTEN.get(name) or _made(rule) for name, rule in rules().items()}


@functools.cache
def by_title() -> Mapping[str, type[Optimizer]]:
    """Name of a class -> the class."""
    return {cls.__name__: cls for cls in directions().values()}


def _made(rule: Rule) -> type[Optimizer]:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    given: dict[str, Any] = {"lr": rule.rate, **rule.options, "clip_value": math.inf, "clip_norm": math.inf}
    parameters = [inspect.Parameter(name, kind) for name in ("self", "params")]
    parameters += [inspect.Parameter(name, kind, default=value) for name, value in given.items()]
    signature = inspect.Signature(parameters)

    def __init__(self: Optimizer, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        held = bound.arguments
        options = {name: held[name] for name in rule.options}
        Optimizer.__init__(
            self, held["params"], rule.name, held["lr"], options, held["clip_value"], held["clip_norm"]
        )

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    body = {"__init__": __init__, "__doc__": _docstring(rule), "__module__": "lrswift.optim"}
    return type(rule.title, (Optimizer,), body)


def _docstring(rule: Rule) -> str:
    entries = {"params": "tensors, (name, tensor) pairs, or group dicts, as for every optimizer"}
    entries["lr"] = f"number (>= 0), schedule, adapter or its name (default {rule.rate:g})"
    entries |= {name: f"{meaning} (default {rule.options[name]})" for name, meaning in rule.meanings.items()}
    entries["clip_value"] = "limit of each entry of the gradient (default inf)"
    entries["clip_norm"] = "limit of the gradient's norm over all parameters (default inf)"
    lines = [f"{name}: {text}." for name, text in entries.items()]
    filled = [textwrap.fill(line, 100, initial_indent=" " * 8, subsequent_indent=" " * 12) for line in lines]
    return "\n".join(
        [
            f"{rule.title}, an update rule of the native core; extra per step: {rule.cost}.", "",
            "    Args:", *filled, "",
            "    Raises:",
            "        ArgumentError: a value is out of its bounds, or a parameter requires no gradient.",
            "        ArgumentTypeError: an argument is of another type.", "",
            "    Source:", f"        {rule.paper}.", "    ",
        ]
    )  # fmt: skip
