"""The public names of lrswift with their parameters, as JSON: `python scripts/public_names.py --write`.

The list beside the tests is the contract: a name that goes or a parameter that changes shows in its diff.
Annotations are left out, as they may become more exact.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from pathlib import Path
from typing import Any

LIST = Path(__file__).resolve().parent.parent / "python" / "tests" / "public_names.json"
MODULES = (
    "lrswift", "lrswift.adapt", "lrswift.data", "lrswift.errors", "lrswift.functions", "lrswift.models",
    "lrswift.nn",
    "lrswift.nn.functional", "lrswift.nn.init", "lrswift.numpy", "lrswift.optax", "lrswift.optim",
    "lrswift.random", "lrswift.schedule", "lrswift.sklearn", "lrswift.torch",
)  # fmt: skip


def public_names() -> dict[str, dict[str, Any]]:
    """Module -> name -> parameters of a function, members of a class, or the kind of anything else."""
    return {name: _module(importlib.import_module(name)) for name in MODULES}


def exported() -> dict[str, Any]:
    """Every function and class of these modules by its shortest dotted name."""
    found: dict[int, tuple[str, Any]] = {}
    for module in map(importlib.import_module, MODULES):
        for name in names(module):
            value = getattr(module, name)
            if inspect.isroutine(value) or inspect.isclass(value):
                found.setdefault(id(value), (f"{module.__name__}.{name}", value))
    return dict(found.values())


def _module(module: Any) -> dict[str, Any]:
    return {name: _described(getattr(module, name)) for name in names(module)}


def names(module: Any) -> list[str]:
    names = getattr(module, "__all__", None)
    if names is None:
        names = [name for name, value in vars(module).items() if _is_own(name, value, module)]
    return sorted(names)


def _is_own(name: str, value: Any, module: Any) -> bool:
    return not name.startswith("_") and getattr(value, "__module__", None) == module.__name__


def _described(value: Any) -> Any:
    if inspect.ismodule(value):
        return "module"
    if inspect.isclass(value):
        return _class(value)
    if callable(value):
        return _parameters(value)
    return type(value).__name__


def _class(value: type) -> dict[str, Any]:
    members: dict[str, Any] = {"__init__": _parameters(value)}
    for base in reversed(value.__mro__):
        if not base.__module__.startswith("lrswift"):
            continue
        for name, member in vars(base).items():
            if not name.startswith("_"):
                held = getattr(member, "__func__", member)
                members[name] = _parameters(held) if inspect.isroutine(held) else "attribute"
    return dict(sorted(members.items()))


def _parameters(function: Any) -> str:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return "(...)"
    parameters = [
        p.replace(annotation=p.empty, default=p.default if p.default is p.empty else _Shown(p.default))
        for p in signature.parameters.values()
    ]
    return str(signature.replace(parameters=parameters, return_annotation=signature.empty))


class _Shown:
    """A default as a reader would write it: functions and classes by name, never by address."""

    def __init__(self, value: Any) -> None:
        self.text = value.__qualname__ if inspect.isroutine(value) or inspect.isclass(value) else repr(value)

    def __repr__(self) -> str:
        return self.text


def main() -> None:
    text = json.dumps(public_names(), indent=1) + "\n"
    if "--write" in sys.argv[1:]:
        LIST.write_text(text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
