"""Plays the new user: an empty home, the README's own install line, then every block and command of it.

    python scripts/newcomer.py wheelhouse/lrswift-*.whl            # README.md, and the commands of docs/
    python scripts/newcomer.py --docs --notebooks wheelhouse/...   # their snippets and notebooks as well

There is no Swift on the PATH, and as root on Linux no OpenBLAS on the machine. Blocks run in the order of
the page, each in a process of its own, in one empty folder. `pip install` takes the wheel for lrswift.
Commands of the documents, and `leaderboard`, are ended after `--patience` seconds, and count as begun.
Commands that name a file of the reader's are only parsed. Public data sets are looked for where $LRSWIFT_DATA
says; a command that lacks one says so, which is no failure. Ends with 1 where anything failed.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import wheels

ROOT = Path(__file__).resolve().parents[1]
# what a reader puts his own in the place of
YOURS = re.compile(r"\b(my_\w+|your\w*|module:|DIR|FILE|NAME|file\.csv|data\.csv|own\.\w+)")
# take ten minutes and more by design
LONG = {"leaderboard", "reproduce"}
FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)


class Newcomer:
    """One user with a home and an environment; `failures` is what went wrong, in words."""

    def __init__(self, folder: Path, wheel: Path, python: str, patience: float) -> None:
        self.home, self.work = folder / "home", folder / "work"
        self.home.mkdir()
        self.work.mkdir()
        self.wheel, self.patience = wheel.resolve(), patience
        self.bin = folder / "env" / "bin"
        self.failures: list[str] = []
        subprocess.run([python, "-m", "venv", folder / "env"], check=True)
        self.bare = wheels.bare()
        data = {"LRSWIFT_DATA": os.environ["LRSWIFT_DATA"]} if "LRSWIFT_DATA" in os.environ else {}
        self.environment = {
            "HOME": str(self.home), "PATH": f"{self.bin}:/usr/bin:/bin", "LANG": "C.UTF-8",
            "MPLBACKEND": "Agg", **data, **wheels.index_settings(),
        }  # fmt: skip

    def run(self, what: str, command: list[str], limit: float, long: bool = False) -> None:
        """Runs it and says how it went; `long`: may still run when `limit` seconds are over."""
        start = time.perf_counter()
        process = subprocess.Popen(
            [*self.bare, *command], cwd=self.work, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            said, _ = process.communicate(timeout=limit)
            told, fault = "ok", process.returncode != 0
        except subprocess.TimeoutExpired:
            # its workers, too, which hold the pipe
            os.killpg(process.pid, signal.SIGKILL)
            said, _ = process.communicate()
            told, fault = "begun", not long
        if fault and "$LRSWIFT_DATA is not set" in said:
            told, fault = "needs data sets ($LRSWIFT_DATA)", False
        print(f"{what}: {'FAILED' if fault else told}, {time.perf_counter() - start:.1f} s", flush=True)
        if fault:
            reason = f"ends with {process.returncode}" if told == "ok" else f"takes more than {limit:.0f} s"
            self.failures.append(f"{what}: {reason}\n{said[-3000:]}")
            print(self.failures[-1], flush=True)

    def pip(self, where: str, line: str) -> None:
        words = shlex.split(line, comments=True)
        named = [
            re.sub(r"^lrswift(\[[\w,]+\])?$", rf"lrswift\1 @ {self.wheel.as_uri()}", word) for word in words
        ]
        self.run(f"{where}: {line}", [str(self.bin / named[0]), *named[1:]], 1200)

    def command(self, where: str, line: str, long: bool) -> None:
        words = shlex.split(line, comments=True)
        told = f"{where}: {shlex.join(words)}"
        if YOURS.search(" ".join(words)):
            self.run(f"{told} (parsed)", [str(self.bin / "lrswift"), *words[1:], "--help"], 120)
        else:
            self.run(told, [str(self.bin / "lrswift"), *words[1:]], self.patience if long else 900, long)

    def page(self, path: Path, snippets: bool) -> None:
        """Runs what the page says; its snippets, too, or its commands alone."""
        text = path.read_text(encoding="utf-8")
        name = str(path.relative_to(ROOT))
        for match in FENCE.finditer(text):
            where = f"{name}:{text[: match.start()].count(chr(10)) + 1}"
            body = re.sub(rf"^{match[1]}", "", match[3], flags=re.MULTILINE)
            if match[2] == "python" and snippets:
                self.run(where, [str(self.bin / "python"), "-c", body], 600)
            elif match[2] in ("sh", "bash", "console"):
                for line in body.replace("\\\n", " ").splitlines():
                    line = line.strip().removeprefix("$ ")
                    if line.startswith("pip install") and snippets:
                        self.pip(where, line)
                    elif line.startswith("lrswift "):
                        self.command(where, line, long=path.name != "README.md" or line.split()[1] in LONG)
        for match in re.finditer(r"^    (lrswift (?:.*\\\n)*.*)$", FENCE.sub("", text), re.MULTILINE):
            self.command(name, match[1].replace("\\\n", " "), long=True)


def install_line(readme: str) -> str | None:
    """The README's first `pip install` of a shell block."""
    for match in FENCE.finditer(readme):
        found = re.search(r"^ *(pip install .*lrswift.*)$", match[3], re.MULTILINE)
        if match[2] in ("sh", "bash", "console") and found:
            return found[1]
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--docs", action="store_true", help="the snippets of docs/, too, with lrswift[all]")
    parser.add_argument("--notebooks", action="store_true", help="the notebooks, too, with lrswift[all]")
    parser.add_argument(
        "--patience", type=float, default=20, help="seconds for a command of docs/ (default 20)"
    )
    parser.add_argument("--python", default=sys.executable)
    options = parser.parse_args()
    readme = ROOT / "README.md"
    with tempfile.TemporaryDirectory(prefix="newcomer") as folder:
        user = Newcomer(Path(folder), options.wheel, options.python, options.patience)
        if install_line(readme.read_text(encoding="utf-8")) is None:
            user.failures.append("README.md: no shell block has a line `pip install ... lrswift ...`")
        user.page(readme, snippets=True)
        user.run("pip check", [str(user.bin / "pip"), "check"], 120)
        user.run(
            "help(lrswift)",
            [str(user.bin / "python"), "-c", "import pydoc, lrswift; pydoc.render_doc(lrswift)"],
            120,
        )
        if options.docs or options.notebooks:
            user.pip("all", "pip install 'lrswift[all]' scipy ipykernel nbclient nbformat pandas")
        pages = [p for p in sorted((ROOT / "docs").glob("*.md")) if not p.name.startswith("adding-")]
        for page in pages:
            user.page(page, snippets=options.docs)
        if options.notebooks:
            script = str(ROOT / "scripts" / "notebooks.py")
            user.run("notebooks", [str(user.bin / "python"), script], 3600)
    print("\n".join([*user.failures, f"newcomer: {len(user.failures)} failures"]))
    return 1 if user.failures else 0


if __name__ == "__main__":
    sys.exit(main())
