"""What a user reads without the packages that are optional: `help`, `pydoc`, `inspect`, tab completion."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

OPTIONAL = ("jax", "matplotlib", "optax", "optuna", "pandas", "scipy", "sklearn", "torch")
# as if not installed: neither found nor imported
BLOCKED = f"""
import importlib.machinery, sys

class Finder(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in {OPTIONAL} and path is None:
            return None
        return super().find_spec(name, path, target)

sys.meta_path[:] = [Finder if f is importlib.machinery.PathFinder else f for f in sys.meta_path]
"""


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", BLOCKED + code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_help_and_pydoc_write_the_page() -> None:
    page = run("import pydoc, lrswift as lr; print(pydoc.plain(pydoc.render_doc(lr)))")
    assert "package lrswift" in page
    for name in ("find_lr", "learn_schedule", "hypergradient", "class Tensor"):
        assert name in page
    assert "problem in lrswift" not in run("import pydoc; pydoc.help('lrswift')")


def test_members_are_those_that_can_be_had() -> None:
    """Every name of `dir` is there. What needs a missing package is not listed, and says why."""
    code = """
import inspect, lrswift as lr
listed = dir(lr)
members = dict(inspect.getmembers(lr))
assert set(listed) <= set(members), set(listed) - set(members)
assert {"fit", "find_lr", "data"} <= set(members)
assert not {"torch", "optax", "sklearn"} & set(members)
for name, needs in (("torch", "torch"), ("optax", "jax"), ("sklearn", "scikit-learn")):
    try:
        getattr(lr, name)
    except ImportError as error:
        assert needs in str(error), error
    else:
        raise SystemExit(name)
exec("from lrswift import *")
"""
    run(code)


@pytest.mark.parametrize("module", ["adapt", "data", "models", "nn", "optim", "random", "schedule"])
def test_help_of_public_modules(module: str) -> None:
    assert f"lrswift.{module}" in run(f"import pydoc, lrswift; print(pydoc.render_doc(lrswift.{module}))")


def test_what_is_installed_is_listed() -> None:
    code = "import lrswift; print(*[n for n in ('torch', 'sklearn') if n in dir(lrswift)])"
    installed = [name for name in ("torch", "sklearn") if find_spec(name)]
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert listed.split() == installed
