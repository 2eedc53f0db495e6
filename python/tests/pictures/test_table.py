"""Tables: the same rows as aligned text and as HTML."""

import xml.etree.ElementTree as ElementTree

from lrswift.pictures.table import Cell, Column, Row, Table

TABLE = Table(
    [Column("name", number=False), Column("a & b"), Column("picture", drawn=True), Column("c")],
    [
        Row(
            "x < y", [Cell("1.5"), Cell("", "<svg/>"), Cell("-20", "<b>-20</b>")], "how & why", 'class="hand"'
        ),
        Row("z", [Cell("12345.25", "whatever", span=3)]),
    ],
)


def test_text():
    assert TABLE.text().splitlines() == [
        "name      a & b    c",
        "-----  --------  ---",
        "x < y       1.5  -20",
        "z      12345.25    =",
    ]
    assert TABLE.text(rule=False) == "\n".join(
        line for line in TABLE.text().splitlines() if not line.startswith("---")
    )


def test_html():
    root = ElementTree.fromstring(TABLE.html())
    heads = [(e.text, e.get("class")) for e in root.iterfind(".//thead/tr/th")]
    assert heads == [("Name", None), ("A & b", "number"), ("Picture", "number"), ("C", "number")]
    first, second = root.iterfind(".//tbody/tr")
    name, number, picture, bold = first
    assert (name.text, name.get("class"), name.find("small").text) == ("x < y", "hand", "how & why")
    assert (number.text, picture[0].tag, bold[0].text) == ("1.5", "svg", "-20")
    assert [(e.text, e.get("colspan")) for e in second] == [("z", None), ("whatever", "3")]


def test_names_are_broken_where_it_would_be_too_wide():
    table = Table(
        [Column("method", number=False), Column("loss")],
        [Row("a very long name of a method", [Cell("0.125")]), Row("short", [Cell("2")])],
    )
    # 24 without the numbers and the gap is 17
    assert table.text(rule=False, width=24).splitlines() == [
        "method             loss",
        "a very long name  0.125",
        "  of a method          ",
        "short                 2",
    ]
    assert table.text(rule=False, width=40) == table.text(rule=False)
