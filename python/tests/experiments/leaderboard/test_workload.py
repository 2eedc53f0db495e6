"""A workload's network, batches and budget."""

import numpy as np
import pytest
from tiny_workload import TINY, line, points

import lrswift as lr
from lrswift.experiments.leaderboard.workload import Workload, prepared


def test_a_seed_alone_decides_network_and_batches():
    first, again, other = (TINY.network(seed).state_dict() for seed in (1, 1, 2))
    np.testing.assert_array_equal(first["weight"], again["weight"])
    assert not np.array_equal(first["weight"], other["weight"])
    data = prepared(TINY)
    np.testing.assert_array_equal(data.order(1), data.order(1))
    assert not np.array_equal(data.order(1), data.order(2))


def test_a_pass_sees_no_row_twice_and_fills_every_batch():
    data = prepared(TINY)
    order = data.order(5)
    assert (data.per_epoch, order.shape, order.dtype) == (7, (40, 8), np.int64)
    for start in range(0, 40, 7):
        rows = order[start : start + 7].ravel()
        assert len(set(rows)) == len(rows)
        assert 0 <= rows.min() <= rows.max() < 60


def test_a_batch_may_be_all_of_the_data():
    whole = Workload("w", "reporting", "test", "", points, line, lr.nn.functional.mse_loss, 2048, 3)
    data = prepared(whole)
    assert data.per_epoch == 1
    np.testing.assert_array_equal(np.sort(data.order(0), 1), np.tile(np.arange(60), (3, 1)))


@pytest.mark.parametrize(
    "change, words",
    [
        ({"half": "both"}, "half: got 'both'; allowed: choosing, reporting"),
        ({"batch": 0}, "batch: got 0; allowed: an integer of at least 1"),
        ({"steps": 2.5}, "steps: got 2.5"),
        ({"valid_batch": -1}, "valid_batch: got -1"),
    ],
)
def test_what_is_out_of_bounds_is_named(change, words):
    given = {
        "name": "w", "half": "choosing", "kind": "test", "about": "", "data": points, "model": line,
        "loss": lr.nn.functional.mse_loss, "batch": 8, "steps": 40,
    }  # fmt: skip
    with pytest.raises(lr.ArgumentError, match=words):
        Workload(**{**given, **change})
