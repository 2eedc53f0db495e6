"""Whether the same sources give the same wheel, byte by byte.

    python scripts/reproducible.py               # builds twice, in two fresh copies of what is committed
    python scripts/reproducible.py A.whl B.whl   # compares two that there are

Ends with 1 and the names of the members that differ. Each of the two builds is a whole one, of many minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def told(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def built(folder: Path) -> Path:
    """The wheel of HEAD, built in a folder of its own."""
    sources = folder / "sources"
    sources.mkdir()
    subprocess.run(f"git archive HEAD | tar -x -C '{sources}'", shell=True, cwd=ROOT, check=True)
    environment = {
        **os.environ, "SOURCE_DATE_EPOCH": told("git", "log", "-1", "--format=%ct"),
        "LRSWIFT_SWIFT_BUILD_DIR": str(sources / ".build"),
    }  # fmt: skip
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), "."]
    subprocess.run(command, cwd=sources, env=environment, check=True)
    return next(folder.glob("*.whl"))


def differences(first: Path, second: Path) -> list[str]:
    """In words; nothing where the two files are the same."""
    if first.read_bytes() == second.read_bytes():
        return []
    with zipfile.ZipFile(first) as a, zipfile.ZipFile(second) as b:
        names = [a.namelist(), b.namelist()]
        found = [f"{name}: only in one of them" for name in sorted(set(names[0]) ^ set(names[1]))]
        both = sorted(set(names[0]) & set(names[1]))
        found += [f"{name}: other content" for name in both if a.read(name) != b.read(name)]
        for name in both:
            mine, other = a.getinfo(name), b.getinfo(name)
            if mine.date_time != other.date_time:
                found.append(f"{name}: {mine.date_time}, and {other.date_time}")
            if mine.external_attr != other.external_attr:
                found.append(f"{name}: other modes")
    if names[0] != names[1] and not found:
        found.append("another order")
    return found or ["the archives differ, their members do not"]


def main(given: list[str]) -> int:
    if given:
        found = differences(Path(given[0]), Path(given[1]))
    else:
        with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
            found = differences(built(Path(first)), built(Path(second)))
    print("\n".join([*found, f"reproducible: {len(found)} differences"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
