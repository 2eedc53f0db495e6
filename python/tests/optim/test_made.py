"""Directions that are made of their cards have names that type checkers know."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import lrswift as lr
from lrswift.optim import made
from lrswift.optim.directions import WRITTEN, directions

STUB = Path(made.__file__).with_suffix(".pyi")


def test_every_direction_without_a_class_of_its_own_is_there() -> None:
    wanted = sorted(cls.__name__ for name, cls in directions().items() if name not in WRITTEN)
    assert made.__all__ == wanted and "EMA" in wanted
    assert set(wanted) <= set(lr.optim.__all__)


def test_the_stub_has_the_arguments_of_the_classes() -> None:
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    assert sorted(classes) == made.__all__
    for name, node in classes.items():
        (made_by,) = (n for n in node.body if isinstance(n, ast.FunctionDef))
        stated = [argument.arg for argument in made_by.args.args[1:]]
        defaults = [eval(ast.unparse(d), {"inf": float("inf")}) for d in made_by.args.defaults]
        parameters = inspect.signature(getattr(lr.optim, name)).parameters
        assert stated == list(parameters)
        assert defaults == [p.default for p in parameters.values() if p.default is not p.empty]
