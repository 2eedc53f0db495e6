"""The pages on layers and data sets, followed: their steps are taken on a copy of the package.

A step is a block of code after a paragraph that says where it goes: "`FILE`, a new file", "At the end of
`FILE`", "In `FILE`, below `LINE`", "and below `LINE`". The block after the list is the test of what was
added.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Block:
    before: str
    code: str
    is_step: bool


def blocks(page: Path) -> list[Block]:
    """The Python blocks of a page, each with the paragraph before it; steps are indented, in a list."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in re.finditer(r"^( *)```python\n(.*?)^\1```", text, re.DOTALL | re.MULTILINE):
        before = text[: match.start()].rstrip().split("\n\n")[-1]
        code = "".join(line[len(match[1]) :] or "\n" for line in match[2].splitlines(keepends=True))
        found.append(Block(" ".join(before.split()), code, bool(match[1])))
    return found


def place(block: Block, last: str) -> str:
    named = re.search(r"`(python/[\w./]+\.py)`", block.before)
    return named[1] if named else last


def follow(page: Path, checkout: Path) -> list[str]:
    """Takes the steps of a page; the files that they touch."""
    touched: list[str] = []
    for block in (b for b in blocks(page) if b.is_step):
        file = place(block, touched[-1] if touched else "")
        path = checkout / file
        line = re.search(r"below `([^`]+)`:?$", block.before)
        if "a new file" in block.before:
            assert not path.exists(), file
            path.write_text(block.code, encoding="utf-8")
        elif f"At the end of `{file}`" in block.before:
            before = path.read_text(encoding="utf-8").rstrip()
            path.write_text(f"{before}\n\n\n{block.code}", encoding="utf-8")
        else:
            assert line, block.before
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            places = [i for i, text in enumerate(lines) if text.strip() == line[1]]
            assert len(places) == 1, f"{file}: {line[1]} is there {len(places)} times"
            lines.insert(places[0] + 1, block.code)
            path.write_text("".join(lines), encoding="utf-8")
        touched += [file] if file not in touched else []
    return touched


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
    assert follow(DOCS / page, checkout) == places
    (test,) = [block.code for block in blocks(DOCS / page) if not block.is_step]
    suite = checkout / "test_added.py"
    suite.write_text(HEAD.format(checkout=checkout) + test, encoding="utf-8")
    files, rules = [*places, suite.name], str(ROOT / "pyproject.toml")
    for form in (["check", "--config", rules], ["format", "--check", "--config", rules]):
        run(checkout, "ruff", *form, "--no-cache", *files)
    told = run(
        checkout, "pytest", "-q", "-p", "no:cacheprovider", "--noconftest", "--rootdir", ".", suite.name
    )
    assert "1 passed" in told


def run(checkout: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, timeout=120, cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout / "python"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
