"""All classes of the attack, one after the other, and the table of how they ended.

    python attack/run.py [--minutes 20] [--seed S] [CLASS ...]

Each class gets its part of the time, with new seeds unless one is given. Ends with 1 if in any class a case
was lost, silently wrong, unclean, crashed or hung; the lines above the table say how to repeat it. `guided`
needs atheris, and is left out with a line about it where that is not installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
# class -> its part of the time
PARTS = {
    "kills": 4, "files": 2, "guided": 2, "calls": 4, "memory": 2, "threads": 2, "bridge": 2, "signals": 2,
    "forks": 1,
}  # fmt: skip
COLUMNS = ("injected", "survived", "refused", "lost", "silent", "unclean", "crashed", "hung", "seed")


def main() -> int:
    parser = argparse.ArgumentParser(description="the attack; see the head of this file")
    parser.add_argument("classes", nargs="*", default=list(PARTS), metavar="CLASS", help=", ".join(PARTS))
    parser.add_argument("--minutes", type=float, default=20, help="of all classes together; default 20")
    parser.add_argument("--seed", type=int, help="of all classes; new ones by default")
    given = parser.parse_args()
    unknown = set(given.classes) - set(PARTS)
    if unknown:
        parser.error(f"no class {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if "guided" in given.classes and importlib.util.find_spec("atheris") is None:
        print("guided: left out, as atheris is not installed (pip install atheris)", flush=True)
        given.classes.remove("guided")
    whole = sum(PARTS[name] for name in given.classes)
    rows, wrong = [], False
    for name in given.classes:
        seconds = 60 * given.minutes * PARTS[name] / whole
        with tempfile.NamedTemporaryFile() as told:
            command = [sys.executable, str(FOLDER / f"{name}.py"), "--seconds", str(seconds)]
            command += ["--cases", str(10**9), "--json", told.name]
            command += [] if given.seed is None else ["--seed", str(given.seed)]
            wrong |= subprocess.run(command).returncode != 0
            text = Path(told.name).read_text()
        counts = json.loads(text) if text else {}
        counts["injected"] = sum(counts.get(column, 0) for column in COLUMNS[1:-1])
        rows.append([name, *(str(counts.get(column, "-")) for column in COLUMNS)])
    print("| class | " + " | ".join(COLUMNS) + " |")
    print("|---" * (len(COLUMNS) + 1) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
