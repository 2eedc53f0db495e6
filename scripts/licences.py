"""Licences of what the wheel contains and depends on, from what is installed: docs/licences.md.

    python scripts/licences.py [--write]

Ends with 1 where a dependency's licence is not among those that go with Apache-2.0, or where the page is not
what would be written. Needs lrswift and the dependencies installed.
"""

from __future__ import annotations

import importlib.metadata as metadata
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "licences.md"
# as packages spell them -> SPDX
SPELLED = {
    "Apache Software License": "Apache-2.0", "Apache License 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache": "Apache-2.0", "BSD License": "BSD-3-Clause", "BSD": "BSD-3-Clause", "MIT License": "MIT",
    "Python Software Foundation License": "PSF-2.0",
}  # fmt: skip
ALLOWED = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC", "LLVM-exception",
    "MIT", "MPL-2.0", "PSF-2.0", "Unlicense", "Zlib",
}  # fmt: skip
HEAD = """# Licences

What the wheel contains and what it depends on, by licence.

Written by `python scripts/licences.py --write`; `make check` holds it to what is installed.

## In every wheel

| part | licence |
|---|---|
| lrswift | Apache-2.0 |
| Swift's standard library and Synchronization, inside `liblrswift.so` | Apache-2.0 WITH Swift-exception |

The exception asks for no notice with compiled programs; the text is there all the same.

## In the wheel for manylinux

What `make wheel` puts beside the library, in `lrswift.libs/`.
A wheel of `make build` loads these from the system.

| part | licence | texts |
|---|---|---|
| OpenBLAS | BSD-3-Clause AND BSD-2-Clause | `openblas.txt` |
| libgfortran | GPL-3.0-or-later WITH GCC-exception-3.1 | `gpl-3.0.txt`, `gcc-runtime-exception-3.1.txt` |
| libquadmath | LGPL-2.1-or-later | `lgpl-2.1.txt` |

The texts are those of `licences/`, and lie in the wheel, in `lrswift-*.dist-info/licenses`. libquadmath is a
file of its own, which can be replaced.

## Loaded from the system

| part | licence |
|---|---|
| libgcc, libstdc++ | GPL-3.0-or-later WITH GCC-exception-3.1 |
| the C library | LGPL-2.1 |
"""


def requirements() -> dict[str, list[str]]:
    """Names by extra; "" is what every installation needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    given = {"": project["dependencies"], **project["optional-dependencies"]}
    # tools, which nothing of ours is shipped with, and extras that are made of others
    for tools in ("all", "bench", "dev", "docs", "test"):
        del given[tools]
    return {extra: [re.split(r"[^\w.-]", line)[0] for line in lines] for extra, lines in given.items()}


def licence(name: str) -> str | None:
    """SPDX, or as it is spelled; None: not installed."""
    try:
        facts = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None
    classifiers = [
        c.split(" :: ")[-1] for c in facts.get_all("Classifier") or [] if c.startswith("License ::")
    ]
    told = facts.get("License-Expression") or (facts.get("License") or "").strip()
    if not told or "\n" in told:
        # the whole text in the place of a name
        told = classifiers[0] if classifiers else "unknown"
    return SPELLED.get(told, told)


def main() -> int:
    lines, wrong = [], []
    for extra, names in requirements().items():
        title = f"With `lrswift[{extra}]`" if extra else "Needed"
        lines += ["", f"## {title}", "", "| package | licence |", "|---|---|"]
        for name in sorted(set(names), key=str.lower):
            found = licence(name)
            parts = re.split(r" AND | OR |\(|\)| WITH ", found or "")
            if found is not None and not {p.strip() for p in parts if p.strip()} <= ALLOWED:
                wrong.append(f"licences: {name}: {found}; allowed: {', '.join(sorted(ALLOWED))}")
            lines.append(f"| {name} | {found or 'not installed where this was written'} |")
    text = HEAD + "\n".join(lines) + "\n"
    if "--write" in sys.argv[1:]:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        wrong.append("licences: docs/licences.md is not as written; run python scripts/licences.py --write")
    print("\n".join([*wrong, f"licences: {len(wrong)} faults"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
