"""Upper bounds of dependencies are those of what is tested: the release line after the installed one."""

from __future__ import annotations

import importlib.metadata as metadata
import re
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3] / "pyproject.toml"
pytestmark = pytest.mark.skipif(not PROJECT.is_file(), reason="needs the repository")
# versions that are no promise of anything, and extras that are made of others
TOOLS = {"all", "bench", "dev", "docs", "test"}


def requirements() -> list[str]:
    project = tomllib.loads(PROJECT.read_text())["project"]
    extras = project["optional-dependencies"]
    found = {*project["dependencies"]}.union(*(extras[name] for name in extras.keys() - TOOLS))
    return sorted(found)


@pytest.mark.parametrize("line", requirements())
def test_bound_is_the_line_after_the_tested_one(line: str) -> None:
    name = re.split(r"[^\w.-]", line)[0]
    try:
        installed = metadata.version(name)
    except metadata.PackageNotFoundError:
        pytest.skip(f"{name} is not installed")
    exact, bound = re.search(r"==([\d.]+)", line), re.search(r"<(\d+(?:\.\d+)*)", line)
    if exact:
        assert installed.partition("+")[0] == exact[1]
        return
    assert bound, f"{line}: no upper bound"
    parts = [int(n) for n in bound[1].split(".")]
    have = [int(n) for n in re.findall(r"\d+", installed)[: len(parts)]]
    assert [*have[:-1], have[-1] + 1] == parts, f"{line}: {installed} is what is tested"


def test_torch_is_pinned_for_developers_alone() -> None:
    """A user's own version stays; with the exact one, numbers of the tests and benchmarks are repeated."""
    extras = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    pinned = {name for name, lines in extras.items() if any(re.match(r"torch==", line) for line in lines)}
    assert pinned == {"bench", "test"}


def test_extras_for_users_are_there() -> None:
    extras = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    assert {"all", "demo", "dev", "docs", "jax", "plot", "search", "sklearn", "torch"} <= extras.keys()
    made_of = {name: set(re.findall(r"\w+", extras[name][0].partition("[")[2])) for name in ("all", "dev")}
    packages = {name: {re.split(r"[^\w.-]", line)[0] for line in lines} for name, lines in extras.items()}
    brought = set().union(*(packages[name] for name in made_of["all"]))
    assert set().union(*(packages[n] for n in extras.keys() - TOOLS)) == brought
