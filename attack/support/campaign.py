"""Runs cases in processes of their own and counts how each of them ended.

A case is a function of a random generator that is made of the seed and the case's number, so that
`--seed S --case N` repeats it, alone and in this process. It returns SURVIVED or REFUSED, raises Lost or
Silent; any other exception is an unclean error. A process that dies has crashed, one that says nothing for
too long has hung; what is left of its cases goes on in the next process.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import random
import resource
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SURVIVED, REFUSED = "survived", "refused"
BAD = ("lost", "silent", "unclean", "crashed", "hung")
OUTCOMES = (SURVIVED, REFUSED, *BAD)
_SHOWN = 5


class Lost(Exception):
    """Something that was there before the case is gone: a file, a state, what a refused call was given."""


class Silent(Exception):
    """A result that is another than it should be, and no word about it."""


@dataclass(frozen=True)
class Attack:
    """A class of cases.

    timeout: seconds that one case may take. batch: how many share a process. count: cases of a short run.
    """

    name: str
    case: Callable[[random.Random], str]
    timeout: float
    batch: int
    count: int


@dataclass
class Tally:
    """How the cases ended so far, and which went wrong."""

    attack: Attack
    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[int, str, str]] = field(default_factory=list)

    def add(self, number: int, outcome: str, words: str) -> None:
        self.counts[outcome] += 1
        if outcome in BAD:
            self.wrong.append((number, outcome, words))
            print(f"{outcome}: {words}\n  {self.repeat(number)}", flush=True)

    def repeat(self, number: int) -> str:
        return f"python {sys.argv[0]} --seed {self.seed} --case {number}"

    def line(self) -> str:
        told = ", ".join(f"{name} {self.counts[name]}" for name in OUTCOMES)
        return f"{self.attack.name}: injected {self.counts.total()}, {told}; seed {self.seed}"


def generator(seed: int, number: int) -> random.Random:
    return random.Random(f"{seed}:{number}")


def main(attack: Attack) -> None:
    """The command line of a class; ends the process with 1 if a case went wrong."""
    parser = argparse.ArgumentParser(description=f"{attack.name}: see the head of {sys.argv[0]}")
    parser.add_argument("--seed", type=int, help="of all cases; a new one by default")
    parser.add_argument("--cases", type=int, default=attack.count, help=f"default {attack.count}")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no case after so many")
    parser.add_argument("--case", type=int, help="this one alone, in this process")
    parser.add_argument("--json", type=Path, help="where the counts are written")
    parser.add_argument("--child", type=int, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    # so that children end with their parent
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    seed = secrets.randbits(31) if given.seed is None else given.seed
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if given.child is not None:
        _serve(attack, seed, *given.child)
        return
    if given.case is not None:
        print(attack.case(generator(seed, given.case)))
        return
    tally = _run(attack, seed, given.cases, given.seconds)
    print(tally.line(), flush=True)
    if given.json is not None:
        facts = {"name": attack.name, "seed": seed, **{name: tally.counts[name] for name in OUTCOMES}}
        given.json.write_text(json.dumps(facts))
    sys.exit(1 if tally.wrong else 0)


def _serve(attack: Attack, seed: int, first: int, count: int) -> None:
    """In the child: a line before and after each case. What cases print goes to stderr."""
    faulthandler.enable()
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for number in range(first, first + count):
        print(json.dumps(["begin", number]), file=told, flush=True)
        print(json.dumps(["end", number, *_judged(attack, seed, number)]), file=told, flush=True)
    print(json.dumps(["done"]), file=told, flush=True)


def _judged(attack: Attack, seed: int, number: int) -> tuple[str, str]:
    try:
        return attack.case(generator(seed, number)), ""
    except (Lost, Silent) as error:
        return type(error).__name__.lower(), str(error)
    except Exception as error:
        return "unclean", f"{type(error).__name__}: {error} ({_place(error)})"


def _place(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"


def _run(attack: Attack, seed: int, cases: int, seconds: float) -> Tally:
    tally = Tally(attack, seed)
    end = time.monotonic() + seconds
    number = 0
    while number < cases and time.monotonic() < end:
        number = _batch(tally, number, min(attack.batch, cases - number), end)
    return tally


def _batch(tally: Tally, first: int, count: int, end: float) -> int:
    """Runs cases from `first` on in one child; the number to go on with."""
    command = [sys.executable, sys.argv[0], "--seed", str(tally.seed), "--child", str(first), str(count)]
    with tempfile.TemporaryFile() as errors:
        # a session of its own, so that what a hung case has started ends with it
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, start_new_session=True)
        current, following = None, first
        try:
            for message in _messages(child, tally.attack.timeout):
                if message[0] == "begin":
                    current = message[1]
                    if time.monotonic() > end:
                        return following
                elif message[0] == "end":
                    tally.add(*message[1:])
                    current, following = None, message[1] + 1
                else:
                    return following
            hung = child.poll() is None
        finally:
            _end(child)
        errors.seek(0)
        words = f"exit {child.returncode}; " + _told(errors.read().decode(errors="replace"))
        # before the first case and between two of them: counted with the next one
        failed = following if current is None else current
        tally.add(failed, "hung" if hung else "crashed", words)
        return failed + 1


def _told(errors: str) -> str:
    """What a dead process said, from the first line that says why."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    why = next((i for i, line in enumerate(lines) if "atal" in line or "ERROR" in line), len(lines) - _SHOWN)
    return " | ".join(lines[max(why, 0) :][:_SHOWN])


def _messages(child: subprocess.Popen[bytes], timeout: float) -> Any:
    """The child's lines until it ends or says nothing for so many seconds."""
    assert child.stdout is not None
    file, held = child.stdout.fileno(), b""
    while select.select([file], [], [], timeout)[0]:
        more = os.read(file, 1 << 16)
        if not more:
            child.wait()
            return
        *lines, held = (held + more).split(b"\n")
        for line in lines:
            yield json.loads(line)


def _end(child: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(child.pid, 9)
    except ProcessLookupError:
        pass
    child.wait()
    if child.stdout is not None:
        child.stdout.close()
