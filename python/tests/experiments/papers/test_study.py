"""The frame of studies: cells, the file of runs, tables, claims and pages, on studies made up here."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest

import lrswift as lr
from lrswift.experiments import papers
from lrswift.experiments.papers import STUDIES, contents, reproduce, study
from lrswift.experiments.papers.study import Cell, Judgement, Study


@dataclass(frozen=True)
class Settings:
    seeds: int


RUNS: list[str] = []


def run(settings: Settings, cell: Cell, root) -> dict:
    RUNS.append(cell.key)
    value = {"a": 1.0, "b": 10.0}[cell.method] + cell.seed
    return {"loss": value, "other": np.float64(2 * value)}


def lower(outcome) -> Judgement:
    return Judgement(np.bool_(outcome.mean("a", "s", "loss") < outcome.mean("b", "s", "loss")), "a < b")


TOY = Study(
    name="toy",
    paper="L4",
    item="figure 0",
    about="A study of nothing.",
    scales={"small": Settings(2), "medium": Settings(3)},
    cells=lambda settings, seed: [
        Cell(method, "s", seed + k) for method in "ab" for k in range(settings.seeds)
    ],
    run=run,
    metric=("loss", "nats"),
    published={("a", "s"): 1.25},
    claims={"toy-lower": lower, "toy-mute": lambda _: Judgement(None, "nothing")},
    extra=("other",),
)


@pytest.fixture(autouse=True)
def listed(monkeypatch):
    RUNS.clear()
    monkeypatch.setitem(STUDIES, "toy", TOY)
    monkeypatch.setitem(papers.FIGURES, "toy", papers._of_study(TOY))


def test_table_difference_band_and_claims(tmp_path):
    text = reproduce("toy", "small", out=tmp_path, progress=False)
    facts = json.loads((tmp_path / "toy.json").read_text())
    first, second = facts["rows"]
    assert (first["ours"], first["paper"], first["low"], first["high"]) == (1.5, 1.25, 1.0, 2.0)
    assert first["difference"] == pytest.approx(0.25) and first["other"] == 3.0
    assert second["paper"] is None and second["difference"] is None and second["seeds"] == 2
    assert facts["claims"] == {
        "toy-lower": {"holds": True, "ours": "a < b"},
        "toy-mute": {"holds": None, "ours": "nothing"},
    }
    assert "holds: toy-lower: a < b" in text and "cannot say: toy-mute" in text
    page = (tmp_path / "toy.html").read_text()
    assert "lrswift reproduce toy --scale small --seed 0" in page and "A study of nothing" in page


def test_what_is_there_is_not_run_again(tmp_path):
    reproduce("toy", "small", out=tmp_path, progress=False)
    assert len(RUNS) == 4
    path = tmp_path / "toy.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:2]) + lines[2][:20])
    before = (tmp_path / "toy.csv").read_text()
    reproduce("toy", "small", out=tmp_path, progress=False)
    assert len(RUNS) == 6
    assert (tmp_path / "toy.csv").read_text() == before
    assert path.read_text().splitlines(keepends=True) == lines


def test_runs_of_other_settings_and_damaged_files_are_refused(tmp_path):
    reproduce("toy", "small", out=tmp_path, progress=False)
    with pytest.raises(lr.ArgumentError, match="toy.jsonl was made with .*allowed: the same settings"):
        reproduce("toy", "medium", out=tmp_path, progress=False)
    path = tmp_path / "toy.jsonl"
    path.write_text("no run\n" + path.read_text())
    with pytest.raises(lr.FormatError, match="line 1"):
        reproduce("toy", "small", out=tmp_path, progress=False)


def test_an_executor_runs_the_cells(tmp_path):
    class Inline:
        def submit(self, function, argument):
            from concurrent.futures import Future

            future: Future = Future()
            future.set_result(function(argument))
            return future

    reproduce("toy", "small", out=tmp_path, progress=False, executor=Inline())
    assert sorted(RUNS) == ["a|s|0", "a|s|1", "b|s|0", "b|s|1"]


def test_all_is_an_index(tmp_path, monkeypatch):
    monkeypatch.setattr(papers, "FIGURES", {"toy": papers.FIGURES["toy"]})
    told = reproduce("all", "small", out=tmp_path, progress=False)
    assert told.endswith("index.html")
    page = (tmp_path / "index.html").read_text()
    assert 'href="toy.html"' in page and "holds: toy-lower" in page


def test_names_and_scales_that_there_are_not(tmp_path):
    with pytest.raises(lr.ArgumentError, match="figure: got 'nothing'; allowed: fds-figure1"):
        reproduce("nothing", out=tmp_path)
    with pytest.raises(lr.ArgumentError, match="scale: got 'paper'; allowed: small, medium"):
        reproduce("toy", "paper", out=tmp_path)
    assert "toy" in contents()


def test_random_numbers_of_the_caller_are_left_alone(tmp_path):
    lr.seed(3)
    expected = lr.rand((2,)).numpy().tolist()
    lr.seed(3)
    spoiled = replace(TOY, run=lambda settings, cell, root: (lr.seed(9), run(settings, cell, root))[1])
    STUDIES["toy"] = spoiled
    study.run_study(spoiled, "small", None, tmp_path, 0, False)
    assert lr.rand((2,)).numpy().tolist() == expected


@pytest.mark.parametrize("name", [name for name in STUDIES if name != "toy"])
def test_studies_are_whole(name):
    """Cells are unlike, published numbers belong to cells, and every method can be made."""
    each = STUDIES[name]
    assert each.name == name and each.item and each.about.endswith(".")
    for scale, settings in each.scales.items():
        cells = list(each.cells(settings, 5))
        keys = [cell.key for cell in cells]
        assert len(set(keys)) == len(keys) > 1, scale
        assert min(cell.seed for cell in cells) == 5
    pairs = {(cell.method, cell.setting) for cell in cells}
    if name != "alrs-table4":
        assert set(each.published) <= pairs | {(m, s) for m, s in each.published if s == "CNN"}
    assert each.claims
