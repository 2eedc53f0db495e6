"""scripts/bands.py: bands of made-up numbers, and that those that are kept are of its experiments."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from lrswift.experiments.papers import STUDIES

ROOT = Path(__file__).resolve().parents[3]
_SPEC = importlib.util.spec_from_file_location("bands_of_papers", ROOT / "scripts" / "bands.py")
bands = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(bands)


def test_a_band_is_three_times_as_wide_as_the_numbers():
    assert bands.band([1.0, 2.0, 1.5]) == [0.0, 3.0]
    # of numbers that are alike, 5 %
    assert bands.band([-2.0, -2.0]) == pytest.approx([-2.1, -1.9])
    assert bands.band([1.0, None]) is None and bands.band([1.0, float("inf")]) is None


def test_numbers_outside_are_named():
    kept = {"a": [1.0, 2.0], "b": None, "c": [0.0, 1.0]}
    assert bands.outside("x", {"a": 1.5, "b": None, "c": 1.0}, kept) == []
    assert bands.outside("x", {"a": 2.5, "b": 7.0, "c": None}, kept) == [
        "x: a: 2.5; its band: 1 to 2", "x: c: None; its band: 0 to 1",
    ]  # fmt: skip
    assert bands.outside("x", {"a": 1.5, "b": 1.0, "d": 1.0}, kept) == [
        "x: c: is not there", "x: d: has no band; python scripts/bands.py --write 8 x",
    ]  # fmt: skip


def test_there_are_bands_of_every_experiment():
    kept = json.loads(bands.FILE.read_text(encoding="utf-8"))
    assert set(kept) == set(bands.NAMES) <= set(STUDIES)
    for name, rows in kept.items():
        study = STUDIES[name]
        cells = study.cells(study.scales["quick"], 0)
        assert set(rows) == {f"{cell.method} | {cell.setting}" for cell in cells}, name
        assert any(rows.values()), name


def test_what_is_run_and_said(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bands, "FILE", tmp_path / "bands.json")
    monkeypatch.setattr(bands, "measured", lambda name, seed: {"a | ": 1.0 + 0.1 * seed})
    assert bands.main(["--write", "3", "x"]) == 0
    assert json.loads((tmp_path / "bands.json").read_text())["x"]["a | "] == pytest.approx([0.9, 1.5])
    assert bands.main(["x"]) == 0 and "every number lies in its band" in capsys.readouterr().out
    monkeypatch.setattr(bands, "measured", lambda name, seed: {"a | ": 9.0})
    assert bands.main(["x"]) == 1 and "x: a | : 9.0; its band" in capsys.readouterr().out
