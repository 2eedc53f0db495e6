"""The folder that a command writes into: which command has written there, and what a new one may replace."""

from __future__ import annotations

import itertools
import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from ..errors import ArgumentError, Error
from ..store import read

# of a safetensors file's metadata
KEY = "lrswift.command"
# what changes nothing of the files
_FREE = ("--quiet", "--json", "--force", "--resume")
_FREE_VALUED = ("--threads", "--out")
_UNKNOWN = "what no command line is known of"


def same_run(one: str, other: str) -> bool:
    """Whether two command lines make the same files."""
    return _words(one) == _words(other)


def _words(line: str) -> list[str]:
    kept: list[str] = []
    words = iter(shlex.split(line))
    for word in words:
        if word in _FREE_VALUED:
            next(words, None)
        elif word not in _FREE and not word.startswith(tuple(f"{name}=" for name in _FREE_VALUED)):
            kept.append(word)
    return kept


def writer(path: Path) -> str | None:
    """The command line that has written a file; None where it does not say."""
    try:
        if path.suffix == ".json":
            found = json.loads(path.read_text(encoding="utf-8")).get("command")
        else:
            found = read(path)[1].get(KEY)
    except (Error, OSError, ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None


def writers(folder: Path, files: Sequence[str]) -> dict[str, str]:
    """Of `files` those that are in `folder`, with the command line that has written each."""
    there = [name for name in files if (folder / name).is_file()]
    told = {name: writer(folder / name) for name in there if name.endswith((".json", ".safetensors"))}
    # tables and pictures say nothing, and are written with those that do
    known = next((line for line in told.values() if line), None)
    return {name: told.get(name) or known or _UNKNOWN for name in there}


def foreign(folder: Path, files: Sequence[str], line: str) -> tuple[str, str] | None:
    """A file that another run wrote, and its command line; None where `line` may write all of `files`."""
    for name, found in writers(folder, files).items():
        if found == _UNKNOWN or not same_run(found, line):
            return name, found
    return None


def free_folder(default: str, files: Sequence[str], line: str) -> Path:
    """`default`, or the first of default-2, default-3, ... in which `line` replaces no other run's files."""
    names = itertools.chain([default], (f"{default}-{i}" for i in itertools.count(2)))
    return next(folder for folder in map(Path, names) if foreign(folder, files, line) is None)


def check_ours(folder: Path, files: Sequence[str], line: str, goes_on: bool) -> None:
    """Raises ArgumentError where `line` would replace what another run wrote. goes_on: it has --resume."""
    found = foreign(folder, files, line)
    if found is None:
        return
    name, by = found
    told = by if by == _UNKNOWN else f"of `{by}`"
    again = ", --resume to go on with it" if goes_on else ""
    raise ArgumentError(
        f"--out: {folder / name} is there already, {told}; allowed: another folder, --force to replace "
        f"it{again}"
    )
