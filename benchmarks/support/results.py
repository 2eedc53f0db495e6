"""Results by processor: a file for each model in `benchmarks/results`, which other machines leave alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "results"
CPU = Path("/proc/cpuinfo")


def processor() -> str:
    """The name of this processor, its family and model: names alone are shared by generations."""
    facts = dict(re.findall(r"^([\w ]+?)\s*: (.*)$", CPU.read_text(), re.MULTILINE)) if CPU.exists() else {}
    name = facts.get("model name", "unknown processor")
    return f"{name}, family {facts.get('cpu family', '?')} model {facts.get('model', '?')}"


def file_of(model: str, folder: Path = FOLDER) -> Path:
    """Where results of a processor are kept."""
    return folder / f"{re.sub(r'[^a-z0-9]+', '-', model.lower()).strip('-')}.json"


def load(model: str, folder: Path = FOLDER) -> dict[str, Any]:
    """What is kept of a processor: its best gauges by threads and precision, and rows by name."""
    path = file_of(model, folder)
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    return {"processor": model, "gauges": {}, "rows": {}}


def save(kept: dict[str, Any], folder: Path = FOLDER) -> Path:
    """Writes what is kept of a processor, rows in order of their names."""
    folder.mkdir(exist_ok=True)
    path = file_of(kept["processor"], folder)
    path.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return path
