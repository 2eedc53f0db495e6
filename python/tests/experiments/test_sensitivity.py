"""Final loss against the initial rate: the runs, the verdicts, the files and the picture."""

from __future__ import annotations

import csv
import json
import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from tiny_images import tiny_splits

import lrswift as lr
from lrswift import cli
from lrswift.experiments.runs import Run
from lrswift.experiments.sensitivity import Sensitivity, sensitivity
from lrswift.experiments.sensitivity_report import picture
from lrswift.loop.history import History
from lrswift.training.methods import METHODS


def splits() -> lr.data.Splits:
    return tiny_splits(120, 40)


def network(train, classes):
    return lr.models.mlp(16, [12], classes)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> tuple[Sensitivity, object]:
    out = tmp_path_factory.mktemp("study")
    rates = [1e3, 1e-3, 1e-1]
    made = sensitivity(
        splits(), network, list(METHODS), rates, seeds=2, epochs=3, batch_size=32, out=out, progress=False
    )
    return made, out


def test_every_method_runs_from_every_rate(study) -> None:
    made, _ = study
    assert made.initial == [1e-3, 1e-1, 1e3]
    for name in METHODS:
        if name in ("auto", "l4mom", "l4adam"):
            assert not made.has_initial(name)
            assert [run.seed for run in made.of(name, None)] == [0, 1]
            continue
        for rate in made.initial:
            assert [run.seed for run in made.of(name, rate)] == [0, 1]
    for name in ("sgd", "momentum", "adam"):
        for rate in made.initial:
            for run in made.of(name, rate):
                assert (run.history.rates == rate).all()
    assert all((run.history.rates[0] == 1e-3).all() for run in made.of("tlr", 1e-3))


def test_a_run_is_that_of_plain_training(study) -> None:
    made, _ = study
    data = splits().scaled()
    lr.seed(1)
    model = network(data.train, 3)
    optimizer = lr.optim.SGD(model.named_parameters(), lr=0.1)
    lr.seed(1)
    history = lr.fit(model, optimizer, data.train, epochs=3, batch_size=32, seed=1, progress=False)
    np.testing.assert_array_equal(made.of("sgd", 0.1)[1].history.losses, history.losses)


def fake(losses: dict[tuple[str, float | None], list[float]]) -> Sensitivity:
    """Runs that began at a loss of 2 and ended where told; nan diverged."""
    runs = []
    for (name, rate), ends in losses.items():
        for seed, end in enumerate(ends):
            history = History()
            history.add(np.array([2.0, end]), np.full((2, 3), rate or 0.5))
            history.summarize(1, 1, 0.1, {"valid_loss": 1.0, "accuracy": 0.5})
            runs.append(Run(name, seed, history, 0.1, diverged=math.isnan(end), initial=rate))
    settings = {"data": "none", "model": "none"}
    initial = sorted({rate for _, rate in losses if rate is not None})
    return Sensitivity(runs, settings, initial=initial)


FAKE = fake(
    {
        ("sgd", 0.1): [0.5, 0.3, 0.4],
        ("sgd", 1.0): [0.2, 7.0, math.nan],
        ("adam", 0.1): [0.9, 0.9, 1.9],
        ("adam", 1.0): [0.8, 0.8, 0.7],
        ("l4mom", None): [0.6, 0.5, 0.7],
    }
)


def test_medians_and_failures() -> None:
    assert FAKE.loss("sgd", 0.1) == 0.4
    assert FAKE.loss("sgd", 1.0) == math.inf  # one above its beginning, one diverged
    assert FAKE.worst("adam") == 0.9
    assert FAKE.ranked() == ["l4mom", "adam", "sgd"]
    table = FAKE.table().splitlines()
    assert table[3].split()[-2:] == ["0.6000", "="] and table[5].split()[-2:] == ["0.4000", "failed"]


def test_the_picture() -> None:
    root = ElementTree.fromstring(picture(FAKE))
    tags = [element.tag.rpartition("}")[2] for element in root.iter()]
    # a dot per rate and method with a loss, and one per seed that did not fail
    assert tags.count("circle") == (1 + 2 + 1) + (3 + 1 + 3 + 3 + 3)
    crosses = [e for e in root.iter() if "l10,10m0,-10l-10,10" in e.get("d", "")]
    assert len(crosses) == 1
    texts = ["".join(e.itertext()) for e in root.iter() if e.tag.endswith("text")]
    for name in ("sgd", "adam", "l4mom"):
        assert any(text.startswith(METHODS[name].label) for text in texts)
    assert "L4 with momentum, no initial rate" in texts
    # logarithmic: 0.1 and 1 stand a decade apart, symmetric about the middle
    places = {e.text: float(e.get("x", "0")) for e in root.iter() if e.text in ("0.1", "1")}
    assert places["0.1"] < places["1"]


def test_files(study) -> None:
    made, out = study
    with (out / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    facts = json.loads((out / "results.json").read_text())
    assert len(rows) == len(facts["runs"]) == len(made.runs)
    for row, entry, run in zip(rows, facts["runs"], made.runs, strict=True):
        assert row["method"] == entry["method"] == run.method
        assert entry["initial"] == run.initial and row["initial"] == (
            "" if run.initial is None else str(run.initial)
        )
        if math.isfinite(run.train_loss):
            assert entry["train_loss"] == run.train_loss == float(row["train_loss"])
    page = (out / "report.html").read_text()
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert page.count("<svg") == 1 and "initial learning rate" in page


def test_from_the_command_line(tmp_path, capsys) -> None:
    out = tmp_path / "out"
    arguments = (
        "compare --methods sgd,l4mom --initial 1e-2,1e-1 --seeds 1 --epochs 1 --batch-size 256 --quiet"
    )
    assert cli.main([*arguments.split(), "--out", str(out)]) == 0
    assert "initial rate" in capsys.readouterr().out
    assert {path.name for path in out.iterdir()} == {"results.csv", "results.json", "report.html"}


@pytest.mark.parametrize("rates", [[], [0.0], [-1.0, 0.1], [math.nan], ["high"]])
def test_rates_that_cannot_be(rates) -> None:
    with pytest.raises((lr.ArgumentError, TypeError), match="initial"):
        sensitivity(splits(), network, ["sgd"], rates, seeds=1, epochs=1, progress=False)
