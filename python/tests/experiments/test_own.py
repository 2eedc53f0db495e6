"""A user's own data and network on the command line."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from lrswift.cli import main

CODE = """
import lrswift as lr


def small(inputs, classes):
    return lr.models.mlp(inputs=inputs, hidden=[8], outputs=classes)


def torchs(inputs, classes):
    import torch

    return torch.nn.Sequential(torch.nn.Linear(inputs, 8), torch.nn.GELU(), torch.nn.Linear(8, classes))


def wrong(inputs, classes):
    return lr.models.mlp(inputs=inputs, hidden=[8], outputs=classes + 1)


def narrow(inputs, classes):
    return lr.models.mlp(inputs=inputs + 1, hidden=[8], outputs=classes)


def text(inputs, classes):
    return "no network"


number = 3
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((120, 3))
    lines = ["a,b,c,kind", *(f"{a},{b},{c},{'up' if a + b > 0 else 'down'}" for a, b, c in x)]
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    (tmp_path / "own_networks.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("model", ["mlp", "own_networks:small", "own_networks:torchs"])
def test_train_on_a_table(place, capsys, model):
    given = ["train", "--data", "mine.csv", "--target", "kind", "--model", model, "--epochs", "30", "--json"]
    assert main(given) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["epochs"][-1]["accuracy"] > 0.85
    assert len(record["epochs"]) == 30


def test_the_other_commands_take_them_too(place, capsys):
    common = ["--data", "mine.csv", "--model", "own_networks:small", "--quiet"]
    assert main(["find-lr", *common]) == 0
    assert "learning rate" in capsys.readouterr().out
    few = ["--methods", "adam,l4adam", "--seeds", "1", "--epochs", "2"]
    assert main(["compare", *common, *few, "--out", "r"]) == 0
    page = (place / "r" / "report.html").read_text()
    assert "own_networks:small" in page and "mine" in page
    assert main(["learn-schedule", *common, "--steps", "4", "--rates", "2", "--outer-steps", "1"]) == 0


@pytest.mark.parametrize(("given", "said"), [
    (["--data", "mine.csv", "--target", "sort"], "no column 'sort'; allowed: a, b, c, kind"),
    (["--data", "none.csv"], "none.csv: no such file"),
    (["--data", "digit"], "--data: got digit; allowed: digits"),
    (["--target", "kind"], "--target: got 'kind' for digits"),
    (["--data", "mine.csv", "--model", "own_networks:none"], "own_networks has no 'none'"),
    (["--data", "mine.csv", "--model", "no_such:thing"], "No module named 'no_such'"),
    (["--data", "mine.csv", "--model", "own_networks:number"], "is a int; allowed: a function"),
    (["--data", "mine.csv", "--model", "own_networks:text"], "made a str; allowed: a Module"),
    (["--data", "mine.csv", "--model", "own_networks:wrong"], r"shape \[2, 3\] of two examples"),
    (["--data", "mine.csv", "--model", "own_networks:narrow"], "does not take inputs of mine"),
    (["--data", "mine.csv", "--model", "resnet"], "--model: got resnet; allowed: mlp"),
])  # fmt: skip
def test_mistakes_are_one_line_and_nothing_is_trained(place, capsys, given, said):
    assert main(["train", *given, "--out", "new"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1, shown.err
    assert re.search(said, shown.err), shown.err
    assert not (place / "new").exists()
