"""Passes the output of `swift test` on and prints its slowest tests at the end.

swift test 2>&1 | python scripts/slowest.py
"""

import re
import sys

COUNT = 25
FINISHED = re.compile(r"Test Case '(?P<name>.+)' (?:passed|failed) \((?P<seconds>[\d.]+) seconds\)")


def main() -> None:
    tests: list[tuple[float, str]] = []
    for line in sys.stdin:
        sys.stdout.write(line)
        sys.stdout.flush()
        if found := FINISHED.search(line):
            tests.append((float(found["seconds"]), found["name"]))
    slowest = sorted(tests, reverse=True)[:COUNT]
    whole = sum(seconds for seconds, _ in tests)
    print(f"slowest {len(slowest)} of {len(tests)} tests, {whole:.0f} s in all")
    for seconds, name in slowest:
        print(f"{seconds:8.2f} s  {name}")


if __name__ == "__main__":
    main()
