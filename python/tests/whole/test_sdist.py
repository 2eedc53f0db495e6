"""The source distribution has what a build needs, and a description that can be read anywhere."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.skipif(not (ROOT / "setup.py").is_file(), reason="needs the repository")


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    command = [sys.executable, "setup.py", "--quiet", "egg_info", "--egg-base", str(folder)]
    command += ["sdist", "--dist-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (archive,) = folder.glob("lrswift-*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def test_every_source_is_there_those_of_linked_targets_too(unpacked: Path) -> None:
    """As the files that git holds, links to folders followed."""
    told = subprocess.run(
        ["git", "ls-files", "Sources", "Tests", "python", "Package.swift", "setup.py", "licences"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if told.returncode:
        pytest.skip("needs git's list of files")
    wanted = []
    for name in told.stdout.split("\n"):
        path = ROOT / name
        if path.is_symlink() and path.is_dir():
            wanted += [file.relative_to(ROOT) for file in sorted(path.resolve().glob("*"))]
            wanted += [Path(name) / file.name for file in sorted(path.resolve().glob("*"))]
        elif name and path.exists():
            wanted.append(Path(name))
    assert len(wanted) > 500
    for path in wanted:
        assert (unpacked / path).is_file(), f"{path} is not in the sdist"
        assert (unpacked / path).read_bytes() == (ROOT / path).read_bytes(), path


def test_every_target_of_the_package_has_sources(unpacked: Path) -> None:
    text = (unpacked / "Package.swift").read_text(encoding="utf-8")
    targets = re.findall(r'\.target\(\s*name: "(\w+)"', text)
    assert "MicroKernels64V4" in targets
    for target in set(targets) - {"TestSupport"}:
        found = [p for p in (unpacked / "Sources" / target).rglob("*") if p.suffix in (".swift", ".c", ".h")]
        assert found, target
        assert not any(path.is_symlink() for path in found), target


def test_nothing_built_is_in_it(unpacked: Path) -> None:
    built = [
        p for p in unpacked.rglob("*") if p.suffix in (".so", ".dylib", ".o", ".pyc") or p.name == ".build"
    ]
    assert not built


def test_links_of_the_description_lead_to_the_repository(unpacked: Path) -> None:
    """Each leads to a file that there is; none is relative, which an index of packages cannot follow."""
    facts = Parser().parsestr((unpacked / "PKG-INFO").read_text(encoding="utf-8"))
    urls = dict(line.split(", ", 1) for line in facts.get_all("Project-URL"))
    text = facts.get_payload()
    targets = re.findall(r"\]\(([^)\s]+)", text) + re.findall(r"(?:src|srcset|href)=\"([^\"]+)", text)
    assert len(targets) > 10
    for target in targets:
        assert re.match(r"https?://|#|mailto:", target), target
        path = re.match(rf"{re.escape(urls['Source'])}/(?:blob|raw)/main/([^#]+)", target)
        if path:
            assert (ROOT / path[1]).exists(), target
