"""Early stopping: when it ends a run, what it puts back, and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest

import lrswift as lr
from lrswift.callbacks import EarlyStopping


def data(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, 8)).astype(np.float32)
    return x, (x[:, 0] + 2.0 * rng.standard_normal(rows) > 0).astype(np.int64)


TRAIN, VALID = data(48, 0), data(400, 1)


def network(norm: bool = False) -> lr.nn.Module:
    lr.seed(0)
    layers = [lr.nn.Linear(8, 32), *([lr.nn.BatchNorm1d(32)] if norm else []), lr.nn.ReLU()]
    return lr.nn.Sequential(*layers, lr.nn.Linear(32, 2))


def fit(model, stop, epochs=60, make=lambda p: lr.optim.Adam(p, lr=0.01), **options):
    return lr.fit(
        model, make(model.named_parameters()), TRAIN, VALID, epochs=epochs, batch_size=16, progress=False,
        callbacks=[stop], **options,
    )  # fmt: skip


def valid_loss(model) -> float:
    model.eval()
    found = lr.nn.functional.cross_entropy(model(lr.tensor(VALID[0])), lr.tensor(VALID[1])).item()
    model.train()
    return found


def expected(losses: list[float], patience: int, least: float = 0.0) -> tuple[int, int]:
    """The best epoch and the last one, by the definition, from 1."""
    best, at = math.inf, 0
    for epoch, loss in enumerate(losses, 1):
        if loss < best - least:
            best, at = loss, epoch
        if epoch - max(at, 1) >= patience:
            return at, epoch
    return at, len(losses)


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize(("patience", "least"), [(1, 0.0), (4, 0.0), (3, 0.02)])
def test_ends_where_the_definition_says_with_the_best_weights(norm, patience, least):
    whole = fit(network(norm), lambda history: None)
    losses = [row["valid_loss"] for row in whole.rows]
    best, last = expected(losses, patience, least)
    assert last < 60
    model, stop = network(norm), EarlyStopping(patience=patience, min_delta=least)
    history = fit(model, stop)
    assert [row["valid_loss"] for row in history.rows] == losses[:last]
    assert (stop.best_epoch, stop.stopped_epoch) == (best, last)
    assert valid_loss(model) == pytest.approx(losses[best - 1], rel=1e-5)


def test_also_a_run_that_was_not_ended_gets_its_best_weights():
    model, stop = network(), EarlyStopping(patience=100)
    history = fit(model, stop, epochs=40)
    losses = [row["valid_loss"] for row in history.rows]
    assert stop.stopped_epoch is None
    assert np.argmin(losses) < 39
    assert valid_loss(model) == pytest.approx(min(losses), rel=1e-5)
    model, stop = network(), EarlyStopping(patience=100, restore_best=False)
    history = fit(model, stop, epochs=40)
    assert valid_loss(model) == pytest.approx(history.rows[-1]["valid_loss"], rel=1e-5)


def test_accuracy_is_better_where_it_is_higher():
    stop = EarlyStopping("accuracy", patience=3)
    history = fit(network(), stop)
    found = [-row["accuracy"] for row in history.rows]
    assert (stop.best_epoch, stop.stopped_epoch) == expected(found, 3)


def test_where_a_method_evaluates_is_what_is_kept():
    model, stop = network(), EarlyStopping(patience=4)

    def make(params):
        return lr.optim.AdamW(params, lr=lr.adapt.ScheduleFree(lr=0.02))

    history = fit(model, stop, make=make)
    best = history.rows[stop.best_epoch - 1]["valid_loss"]
    history.optimizer.eval()
    assert valid_loss(model) == pytest.approx(best, rel=1e-5)


def test_auto_falls_before_the_end_and_its_search_does_not_count():
    model, stop = network(), EarlyStopping(patience=15, finish=2)
    history = fit(model, stop, epochs=200, make=lr.optim.Auto)
    searched = int(history.optimizer._core.get("searched"))
    counted = [row for row in history.rows if row["step"] > searched]
    before = len(history.rows) - len(counted)
    assert before > 0
    best, over = expected([row["valid_loss"] for row in counted], 15)
    assert stop.stopped_epoch == len(history.rows) == before + over + 2 < 200
    assert stop.best_epoch >= before + best
    fall = history.rates[-6:, 0]
    np.testing.assert_allclose(fall / history.rates[-7, 0], np.arange(6, 0, -1) / 6, rtol=1e-6)
    assert valid_loss(model) == pytest.approx(min(row["valid_loss"] for row in counted), rel=1e-5)


def test_a_resumed_run_ends_where_it_would_have(tmp_path):
    whole, stop = network(), EarlyStopping(patience=4)
    history = fit(whole, stop)
    file = tmp_path / "run.safetensors"
    fit(network(), EarlyStopping(patience=4), epochs=stop.stopped_epoch - 2, checkpoint=file)
    model, again = network(), EarlyStopping(patience=4)
    with pytest.warns(UserWarning, match="before the run was resumed"):
        resumed = fit(model, again, checkpoint=file, resume=True)
    assert (again.best_epoch, again.stopped_epoch) == (stop.best_epoch, stop.stopped_epoch)
    assert resumed.rows[-1]["valid_loss"] == history.rows[-1]["valid_loss"]


def test_one_object_serves_two_runs():
    stop = EarlyStopping(patience=4)
    fit(network(), stop)
    first = stop.best_epoch, stop.stopped_epoch
    model = network()
    fit(model, stop)
    assert (stop.best_epoch, stop.stopped_epoch) == first


def test_through_torch():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2))
    stop = EarlyStopping(patience=3)
    history = lr.torch.fit(
        module, TRAIN, valid=VALID, epochs=60, batch_size=16, progress=False, callbacks=[stop],
        optimizer=lambda p: lr.optim.Adam(p, lr=0.01),
    )  # fmt: skip
    found = torch.nn.functional.cross_entropy(module(torch.tensor(VALID[0])), torch.tensor(VALID[1]))
    assert found.item() == pytest.approx(history.rows[stop.best_epoch - 1]["valid_loss"], rel=1e-5)


@pytest.mark.parametrize(("options", "match"), [
    ({"patience": 0}, "patience: got 0"), ({"finish": -1}, "finish"), ({"min_delta": -1.0}, "min_delta"),
    ({"higher": "yes"}, "higher"), ({"restore_best": 1}, "restore_best"), ({"metric": 3}, "metric"),
])  # fmt: skip
def test_what_it_refuses(options, match):
    with pytest.raises(lr.ArgumentError, match=match):
        EarlyStopping(**options)


def test_a_number_that_no_row_has_is_named():
    model = network()
    with pytest.raises(lr.ArgumentError, match=r"'valid_loss' is not known; fit\(valid=...\)"):
        lr.fit(
            model, lr.optim.Adam(model.parameters()), TRAIN, epochs=2, progress=False,
            callbacks=[EarlyStopping()],
        )  # fmt: skip
    with pytest.raises(lr.ArgumentError, match="'recall' is not known; allowed: epoch"):
        fit(network(), EarlyStopping("recall"))
