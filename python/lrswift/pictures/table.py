"""Tables as aligned text and as HTML, from the same rows."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

# of a column of names
_NARROWEST = 12


@dataclass(frozen=True)
class Cell:
    """text: also the HTML, unless that is given. span: how many columns have this one value."""

    text: str
    html: str | None = None
    span: int = 1


@dataclass(frozen=True)
class Column:
    """number: aligned right. drawn: a picture, which text does without. named: the head stays as it is."""

    head: str
    number: bool = True
    drawn: bool = False
    named: bool = False

    @property
    def title(self) -> str:
        """The head as HTML has it: a word begins with a capital."""
        return self.head if self.named else self.head[:1].upper() + self.head[1:]


@dataclass(frozen=True)
class Row:
    """A row with its name. note: what HTML says below the name; mark: HTML attributes of the name."""

    name: str
    cells: Sequence[Cell]
    note: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """columns: the first one holds the rows' names."""

    columns: Sequence[Column]
    rows: Sequence[Row]

    def text(self, rule: bool = True, width: int | None = None) -> str:
        """Aligned columns, "=" where a value is that of the column before. rule: a line below the heads.

        Names are broken where the table would be wider than `width`.
        """
        lines = [[column.head for column in self.columns]]
        for row in self.rows:
            texts = [[cell.text, *["="] * (cell.span - 1)] for cell in row.cells]
            lines.append([row.name, *(text for cell in texts for text in cell)])
        lines = [[t for t, c in zip(line, self.columns, strict=True) if not c.drawn] for line in lines]
        widths = [max(map(len, texts)) for texts in zip(*lines, strict=True)]
        excess = sum(widths) + 2 * (len(widths) - 1) - (width or math.inf)
        if excess > 0:
            lines = [
                part for line in lines for part in _broken(line, max(int(widths[0] - excess), _NARROWEST))
            ]
        numbers = [column.number for column in self.columns if not column.drawn]
        pairs = zip(numbers, zip(*lines, strict=True), strict=True)
        columns = [_aligned(texts, number, rule) for number, texts in pairs]
        return "\n".join(map("  ".join, zip(*columns, strict=True)))

    def html(self) -> str:
        """A table that scrolls where the page is too narrow for it."""
        heads = "".join(f'<th scope="col"{_right(c)}>{escape(c.title)}</th>' for c in self.columns)
        return (
            f'<div class="wide" tabindex="0" role="group" aria-label="Table"><table>'
            f"<thead><tr>{heads}</tr></thead>"
            f"<tbody>{''.join(map(self._row, self.rows))}</tbody></table></div>"
        )

    def _row(self, row: Row) -> str:
        note = f"<small>{escape(row.note)}</small>" if row.note else ""
        cells = [f'<tr><th scope="row" {row.mark}>{escape(row.name)}{note}</th>']
        place = 1
        for cell in row.cells:
            span = f' colspan="{cell.span}"' if cell.span > 1 else ""
            content = escape(cell.text) if cell.html is None else cell.html
            cells.append(f"<td{span}{_right(self.columns[place])}>{content}</td>")
            place += cell.span
        return "".join(cells) + "</tr>"


def _broken(line: Sequence[str], width: int) -> list[list[str]]:
    """A row whose name takes several lines."""
    names = textwrap.wrap(line[0], width, subsequent_indent="  ") or [""]
    return [[names[0], *line[1:]], *([name, *[""] * (len(line) - 1)] for name in names[1:])]


def _aligned(texts: Sequence[str], right: bool, rule: bool) -> list[str]:
    width = max(map(len, texts))
    lines = [text.rjust(width) if right else text.ljust(width) for text in texts]
    return [lines[0], "-" * width, *lines[1:]] if rule else lines


def _right(column: Column) -> str:
    return ' class="number"' if column.number else ""
