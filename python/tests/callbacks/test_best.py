"""The file of the best weights."""

from __future__ import annotations

import numpy as np
import pytest
from callbacks_run import run

import lrswift as lr
from lrswift import callbacks


def test_the_best_weights_are_on_disk(tmp_path):
    file = tmp_path / "best.safetensors"
    seen = []
    _, history = run(callbacks.BestCheckpoint(file), lambda h: seen.append(
        {name: np.array(value) for name, value in h.model.state_dict().items()}
    ))  # fmt: skip
    best = int(np.argmin([row["valid_loss"] for row in history.rows]))
    for name, value in lr.load(file).items():
        np.testing.assert_array_equal(value, seen[best][name])


def test_a_folder_that_is_not_there_is_told_before_anything_is_trained(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        callbacks.BestCheckpoint(tmp_path / "nowhere" / "file")
