"""Loggers in a run."""

from __future__ import annotations

import csv

import pytest
from callbacks_run import run

from lrswift import callbacks


def test_a_csv_file_and_a_dictionary(tmp_path):
    kept = callbacks.DictLogger()
    _, history = run(callbacks.CSVLogger(tmp_path / "log.csv"), kept)
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["train_loss"]) for row in rows] == [row["train_loss"] for row in history.rows]
    assert kept.values["valid_loss"] == [row["valid_loss"] for row in history.rows]
    assert len(kept.values["epoch"]) == 6


def test_tensorboard_has_the_numbers(tmp_path, monkeypatch):
    written = []

    class Writer:
        def __init__(self, folder):
            assert folder == str(tmp_path / "board")

        def add_scalar(self, name, value, step):
            written.append((name, value, step))

        def flush(self):
            pass

        def close(self):
            written.append("closed")

    monkeypatch.setattr("lrswift.callbacks.loggers._writer", lambda: Writer)
    _, history = run(callbacks.TensorBoard(tmp_path / "board"))
    assert written[-1] == "closed"
    losses = [entry for entry in written[:-1] if entry[0] == "train_loss"]
    assert losses == [("train_loss", row["train_loss"], row["step"]) for row in history.rows]


def test_without_a_writer_it_says_what_to_install(monkeypatch, tmp_path):
    def none(name):
        raise ImportError(name)

    monkeypatch.setattr("lrswift.callbacks.loggers.importlib.import_module", none)
    with pytest.raises(ImportError, match="pip install tensorboardX"):
        callbacks.TensorBoard(tmp_path)


def test_a_folder_that_is_not_there_is_told_before_anything_is_trained(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        callbacks.CSVLogger(tmp_path / "nowhere" / "file")
