"""Parts of a tensor that lie in one piece are views: memory, versions, gradients, recorded losses, files."""

import pickle

import numpy as np
import pytest

import lrswift as lr
from lrswift.errors import ArgumentError
from lrswift.loop.recorder import Recorder

KEYS = {
    "rows": slice(1, 4), "a row": 2, "the last row": -1, "a part of a row": (1, slice(2, 5)),
    "a number": (3, 1), "all": slice(None), "none": slice(2, 2), "one row": (slice(2, 3), slice(0, 2)),
}  # fmt: skip


def _matrix(**options):
    return lr.tensor(np.random.default_rng(0).standard_normal((5, 6)), dtype="float64", **options)


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_they_share_memory_both_ways(key):
    a = _matrix()
    part, expected = a[key], a.numpy()[key]
    np.testing.assert_array_equal(part.numpy(), expected)
    assert part.shape == expected.shape
    assert expected.size == 0 or np.shares_memory(part.numpy(), a.numpy())
    part.assign(part * 2.0)
    np.testing.assert_array_equal(a.numpy()[key], part.numpy())
    a.numpy()[...] = 3.0
    assert (part.numpy() == 3.0).all()


@pytest.mark.parametrize("key", [(slice(None), 2), slice(0, 4, 2), (slice(1, 3), slice(0, 2)), [0, 1]])
def test_what_lies_in_pieces_is_copied(key):
    a = _matrix()
    np.testing.assert_array_equal(a[key].numpy(), a.numpy()[key])
    assert not np.shares_memory(a[key].numpy(), a.numpy())


def test_overlapping_parts_are_assigned_as_by_numpy():
    a, x = _matrix(), _matrix().numpy().copy()
    a[1:4].assign(a[0:3])
    x[1:4] = x[0:3].copy()
    np.testing.assert_array_equal(a.numpy(), x)
    a[0:3].assign(a[2:5])
    x[0:3] = x[2:5].copy()
    np.testing.assert_array_equal(a.numpy(), x)


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8", "bool"])
def test_of_any_dtype(dtype):
    x = (np.arange(24).reshape(4, 3, 2) % 2).astype(dtype)
    t = lr.tensor(x, dtype=dtype)
    for key in (1, slice(1, 3), (2, slice(0, 2)), (3, 1), (0, 2, 1)):
        np.testing.assert_array_equal(t[key].numpy(), x[key])
        assert np.shares_memory(t[key].numpy(), t.numpy())
    assert [row.shape for row in t] == [(3, 2)] * 4
    np.testing.assert_array_equal(np.stack([row.numpy() for row in t]), x)


def test_parts_of_parts_and_of_other_views():
    a = _matrix()
    x = a.numpy()
    np.testing.assert_array_equal(a[1:4][1:][0][2:4].numpy(), x[2, 2:4])
    assert np.shares_memory(a[1:4][1:][0].numpy(), x)
    np.testing.assert_array_equal(a.reshape(3, 10)[1:].reshape(-1).numpy(), x.reshape(-1)[10:])
    np.testing.assert_array_equal(a.T[1:3].numpy(), x.T[1:3])
    np.testing.assert_array_equal((a[1:3].T @ a[3:5]).numpy(), x[1:3].T @ x[3:5])
    del a
    np.testing.assert_array_equal(x[1:4].T[0], x[1:4, 0])


def test_gradients_are_those_of_the_whole():
    a = _matrix(requires_grad=True)
    weights = np.random.default_rng(1).standard_normal((2, 6))

    def loss():
        return ((a[1:3] * weights) ** 2).sum() + (a[4] * a[1]).sum() + a[2, 3] * a[0, 0]

    loss().backward()
    x, expected = a.numpy(), np.zeros((5, 6))
    expected[1:3] += 2 * x[1:3] * weights**2
    expected[4] += x[1]
    expected[1] += x[4]
    expected[2, 3] += x[0, 0]
    expected[0, 0] += x[2, 3]
    np.testing.assert_allclose(a.grad.numpy(), expected, rtol=1e-13)
    v = np.random.default_rng(2).standard_normal((5, 6))
    product = np.zeros((5, 6))
    product[1:3] += 2 * v[1:3] * weights**2
    product[4] += v[1]
    product[1] += v[4]
    product[2, 3] += v[0, 0]
    product[0, 0] += v[2, 3]
    np.testing.assert_allclose(lr.hvp(loss, [a], [v])[0].numpy(), product, rtol=1e-13)


