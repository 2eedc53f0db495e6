"""Ctrl-C while a run is differentiated: KeyboardInterrupt soon, and nothing else has changed."""

from __future__ import annotations

import signal
import threading
import time

import numpy as np
import pytest

import lrswift as lr
from lrswift.hypergradients.episode import Episode, IndexedBatches

X = np.random.default_rng(0).normal(size=(64, 6))
Y = np.random.default_rng(1).integers(0, 3, 64)
MODES = ("forward", "reverse")


def run(model, mode, steps, one_stretch=False):
    """Nine values; in one stretch all steps are taken by one call into the core, else each by its own."""
    batches = [(X, Y)] * steps
    if one_stretch:
        batches = IndexedBatches((X, Y), np.tile(np.arange(64), (steps, 1)))
    return lr.hypergradient(
        model, lr.nn.functional.cross_entropy, batches, [(X, Y)], [0.01] * 7, [0.5], [1e-3], mode=mode
    )


def interrupted(call, after, begin=lambda start: start()):
    """Seconds from the signal until KeyboardInterrupt; `begin` decides when `after` starts to count."""
    sent = []

    def interrupt():
        sent.append(time.perf_counter())
        signal.raise_signal(signal.SIGINT)

    timer = threading.Timer(after, interrupt)
    begin(timer.start)
    try:
        with pytest.raises(KeyboardInterrupt):
            call()
        return time.perf_counter() - sent[0]
    finally:
        timer.cancel()


def untouched(model, before):
    assert model.training
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("one_stretch", [False, True], ids=["listed", "stretch"])
def test_training_stops_and_the_model_is_as_before(interruptible, mode, one_stretch):
    model = lr.models.mlp(6, [16], 3).to(lr.float64)
    before, expected = model.state_dict(), run(model, mode, 20)
    state = lr.random.get_state()
    # the whole run would take many times as long
    assert interrupted(lambda: run(model, mode, 500_000, one_stretch), 0.4) < 5.0
    untouched(model, before)
    np.testing.assert_equal(lr.random.get_state(), state)
    again = run(model, mode, 20)
    np.testing.assert_array_equal(again.learning_rates, expected.learning_rates)
    assert again.valid_loss == expected.valid_loss


def test_the_way_back_stops_too(interruptible, monkeypatch):
    """Reverse mode, interrupted after its training is done."""
    model = lr.models.mlp(6, [16], 3).to(lr.float64)
    before, expected = model.state_dict(), run(model, "reverse", 20)
    collect = Episode.collect
    begun = []

    def begin(start):
        def collecting(*given):
            begun.append(True)
            start()
            return collect(*given)

        monkeypatch.setattr(Episode, "collect", collecting)

    interrupted(lambda: run(model, "reverse", 20_000, True), 0.1, begin)
    assert begun
    untouched(model, before)
    monkeypatch.undo()
    np.testing.assert_array_equal(run(model, "reverse", 20).learning_rates, expected.learning_rates)
