"""docs/papers.toml: every claim has a command or a reason, and the book is what the ledger gives."""

from __future__ import annotations

import importlib.util
import json
import shlex
from pathlib import Path

import pytest

from lrswift.experiments.papers import FIGURES, STUDIES

ROOT = Path(__file__).resolve().parents[3]
_SPEC = importlib.util.spec_from_file_location("ledger_of_papers", ROOT / "scripts" / "papers.py")
papers = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(papers)
ROWS = papers.read()


def test_the_ledger_is_whole():
    assert papers.faults(ROWS) == []
    assert {row["paper"] for row in ROWS} == set(papers.PAPERS)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"command": "", "reason": ""}, "neither a command nor a reason"),
        ({"status": "holds", "ours": ""}, "without a number"),
        ({"status": "surely"}, "status 'surely'"),
        ({"paper": "Adam"}, "paper 'Adam'"),
        ({"claim": ""}, "no claim"),
        ({"numbre": 1}, "unknown numbre"),
    ],
)
def test_what_is_wrong_with_a_row_is_said(change, fault):
    row = {"name": "x", "paper": "L4", "item": "i", "claim": "c", "status": "not run", "reason": "r"}
    assert papers.faults([row]) == []
    assert any(fault in line for line in papers.faults([{**row, **change}]))
    assert any("twice" in line for line in papers.faults([row, row]))


def test_the_book_and_the_ledgers_text_are_made_of_it():
    assert papers.written(ROWS) == papers.LEDGER.read_text(encoding="utf-8")
    for name, text in papers.book(ROWS).items():
        assert (papers.BOOK / name).read_text(encoding="utf-8") == text, name


def test_every_claim_of_a_study_has_its_row_with_its_command():
    rows = {row["name"]: row for row in ROWS}
    for study in STUDIES.values():
        for claim in study.claims:
            assert rows[claim]["paper"] == study.paper
            assert rows[claim]["command"].split()[:3] == ["lrswift", "reproduce", study.name]


def test_commands_name_what_there_is():
    for row in ROWS:
        words = shlex.split(row.get("command", ""))
        if words[:2] == ["lrswift", "reproduce"]:
            assert words[2] in FIGURES
            if "--scale" in words:
                assert words[words.index("--scale") + 1] in FIGURES[words[2]].scales
        for word in words:
            if word.endswith(".py"):
                assert (ROOT / word).exists(), word


def test_numbers_come_from_what_was_measured(tmp_path):
    claims = {"l4-batch-steady": {"holds": False, "ours": "7 and 9"}}
    facts = {"study": "l4-batch", "scale": "small", "claims": claims, "rows": [{"seeds": 2}]}
    (tmp_path / "l4-batch.json").write_text(json.dumps(facts))
    rows = {row["name"]: row for row in papers.updated(ROWS, tmp_path)}
    changed = rows["l4-batch-steady"]
    assert (changed["status"], changed["ours"], changed["seeds"]) == ("does not hold", "7 and 9", 2)
    page = papers.book(list(rows.values()))["l4.md"]
    assert "*does not hold here*" in page and "Here (2 seeds): 7 and 9." in page
    claims["nobody-knows"] = {"holds": None, "ours": ""}
    (tmp_path / "l4-batch.json").write_text(json.dumps(facts))
    with pytest.raises(SystemExit, match="no rows nobody-knows"):
        papers.updated(ROWS, tmp_path)
