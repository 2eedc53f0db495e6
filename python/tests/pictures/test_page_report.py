"""The sorting of a report's tables, in the language that it is written in where an engine is there."""

from __future__ import annotations

import re

from lrswift.pictures.page import page
from lrswift.pictures.table import Cell, Column, Row, Table


def made() -> str:
    table = Table([Column("method"), Column("loss")], [Row("a", [Cell("2")]), Row("b", [Cell("1")])])
    return page("Title", "subject", "lead", "", [table.html()])


def test_a_page_loads_nothing_and_has_its_script() -> None:
    text = made()
    assert text.count("<script>") == 1 and "aria-sort" in text
    assert not re.search(r'(?:src|href)="(?!data:)|url\(|@import|https?://|fetch\(|XMLHttp', text)


def test_dark_and_narrow_are_provided_for() -> None:
    text = made()
    assert "prefers-color-scheme: dark" in text and "max-width: 600px" in text
    # every color of paper and ink is a variable, so that dark pages can have others
    style = text.split("<style>")[1].split("</style>")[0]
    rules = [line for line in style.splitlines() if not line.strip().startswith((":root", "--"))]
    assert not re.search(r"(?:background|color|stroke|fill): #", "\n".join(rules))
