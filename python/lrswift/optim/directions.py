"""Every direction of the native catalogue as a class, written here or made of its card."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Mapping
from typing import Any

from .adam import Adam, AdamW
from .docstrings import documented
from .optimizer import Optimizer
from .rules import Rule, rules
from .scaled import Adadelta, Adagrad, RMSprop
from .sgd import SGD

WRITTEN: dict[str, type[Optimizer]] = {
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
    return {name: WRITTEN.get(name) or _made(rule) for name, rule in rules().items()}


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
    about = f"{rule.title}, an update rule of the native core; extra per step: {rule.cost}."
    doc = f"{about}\n\nSource:\n    {rule.paper}."
    made = type(
        rule.title, (Optimizer,), {"__init__": __init__, "__doc__": doc, "__module__": "lrswift.optim"}
    )
    return documented(rule.name)(made)
