"""Errors that a function raises, itself or in what it calls by name in the package, read off the code."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent.parent / "python" / "lrswift"


def errors_of(value: Any) -> set[str]:
    """Names of exception classes; those of a class are of making one."""
    value = inspect.unwrap(value) if not inspect.isclass(value) else value
    return set(_errors(f"{value.__module__}.{value.__qualname__}", ()))


@functools.cache
def _modules() -> dict[str, ast.Module]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = ["lrswift", *path.relative_to(PACKAGE).with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text())
    return found


@functools.cache
def _names(module: str) -> dict[str, str]:
    """What a module's names stand for in the package: name -> dotted path."""
    tree = _modules()[module]
    package = module if _is_package(module) else module.rpartition(".")[0]
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package
            source = f"{base}.{node.module}" if node.module else base
            for alias in node.names:
                found[alias.asname or alias.name] = f"{source}.{alias.name}"
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found[node.name] = f"{module}.{node.name}"
    return found


def _is_package(module: str) -> bool:
    return (PACKAGE.parent.joinpath(*module.split(".")) / "__init__.py").exists()


def _found(path: str) -> tuple[str, ast.FunctionDef | ast.ClassDef] | None:
    """(module, definition) of a dotted path, through re-exports."""
    module = path
    while module not in _modules():
        module = module.rpartition(".")[0]
        if not module:
            return None
    names = path[len(module) + 1 :].split(".")
    body: list[ast.stmt] = _modules()[module].body
    node: Any = None
    for i, name in enumerate(names):
        node = next(
            (n for n in body if isinstance(n, (ast.FunctionDef, ast.ClassDef)) and n.name == name), None
        )
        if node is None:
            other = _names(module).get(name) if i == 0 else None
            return _found(".".join([other, *names[1:]])) if other and other != path else None
        body = node.body
    return (module, node) if node is not None else None


_KNOWN: dict[str, set[str]] = {}


def _errors(path: str, callers: tuple[str, ...]) -> set[str]:
    if path in callers:
        return set()
    if path not in _KNOWN:
        _KNOWN[path] = _read(path, (*callers, path))
    return _KNOWN[path]


def _read(path: str, callers: tuple[str, ...]) -> set[str]:
    found = _found(path)
    if found is None:
        return set()
    module, node = found
    if isinstance(node, ast.FunctionDef):
        made = (_errors(record, callers) for record in _records(module, node))
        return _Body(module, path.rpartition(".")[0], node, callers).errors.union(*made)
    makers = [f"{path}.{name}" for name in ("__init__", "__post_init__") if _has(node, name)]
    bases = [] if _has(node, "__init__") else _bases(module, node)
    return set().union(*(_errors(part, callers) for part in (*makers, *bases)))


def _records(module: str, node: ast.FunctionDef) -> Iterator[str]:
    """The records of options that `takes` makes of a function's arguments."""
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", None) == "takes":
            for keyword in decorator.keywords:
                if isinstance(keyword.value, ast.Name):
                    yield _names(module)[keyword.value.id]


def _has(node: ast.ClassDef, name: str) -> bool:
    return any(isinstance(n, ast.FunctionDef) and n.name == name for n in node.body)


def _bases(module: str, node: ast.ClassDef) -> Iterator[str]:
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id in _names(module):
            yield _names(module)[base.id]


class _Body(ast.NodeVisitor):
    """What one function raises and calls; what its own `except` catches is taken away."""

    def __init__(self, module: str, owner: str, node: ast.FunctionDef, callers: tuple[str, ...]) -> None:
        self.module, self.owner, self.callers = module, owner, callers
        self.errors: set[str] = set()
        self.made = {
            target.id: statement.value
            for statement in ast.walk(node)
            if isinstance(statement, ast.Assign)
            for target in statement.targets
            if isinstance(target, ast.Name)
        }
        for statement in node.body:
            self.visit(statement)

    def visit_Raise(self, node: ast.Raise) -> None:
        raised: Any = node.exc
        if isinstance(raised, ast.Name):
            raised = self.made.get(raised.id, raised)
        if isinstance(raised, ast.Call):
            raised = raised.func
        name = getattr(raised, "attr", None) or getattr(raised, "id", None)
        # lower case: a caught error that is passed on
        if name and name[0].isupper():
            self.errors.add(name)
        self.generic_visit(node)

    def visit_Try(self, node: ast.Try) -> None:
        before, self.errors = self.errors, set()
        for statement in node.body:
            self.visit(statement)
        caught = {name for handler in node.handlers for name in _caught(handler)}
        self.errors = before | (self.errors - caught)
        for part in (*node.handlers, *node.orelse, *node.finalbody):
            self.visit(part)

    def visit_Call(self, node: ast.Call) -> None:
        path = self._path(node.func)
        if path is not None:
            self.errors |= _errors(path, self.callers)
        self.generic_visit(node)

    def _path(self, called: ast.expr) -> str | None:
        if isinstance(called, ast.Name):
            return _names(self.module).get(called.id)
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            if called.value.id in ("self", "cls"):
                return f"{self.owner}.{called.attr}"
            base = _names(self.module).get(called.value.id)
            return f"{base}.{called.attr}" if base in _modules() else None
        return None


def _caught(handler: ast.ExceptHandler) -> Iterator[str]:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    for kind in kinds:
        name = getattr(kind, "id", None) or getattr(kind, "attr", None)
        if name:
            yield from _groups().get(name, [name])


@functools.cache
def _groups() -> dict[str, list[str]]:
    """Exceptions that modules give one name together: name -> their names."""
    return {
        target.id: [kind.id for kind in node.value.elts if isinstance(kind, ast.Name)]
        for tree in _modules().values()
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id.endswith("ERRORS")
    }