@pytest.mark.parametrize("writes", ["assign", "numpy", "the whole by numpy"])
def test_a_write_through_a_part_is_seen_by_graphs_of_the_whole(writes):
    a, w = _matrix(), _matrix(requires_grad=True)
    loss = (a * w).sum()
    part = a[2:4]
    if writes == "assign":
        part.assign(part * 2.0)
    else:
        target = part.numpy() if writes == "numpy" else a.numpy()
        loss = (a * w).sum()
        target[0, 0] += 1.0
    with pytest.raises(ArgumentError, match="has changed"):
        loss.backward()


@pytest.mark.parametrize("part", [False, True])
def test_a_write_that_is_over_is_seen(part):
    a, w = _matrix(), _matrix(requires_grad=True)
    loss = (a[1:3] * w[1:3]).sum() if part else (a * w).sum()
    a.numpy()
    loss.backward()
    loss = (a[1:3] * w[1:3]).sum() if part else (a * w).sum()
    a.numpy()[2, 0] += 1.0
    with pytest.raises(ArgumentError, match="has changed"):
        loss.backward()


def test_a_write_to_the_whole_is_seen_by_graphs_of_a_part():
    a, w = _matrix(), _matrix(requires_grad=True)
    loss = (a[2:4] * w[2:4]).sum()
    a.assign(a * 2.0)
    with pytest.raises(ArgumentError, match="has changed"):
        loss.backward()


def test_a_part_can_be_learned_and_moves_no_other_rows():
    a = _matrix()
    before = a.numpy().copy()
    part = a[1:3]
    part.requires_grad = True
    optimizer = lr.optim.SGD([part], lr=0.1, momentum=0.9)
    for _ in range(3):
        optimizer.zero_grad()
        loss = (part**2).sum()
        loss.backward()
        optimizer.step(loss)
    assert np.abs(part.numpy() - before[1:3]).min() > 0
    np.testing.assert_array_equal(np.delete(a.numpy(), [1, 2], 0), np.delete(before, [1, 2], 0))
    # rates that put parameters back
    model = lr.optim.SGD([part], lr=lr.adapt.SLS())
    model.minimize(lambda: ((part - 1.0) ** 2).sum())
    np.testing.assert_array_equal(np.delete(a.numpy(), [1, 2], 0), np.delete(before, [1, 2], 0))


def test_in_a_recorded_loss():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((12, 4, 3)), rng.standard_normal((12, 3))
    first = lr.tensor(rng.standard_normal((3, 3)), dtype="float64")

    class Rows(lr.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = lr.nn.Parameter(first)

        def forward(self, x):
            h = lr.zeros(x.shape[0], 3, dtype="float64")
            for step in x.transpose(1, 0, 2).reshape(4, -1, 3) * 1.0:
                h = lr.tanh(step @ self.w + h)
            return h

    model = Rows()
    w = model.w
    data = (lr.tensor(x, dtype="float64"), lr.tensor(y, dtype="float64"))
    optimizer = lr.optim.SGD(model.parameters(), lr=0.1)
    program = Recorder(model, lr.nn.functional.mse_loss).program(data, 6)
    start = w.numpy().copy()
    rows = np.array([[0, 3, 5, 7, 9, 11], [1, 2, 4, 6, 8, 10]])
    _, losses, _ = program.run(optimizer._core, data, rows, np.inf)
    replayed = w.numpy().copy()
    w.assign(lr.tensor(start, dtype="float64"))
    eager = []
    for batch in rows:
        optimizer.zero_grad()
        loss = lr.nn.functional.mse_loss(model(data[0][list(batch)]), data[1][list(batch)])
        loss.backward()
        optimizer.step(loss)
        eager.append(loss.item())
    np.testing.assert_array_equal(np.frombuffer(losses), eager)
    np.testing.assert_array_equal(replayed, w.numpy())


def test_copies_files_and_other_libraries():
    a = _matrix()
    part = a[1:3]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(part)).numpy(), part.numpy())
    assert not np.shares_memory(part.clone().numpy(), a.numpy())
    shared = np.from_dlpack(part)
    np.testing.assert_array_equal(shared, part.numpy())
    assert np.shares_memory(shared, a.numpy())
    kept = part.detach()
    a.numpy()[1, 0] = 42.0
    assert kept.numpy()[0, 0] == 42.0
