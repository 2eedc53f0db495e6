"""The progress bar: what stands beside it, and nothing where none is wanted."""

from __future__ import annotations

import pytest

from lrswift.progress import Progress


def test_steps_and_facts_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(8, "training", shown=True) as bar:
        bar.advance(3, loss=0.123456)
        bar.note({"lr": 0.01})
        bar.advance(5, loss=0.5)
    captured = capsys.readouterr()
    last = captured.err.rstrip().splitlines()[-1].split("\r")[-1]
    assert last.startswith("training: 100%") and "8/8" in last
    assert "loss=0.5" in last and "lr=0.01" in last
    assert captured.out == ""


def test_nothing_is_shown_unless_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(None, "training", shown=False) as bar:
        bar.advance(3, loss=0.1)
    assert capsys.readouterr() == ("", "")
