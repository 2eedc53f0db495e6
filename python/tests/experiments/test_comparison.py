"""`compare`, its table, files and report."""

import csv
import json
import math

import numpy as np
import pytest
from html_tags import Tags
from tiny_images import tiny_splits

import lrswift as lr
from lrswift.experiments.comparison import Comparison
from lrswift.experiments.comparison_report import accuracy_text, rate_text
from lrswift.experiments.runs import Run
from lrswift.loop.history import History
from lrswift.training.methods import METHODS


@pytest.fixture(scope="module")
def splits() -> lr.data.Splits:
    return tiny_splits(200, 60)


@pytest.fixture(scope="module")
def result(splits, tmp_path_factory) -> tuple[Comparison, object]:
    out = tmp_path_factory.mktemp("report")

    def network(train, classes):
        return lr.models.mlp(16, [24], classes)

    made = lr.compare(
        splits,
        network,
        list(METHODS),
        seeds=2,
        epochs=4,
        batch_size=32,
        out=out,
        progress=False,
        command="lrswift compare",
    )
    return made, out


def test_all_methods_run(result):
    comparison, _ = result
    assert comparison.names() == list(METHODS)
    for row in comparison.summary():
        assert math.isfinite(row["train_loss"]), row
        assert 0 <= row["accuracy"] <= 1
        assert 0 < row["low"] <= row["high"]
        assert (row["found"] is not None) == (row["kind"] == "found")
    assert [run.seed for run in comparison.of("sgd")] == [0, 1]


def test_seeds_are_alike_for_all_methods(result):
    first = {run.history.losses[0] for run in result[0].runs if run.seed == 0 and run.method != "alrs"}
    assert max(first) - min(first) < 1e-6


def test_table(result):
    lines = result[0].table().splitlines()
    assert len(lines) == 2 + len(METHODS)
    assert "test accuracy" in lines[0]
    assert len({len(line) for line in lines}) == 1
    assert "+-" in lines[2]


def test_files(result):
    comparison, out = result
    with (out / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(METHODS) * 2 * 4
    assert float(rows[3]["accuracy"]) == pytest.approx(comparison.runs[0].accuracy)
    facts = json.loads((out / "results.json").read_text())
    assert facts["settings"]["data"] == "tiny"
    assert len(facts["runs"][0]["losses"]) == 4 * 7
    assert facts["summary"][0]["method"] == "auto"


def test_report_is_one_whole_page(result):
    comparison, out = result
    page = (out / "report.html").read_text()
    tags = Tags()
    tags.feed(page)
    assert not tags.open
    assert tags.loads == []
    assert "@import" not in page
    assert "nan" not in page.lower().replace("nano", "")
    assert tags.count["figure"] == 3 * len(METHODS)
    for name in METHODS:
        assert METHODS[name].label in tags.text
    assert "lrswift compare" in tags.text
    assert len(page) < 2_000_000


def test_report_of_diverged_runs(tmp_path):
    good, bad = History(), History()
    good.add(np.array([1.0, 0.5]), np.full((2, 3), 0.1))
    good.summarize(0, 1, 0.1, {"accuracy": 0.9, "valid_loss": 0.4})
    bad.add(np.array([1.0, np.nan]), np.full((2, 3), 0.1))
    settings = {
        "data": "a <b>", "train_examples": 2, "test_examples": 1, "model": "mlp", "parameters": 10,
        "epochs": 1,
        "steps_per_epoch": 2, "batch_size": 1, "seeds": 1, "first_seed": 0, "date": "2026-01-01",
        "config": {"version": "0", "threads": 1},
    }  # fmt: skip
    runs = [
        Run("sgd", 0, good, 1.0),
        Run("adam", 0, bad, 1.0, diverged=True),
        Run("tlr", 0, History(), 1.0, diverged=True),
    ]
    made = Comparison(runs, settings)
    page = made.write(tmp_path).read_text()
    assert "diverged" in page
    assert "a &lt;b&gt;" in page
    assert "1 diverged" in made.table()
    json.loads((tmp_path / "results.json").read_text(), parse_constant=lambda name: pytest.fail(name))


def test_words():
    row = {"found": None, "low": 0.1, "high": 0.1}
    assert rate_text(row) == "0.1"
    assert rate_text({**row, "low": 0.00123, "high": 0.5}) == "0.0012 - 0.5"
    assert rate_text({"found": 0.012, "low": 0.011, "high": 0.013}) == "found 0.012 (0.011 - 0.013)"
    assert accuracy_text({"accuracy": 0.975, "accuracy_std": 0.0025, "diverged": 0}) == "97.50 +- 0.25"


def test_bad_arguments(splits):
    with pytest.raises(ValueError, match="methods: got foo"):
        lr.compare(splits, methods=["foo"])
    with pytest.raises(ValueError, match="model"):
        lr.compare(splits, "resnet")
    with pytest.raises(lr.ArgumentTypeError, match="data: got tuple; allowed: a name"):
        lr.compare((splits.train.x, splits.train.y), methods=["sgd"], progress=False)
    with pytest.raises(ValueError, match="seeds"):
        lr.compare(splits, seeds=0)
