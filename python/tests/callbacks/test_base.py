"""Callbacks in a run."""

from __future__ import annotations

import numpy as np
from callbacks_run import run

from lrswift import callbacks


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
