"""Lines that are too long for a terminal."""

from lrswift.pictures.terminal import WIDTH, wrapped


def test_short_lines_are_as_they_are() -> None:
    text = "  a  b\n\n" + "x" * WIDTH
    assert wrapped(text) == text


def test_what_is_broken_stands_below_its_column() -> None:
    words = " ".join(["word"] * 30)
    first, *others = wrapped(f"  name      kind  {words}").split("\n")
    assert len(others) >= 2 and max(map(len, (first, *others))) <= WIDTH
    assert first.index("word") == 18 and all(line.index("word") == 18 for line in others)
    assert " ".join(" ".join((first, *others)).split()) == f"name kind {words}"


def test_plain_sentences_are_indented() -> None:
    first, second = wrapped(f"    {' '.join(['word'] * 20)}").split("\n")
    assert first.startswith("    word") and second.startswith("      word")
