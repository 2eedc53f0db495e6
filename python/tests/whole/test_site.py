"""The documentation site has every page: what no table of contents names is told here, before `make docs`."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

import lrswift as lr

ROOT = Path(__file__).resolve().parents[3]
INDEX = ROOT / "docs" / "index.md"
pytestmark = pytest.mark.skipif(not INDEX.is_file(), reason="needs the repository")


def listed() -> list[str]:
    """Entries of the tables of contents, from the repository's root, without an ending."""
    trees = re.findall(r"```\{toctree\}\n(.*?)```", INDEX.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
    lines = [re.sub(r".* <(.*)>", r"\1", line) for line in lines]
    return [line[1:] if line.startswith("/") else f"docs/{line}" for line in lines]


def test_every_page_is_in_one_table_of_contents() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")]
    names = {str(page.relative_to(ROOT).with_suffix("")) for page in pages} - {"docs/index"}
    found = [name for entry in listed() for name in sorted(names) if fnmatchcase(name, entry)]
    assert sorted(found) == sorted(names)


def test_every_entry_is_a_page() -> None:
    for entry in listed():
        assert list(ROOT.glob(f"{entry}.md")) or list(ROOT.glob(f"{entry}.ipynb")), entry


# pages of the how-to kind name what the reader is about to make
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("[!a]*.md"), ROOT / "docs" / "auto.md"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_of_the_library_exist(page: Path) -> None:
    """Every `lr.something` in code of the prose is a name that can be reached."""
    for name in sorted(set(re.findall(r"`lr\.(\w+(?:\.\w+)*)", page.read_text(encoding="utf-8")))):
        value: object = lr
        for part in name.split("."):
            assert hasattr(value, part), f"{page.name}: lr.{name}"
            value = getattr(value, part)
