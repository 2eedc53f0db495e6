"""Loggers and the file of the best weights, in a run."""

from __future__ import annotations

import csv

import numpy as np
import pytest

import lrswift as lr
from lrswift import callbacks


def run(*given, epochs=6):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((96, 4)).astype(np.float32)
    y = (x[:, 0] + rng.standard_normal(96) > 0).astype(np.int64)
    lr.seed(0)
    model = lr.models.mlp(inputs=4, hidden=[16], outputs=2)
    history = lr.fit(
        model, lr.optim.Adam(model.parameters(), lr=0.05), (x[:64], y[:64]), (x[64:], y[64:]), epochs=epochs,
        batch_size=16, progress=False, callbacks=given,
    )  # fmt: skip
    return model, history


def test_the_best_weights_are_on_disk(tmp_path):
    file = tmp_path / "best.safetensors"
    seen = []
    _, history = run(callbacks.BestCheckpoint(file), lambda h: seen.append(
        {name: np.array(value) for name, value in h.model.state_dict().items()}
    ))  # fmt: skip
    best = int(np.argmin([row["valid_loss"] for row in history.rows]))
    for name, value in lr.load(file).items():
        np.testing.assert_array_equal(value, seen[best][name])


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
    for make in (callbacks.BestCheckpoint, callbacks.CSVLogger):
        with pytest.raises(FileNotFoundError, match="nowhere"):
            make(tmp_path / "nowhere" / "file")


def test_the_end_is_told_once_and_answers_of_numpy_count():
    class Counting(callbacks.Callback):
        ended = 0

        def __call__(self, history):
            return np.bool_(len(history.rows) == 3)

        def end(self, history):
            self.ended += 1

    counting = Counting()
    _, history = run(counting, lambda h: np.bool_(False), lambda h: None)
    assert len(history.rows) == 3
    assert counting.ended == 1
