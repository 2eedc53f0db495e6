"""Damaged and altered files as `attack/files.py` makes them, the choices guided by the lines that they reach.

    python attack/guided.py [--seconds T] [--json FILE]

atheris (libFuzzer) draws the bytes that every choice is made by, and keeps those that reach new lines of the
package. What is right is what `attack/files.py` says. A case that goes wrong is kept in a file, whose name is
told; `python attack/guided.py FILE` repeats it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import atheris

# it names every module
quiet = contextlib.redirect_stderr(io.StringIO())
with quiet, atheris.instrument_imports(include=["lrswift"], enable_loader_override=False):
    import lrswift  # noqa: F401

import files  # noqa: E402
from support.campaign import OUTCOMES, REFUSED, SURVIVED  # noqa: E402


class Choices:
    """What `files` asks of random.Random, out of the bytes of a case; zeros after their end."""

    def __init__(self, data: bytes) -> None:
        self.given = atheris.FuzzedDataProvider(data)

    def randrange(self, start: int, stop: int | None = None) -> int:
        low, high = (0, start) if stop is None else (start, stop)
        if high <= low:
            raise ValueError("empty range")
        return self.given.ConsumeIntInRange(low, high - 1)

    def choice(self, values: Sequence[Any]) -> Any:
        return values[self.randrange(len(values))]

    def random(self) -> float:
        return self.randrange(2**24) / 2**24

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * self.random()

    def randbytes(self, count: int) -> bytes:
        return self.given.ConsumeBytes(count).ljust(count, b"\0")


def one(data: bytes) -> None:
    COUNTS[files.case(Choices(data))] += 1  # type: ignore[arg-type]


COUNTS = dict.fromkeys(OUTCOMES, 0)


def main() -> int:
    parser = argparse.ArgumentParser(description="guided damage of files; see the head of this file")
    parser.add_argument("case", nargs="?", type=Path, help="the bytes of a case, to repeat it")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--cases", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=secrets.randbits(31))
    parser.add_argument("--json", type=Path, help="where the counts are written")
    given = parser.parse_args()
    if given.case is not None:
        one(given.case.read_bytes())
        return 0
    kept = Path(tempfile.mkdtemp(prefix="lrswift-guided-"))
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); import json, guided\n"
        "told = sys.argv.pop(1)\n"
        "def tell(): open(told, 'w').write(json.dumps(guided.COUNTS))\n"
        "def one(data):\n"
        "    guided.one(data)\n"
        "    if sum(guided.COUNTS.values()) % 50 == 0: tell()\n"
        "guided.atheris.Setup(sys.argv, one)\n"
        "guided.atheris.Fuzz()"
    )
    options = [f"-max_total_time={int(given.seconds)}", f"-seed={given.seed}", f"-artifact_prefix={kept}/"]
    options += ["-max_len=400", "-rss_limit_mb=4096", "-timeout=60", "-print_final_stats=1"]
    command = [sys.executable, "-c", code, str(Path(__file__).parent), str(kept / "counts"), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    counts = json.loads((kept / "counts").read_text()) if (kept / "counts").exists() else COUNTS
    found = sorted(p for p in kept.iterdir() if p.name != "counts")
    if found or done.returncode:
        outcome = "hung" if any(p.name.startswith("timeout") for p in found) else "unclean"
        counts[outcome] += max(1, len(found))
        print(done.stdout[-3000:])
        for path in found:
            print(f"{outcome}:\n  python {sys.argv[0]} {path}")
    covered = [line for line in done.stdout.splitlines() if " cov: " in line]
    reached = covered[-1].split(" cov: ")[1].split()[0] if covered else "-"
    told = ", ".join(f"{name} {counts[name]}" for name in OUTCOMES)
    print(f"guided: injected {sum(counts.values())}, {told}; {reached} places reached; seed {given.seed}")
    if given.json is not None:
        given.json.write_text(json.dumps({"name": "guided", "seed": given.seed, **counts}))
    return 0 if sum(counts.values()) == counts[SURVIVED] + counts[REFUSED] else 1


if __name__ == "__main__":
    sys.exit(main())
