"""Batches: seeded, and going on where they were."""

import numpy as np
import pytest

import lrswift as lr


def test_batches():
    batches = lr.data.Batches(np.arange(10), np.arange(10) * 2, batch_size=4, seed=7)
    first = list(batches)
    assert [len(x) for x, _ in first] == [4, 4, 2]
    assert sorted(np.concatenate([x for x, _ in first])) == list(range(10))
    assert all((y == 2 * x).all() for x, y in first)
    second = list(batches)
    assert any((a[0] != b[0]).any() for a, b in zip(first, second, strict=True))
    again = lr.data.Batches(np.arange(10), np.arange(10) * 2, batch_size=4, seed=7)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a[0], b[0])
    assert len(lr.data.Batches(np.arange(10), batch_size=4, drop_last=True)) == 2
    state = batches.state_dict()
    expected = [x.tolist() for x, _ in batches]
    batches.load_state_dict(state)
    assert [x.tolist() for x, _ in batches] == expected


@pytest.mark.parametrize(
    "state",
    [
        None, [], {}, {"seed": 1, "epoch": 2}, {"seed": -1, "epoch": 2, "position": 0},
        {"seed": 1, "epoch": -2, "position": 0}, {"seed": 1, "epoch": 0, "position": 4},
        {"seed": 1, "epoch": 2.5, "position": 0}, {"seed": 2**64, "epoch": 0, "position": 0},
        {"seed": "x", "epoch": 0, "position": 0},
    ],
)  # fmt: skip
def test_other_states_are_refused_and_nothing_changes(state):
    batches = lr.data.Batches(np.arange(10), batch_size=4, seed=7)
    next(iter(batches))
    with pytest.raises(lr.ArgumentError, match="Batches: state"):
        batches.load_state_dict(state)
    assert batches.state_dict() == {"seed": 7, "epoch": 0, "position": 1}
