"""Memory that tensors and recorded programs hold, and that steps neither take more nor touch new pages."""

from __future__ import annotations

import gc
import resource

import numpy as np

import lrswift as lr
from lrswift.loop.recorder import Recorder


def test_memory_follows_tensors() -> None:
    gc.collect()
    before = lr.memory_allocated()
    x = lr.zeros(512, 512)
    assert lr.memory_allocated() - before == 512 * 512 * 4
    lr.reset_peak_memory_stats()
    y = x + 1.0
    del y
    assert lr.memory_allocated() - before == 512 * 512 * 4
    assert lr.max_memory_allocated() - before == 2 * 512 * 512 * 4
    del x
    assert lr.memory_allocated() == before
    lr.reset_peak_memory_stats()
    assert lr.max_memory_allocated() == before


def test_others_memory_is_not_counted() -> None:
    array = np.zeros((512, 512), np.float32)
    before = lr.memory_allocated()
    shared = lr.from_dlpack(array)
    assert lr.memory_allocated() == before
    assert shared.shape == array.shape


def _peak(depth: int, width: int, batch: int) -> int:
    """Bytes at most while a deep network is trained, above what its data and parameters take."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4 * batch, width)).astype(np.float32), rng.integers(0, width, 4 * batch)
    layers = [layer for _ in range(depth) for layer in (lr.nn.Linear(width, width), lr.nn.Tanh())]
    model = lr.nn.Sequential(*layers)
    optimizer = lr.optim.SGD(model.parameters(), lr=0.01)
    before = lr.memory_allocated()
    lr.reset_peak_memory_stats()
    lr.fit(model, optimizer, (x, y), batch_size=batch, progress=False)
    return lr.max_memory_allocated() - before


def test_gradients_of_layers_share_memory() -> None:
    width, batch = 64, 512
    layer = (_peak(22, width, batch) - _peak(2, width, batch)) / 20
    # A layer keeps the value that its derivatives read; gradients of weights and momentum come on top.
    values, weights = batch * width * 4, 4 * (width + 1) * width * 4
    assert layer < values + weights + batch * width


def test_what_is_recorded_and_let_go_of_takes_no_memory() -> None:
    x = lr.zeros(1 << 16)
    model = lr.nn.Linear(1, 1)

    def loss(model: object, x: lr.Tensor) -> lr.Tensor:
        for _ in range(50):
            x = lr.tanh(x + 0.1)
        return x.mean() + model.weight.sum()

    before = lr.memory_allocated()
    lr.reset_peak_memory_stats()
    Recorder(model, loss).program((x,), 1 << 16)
    # the batch that is loaded into, a value that is read and one that is written
    assert lr.max_memory_allocated() - before < 4.5 * x.size * 4


def test_steps_take_no_more_memory_and_no_new_pages() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(640, 12, 12, 1)).astype(np.float32), rng.integers(0, 5, 640)
    model = lr.nn.Sequential(
        *(lr.nn.Conv2d(1, 8, 3), lr.nn.ReLU(), lr.nn.MaxPool2d(2), lr.nn.Flatten(), lr.nn.Linear(200, 5))
    )
    optimizer = lr.optim.Adam(model.parameters(), lr=1e-3)
    seen = []

    def look(history: object) -> None:
        # the collector's own pages are not the steps'
        gc.collect()
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        seen.append((faults, lr.max_memory_allocated()))

    lr.fit(model, optimizer, (x, y), batch_size=32, epochs=12, callbacks=[look], progress=False)
    faults, peaks = np.array(seen).T
    assert peaks[-1] == peaks[1]
    # 20 steps an epoch, an epoch's own few arrays included
    assert np.median(np.diff(faults)[4:]) < 10
