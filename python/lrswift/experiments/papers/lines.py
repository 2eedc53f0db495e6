"""The file of a study's runs, a line each: what is there is not run again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ... import store
from ...errors import ArgumentError


def read(path: Path, identity: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Key -> numbers. A last line without an end is left out, as its process died in it.

    Raises:
        ArgumentError: the runs were made with other settings than `identity`.
        FormatError: the file is damaged.
    """
    if not path.exists():
        return {}
    wanted = json.loads(json.dumps(identity))
    found = {}
    for at, line in enumerate(path.read_text(encoding="utf-8").split("\n")[:-1], 1):
        try:
            entry = json.loads(line)
            made, key, numbers = entry["made_with"], entry["key"], entry["numbers"]
        except (ValueError, KeyError, TypeError):
            raise store.altered(f"out: {path}: line {at}", "a line that is no run") from None
        if made != wanted:
            raise ArgumentError(f"out: {path} was made with {made}; allowed: the same settings, {wanted}")
        found[key] = numbers
    return found


def append(path: Path, identity: Mapping[str, Any], key: str, numbers: Mapping[str, Any]) -> None:
    """Adds a run, after what a process that died in a line has left of it is cut off."""
    line = json.dumps({"made_with": identity, "key": key, "numbers": numbers}) + "\n"
    kept = path.read_bytes() if path.exists() else b""
    whole = kept[: kept.rfind(b"\n") + 1]
    with open(path, "r+b" if path.exists() else "wb") as file:
        file.truncate(len(whole))
        file.seek(len(whole))
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())
