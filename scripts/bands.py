"""Experiments of the papers at their quickest scale, each number held to a band from repeated runs.

    python scripts/bands.py               runs them from seed 0: which numbers lie outside of their bands
    python scripts/bands.py --write 8     makes the bands from seeds 1 to 8: docs/papers/bands.json
    python scripts/bands.py NAME ...      some of them alone

A band reaches from the least to the largest number of the seeds, and beyond both by their distance, or by 5 %
of the largest size where that is more. The seed that is checked is none of those. Of a row where a run
diverged there is no band. Times are in no band: they are the machine's.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[1] / "docs" / "papers" / "bands.json"
# in all a minute on one core; none whose numbers have far outliers, as counts of iterations have
NAMES = (
    "alrs-readings", "alrs-search", "tlr-window", "tlr-perlayer", "tlr-bound", "tlr-detection",
    "qlab-findplr", "l4-regression", "l4-mnist", "l4-batch", "l4-dnc",
)  # fmt: skip
# by how much of their distance a band is wider than the numbers on either side, and of their size at least
WIDER, LEAST = 1.0, 0.05


def measured(name: str, seed: int) -> dict[str, float | None]:
    """Method and setting -> the number of the study's table; None where it is not finite."""
    from lrswift.experiments.papers import reproduce

    with tempfile.TemporaryDirectory() as folder:
        reproduce(name, "quick", out=folder, seed=seed, progress=False)
        rows = json.loads((Path(folder) / f"{name}.json").read_text(encoding="utf-8"))["rows"]
    return {f"{row['method']} | {row['setting']}": row["ours"] for row in rows}


def band(values: Iterable[float | None]) -> list[float] | None:
    """[low, high] of the numbers of several seeds, as the top of this file says."""
    found = list(values)
    known = [value for value in found if value is not None and math.isfinite(value)]
    if len(known) < len(found):
        return None
    low, high = min(known), max(known)
    room = max(WIDER * (high - low), LEAST * max(abs(low), abs(high)))
    return [low - room, high + room]


def outside(name: str, found: Mapping[str, float | None], bands: Mapping[str, Any]) -> list[str]:
    """What is wrong with the numbers of a study, a line each."""
    wrong = [f"{name}: {row}: is not there" for row in bands if row not in found]
    for row, value in found.items():
        if row not in bands:
            wrong.append(f"{name}: {row}: has no band; python scripts/bands.py --write 8 {name}")
            continue
        limits = bands[row]
        if limits is not None and (value is None or not limits[0] <= value <= limits[1]):
            wrong.append(f"{name}: {row}: {value}; its band: {limits[0]:.6g} to {limits[1]:.6g}")
    return wrong


def main(arguments: list[str]) -> int:
    """Returns the exit status."""
    count = 0
    if arguments[:1] == ["--write"]:
        count, arguments = int(arguments[1]), arguments[2:]
    names = arguments or list(NAMES)
    bands = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    wrong: list[str] = []
    for name in names:
        begun = time.perf_counter()
        if count:
            runs = [measured(name, seed) for seed in range(1, count + 1)]
            bands[name] = {row: band(run.get(row) for run in runs) for row in runs[0]}
            FILE.write_text(json.dumps(bands, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        else:
            wrong += outside(name, measured(name, 0), bands.get(name, {}))
        print(f"{name}: {len(bands.get(name, {}))} numbers, {time.perf_counter() - begun:.1f} s", flush=True)
    print("\n".join(wrong) or "every number lies in its band")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
