"""The pages on layers, data sets and operations, followed: their steps are taken on a copy of the package.

A step is a numbered item: "`FILE`, a new file" or "At the end of `FILE`", with a block of code, or
"In `FILE`", and `LINE` below `LINE` once or more. The block after the list is the test of what was added.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lrswift

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
pytestmark = pytest.mark.skipif(
    not DOCS.is_dir(), reason="needs the repository, not only the installed package"
)

# what the test of a page stands on in the file that it goes to
HEAD = """import numpy as np
import pytest

import lrswift as lr

assert lr.__file__.startswith("{checkout}")
rng = np.random.default_rng(0)


"""


def code(text: str, indent: str, language: str = "python") -> list[str]:
    """The blocks that are indented so far."""
    found = re.findall(rf"^{indent}```{language}\n(.*?)^{indent}```", text, re.DOTALL | re.MULTILINE)
    return ["".join(line[len(indent) :] or "\n" for line in body.splitlines(keepends=True)) for body in found]


def steps(page: str) -> list[str]:
    items = re.split(r"^\d+\. ", page, flags=re.MULTILINE)[1:]
    # an item ends where text is not indented
    return [re.split(r"\n(?=\S)", item, maxsplit=1)[0] for item in items]


def follow(page: str, checkout: Path) -> list[str]:
    """Takes the steps of a page; the files that they touch."""
    touched = []
    for step in steps(page):
        named = re.search(r"`((?:python|Sources|Tests)/[\w./]+\.(py|swift))`", step)
        assert named, step
        path, is_python = checkout / named[1], named[2] == "py"
        blocks = code(step, "   ", "python" if is_python else "swift")
        pairs = re.findall(r"`([^`]+)`\s+below\s+`([^`]+)`", step)
        assert blocks or pairs, step
        if "a new file" in step:
            assert not path.exists()
            path.write_text(blocks[0], encoding="utf-8")
        elif step.startswith("At the end of"):
            before, gap = path.read_text(encoding="utf-8").rstrip(), "\n\n\n" if is_python else "\n\n"
            path.write_text(before + gap + blocks[0], encoding="utf-8")
        for line, above in pairs:
            insert(path, line, above)
        touched.append(named[1])
    return touched


def insert(path: Path, line: str, above: str) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    places = [i for i, text in enumerate(lines) if text.strip() == above]
    assert len(places) == 1, f"{path.name}: {above} is there {len(places)} times"
    indent = len(lines[places[0]]) - len(above) + 4 * above.endswith(("(", "[", "{"))
    lines.insert(places[0] + 1, " " * indent + line)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the package where the pages name it; its libraries are not copied."""
    source = Path(lrswift.__file__).parent
    package = tmp_path / "python" / "lrswift"
    shutil.copytree(source, package, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    for library in source.glob("*.so"):
        (package / library.name).symlink_to(library)
    return tmp_path


@pytest.mark.parametrize(
    ("page", "places"),
    [
        ("adding-a-layer.md", ["python/lrswift/nn/layers.py", "python/lrswift/nn/__init__.py"]),
        ("adding-a-data-set.md", ["python/lrswift/data/iris.py", "python/lrswift/data/loading.py"]),
    ],
)
def test_what_a_page_adds_passes_the_test_of_the_page(page: str, places: list[str], checkout: Path) -> None:
    """Two places, and it is there: in the form that the linter wants, and right by the page's own test."""
    text = (DOCS / page).read_text(encoding="utf-8")
    assert follow(text, checkout) == places
    (test,) = code(text, "")
    suite = checkout / "test_added.py"
    suite.write_text(HEAD.format(checkout=checkout) + test, encoding="utf-8")
    check_form(checkout, *places, suite.name)
    told = run(
        checkout, "pytest", "-q", "-p", "no:cacheprovider", "--noconftest", "--rootdir", ".", suite.name
    )
    assert "1 passed" in told


SWIFT = ("Sources/Kernels/Pointwise", "Sources/Autodiff", "Tests/KernelsTests/Pointwise")
WIRED = """import pytest

import lrswift as lr

def test_{name}():
    for module in ({modules}):
        assert "{name}" in module.__all__
        with pytest.raises(lr.ArgumentError, match="there is no operation '{name}'"):
            module.{name}(1.0)
"""


@pytest.mark.parametrize(
    ("section", "name", "modules", "places"),
    [
        (
            "A pointwise operation", "silu", "lr, lr.nn.functional",
            [
                "Sources/Kernels/Pointwise/Silu.swift",
                "Sources/Kernels/Pointwise/PointwiseCatalogue.swift",
                "Tests/KernelsTests/Pointwise/PointwiseTests.swift",
                "python/lrswift/tensors/activations.py",
            ],
        ),
        (
            "A linear operation", "diagonal", "lr,",
            [
                "Sources/Autodiff/Ops/Shapes.swift",
                "Sources/Autodiff/Catalogue.swift",
                "python/lrswift/tensors/functions.py",
            ],
        ),
    ],
    ids=["pointwise", "linear"],
)  # fmt: skip
def test_what_the_page_on_operations_adds(
    section: str, name: str, modules: str, places: list[str], checkout: Path
) -> None:
    """The Swift code is what AddedOperationsTests compiles and checks the derivatives of; the Python name is
    public and asks the core for the operation, which this one does not have.
    """
    for folder in SWIFT:
        shutil.copytree(ROOT / folder, checkout / folder)
    page = (DOCS / "adding-an-op.md").read_text(encoding="utf-8")
    (text,) = [part for part in page.split("\n## ") if part.startswith(section)]
    assert follow(text, checkout) == places
    (example,) = code(text, "   ", "swift")
    compiled = (ROOT / "Tests/AutodiffTests/AddedOperations.swift").read_text(encoding="utf-8")
    assert f"\n\n{example}" in compiled
    (suite := checkout / "test_added.py").write_text(WIRED.format(name=name, modules=modules))
    check_form(checkout, places[-1])
    assert "1 passed" in run(
        checkout, "pytest", "-q", "-p", "no:cacheprovider", "--noconftest", "--rootdir", ".", suite.name
    )


def check_form(checkout: Path, *files: str) -> None:
    rules = str(ROOT / "pyproject.toml")
    for form in (["check", "--config", rules], ["format", "--check", "--config", rules]):
        run(checkout, "ruff", *form, "--no-cache", *files)


def run(checkout: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, timeout=120, cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout / "python"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
