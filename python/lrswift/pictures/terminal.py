"""Text for a terminal of 80 columns."""

from __future__ import annotations

import re
import textwrap

WIDTH = 80


def wrapped(text: str) -> str:
    """`text` with its long lines broken; what follows stands below the last column of such a line."""
    return "\n".join(map(_wrapped, text.split("\n")))


def _wrapped(line: str) -> str:
    if len(line) <= WIDTH:
        return line
    indent = len(line) - len(line.lstrip())
    # columns are two blanks apart
    column = max((m.end() for m in re.finditer(r"\S {2,}(?=\S)", line)), default=0)
    hanging = column if 0 < column <= WIDTH // 2 else indent + 2
    return textwrap.fill(
        line, WIDTH, subsequent_indent=" " * hanging, break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
