"""Transposes as views: values, derivatives, products that read them as they lie, memory and versions."""

import itertools
from hashlib import sha256 as hash_of

import numpy as np
import pytest

import lrswift as lr


def _random(*shape, dtype="float64", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def _wide(x, **options):
    return lr.tensor(x, dtype="float64", **options)


def test_it_shares_memory_both_ways():
    a = _wide(_random(3, 4))
    view = a.T
    assert np.shares_memory(view.numpy(), a.numpy())
    assert view.numpy().strides == a.numpy().T.strides
    a.numpy()[1, 2] = 7
    assert view.numpy()[2, 1] == 7
    view.numpy()[0, 2] = -5
    assert a.numpy()[2, 0] == -5
    np.testing.assert_array_equal(view.numpy(), a.numpy().T)
    np.testing.assert_array_equal((view + 0.0).numpy(), a.numpy().T)


def test_assign_reads_and_writes_through_a_view():
    a, b = _wide(_random(3, 4)), _random(4, 3, seed=1)
    a.T.assign(_wide(b))
    np.testing.assert_array_equal(a.numpy(), b.T)
    c = _wide(_random(4, 3))
    c.assign(a.T)
    np.testing.assert_array_equal(c.numpy(), b)
    square = _wide(_random(5, 5, seed=2))
    before = square.numpy().copy()
    square.assign(square.T)
    np.testing.assert_array_equal(square.numpy(), before.T)


def test_of_whole_numbers_and_bools():
    for dtype in ("int64", "uint8", "bool"):
        x = (np.arange(12).reshape(3, 4) % 3).astype(dtype)
        t = lr.tensor(x, dtype=dtype)
        np.testing.assert_array_equal(t.T.numpy(), x.T)
        np.testing.assert_array_equal(t.T.reshape(-1).numpy(), x.T.reshape(-1))
        np.testing.assert_array_equal(t.T[1:3].numpy(), x.T[1:3])


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
def test_every_order_of_axes(axes):
    x = _random(2, 3, 4)
    t = _wide(x)
    view = t.transpose(*axes)
    np.testing.assert_array_equal(view.numpy(), x.transpose(axes))
    np.testing.assert_array_equal(lr.exp(view).numpy(), lr.exp(_wide(x.transpose(axes))).numpy())
    np.testing.assert_array_equal(view.reshape(6, 4).numpy(), x.transpose(axes).reshape(6, 4))
    again = view.transpose(2, 0, 1)
    np.testing.assert_array_equal(again.numpy(), x.transpose(axes).transpose(2, 0, 1))
    np.testing.assert_array_equal((view + again.transpose(1, 2, 0)).numpy(), 2 * x.transpose(axes))
    assert view.detach().numpy().strides == view.numpy().strides


def _laid(x, order):
    """x as a view of an array in which its axes have another order."""
    back = np.argsort(order)
    return lambda given: given.transpose(*map(int, back)), np.ascontiguousarray(x.transpose(order))


ORDERS = [(0, 1, 2, 3), (0, 1, 3, 2), (0, 2, 1, 3), (2, 0, 1, 3), (3, 2, 0, 1), (1, 0, 3, 2)]


@pytest.mark.parametrize("left", ORDERS)
@pytest.mark.parametrize("right", ORDERS)
def test_products_read_views_as_they_lie(left, right):
    x, w = _random(2, 3, 5, 4), _random(2, 3, 4, 6, seed=1)
    read_x, laid_x = _laid(x, left)
    read_w, laid_w = _laid(w, right)
    a, b = (_wide(v, requires_grad=True) for v in (laid_x, laid_w))

    def loss():
        return (((read_x(a) @ read_w(b)) ** 2) * 0.5).sum()

    y = x @ w
    np.testing.assert_allclose((read_x(a) @ read_w(b)).numpy(), y, rtol=1e-12, atol=1e-12)

    def gradients():
        a.grad = b.grad = None
        loss().backward()
        return a.grad.numpy().copy(), b.grad.numpy().copy()

    gx, gw = gradients()
    np.testing.assert_allclose(gx, (y @ w.swapaxes(-1, -2)).transpose(left), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(gw, (x.swapaxes(-1, -2) @ y).transpose(right), rtol=1e-11, atol=1e-11)

    # H v from gradients at a + h v
    va, vb = _random(*laid_x.shape, seed=2), _random(*laid_w.shape, seed=3)
    exact = lr.hvp(loss, [a, b], [va, vb])
    h = 1e-6
    sides = []
    for sign in (1, -1):
        a.assign(_wide(laid_x + sign * h * va))
        b.assign(_wide(laid_w + sign * h * vb))
        sides.append(gradients())
    for found, up, down in zip(exact, *sides, strict=True):
        np.testing.assert_allclose(found.numpy(), (up - down) / (2 * h), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [(1, 1, 1), (1, 7, 5), (5, 1, 7), (7, 5, 1), (33, 17, 129), (200, 130, 70)])
def test_matrices_and_vectors(dtype, sizes):
    n, m, k = sizes
    x, w, v = _random(k, n, dtype=dtype), _random(m, k, dtype=dtype, seed=1), _random(k, dtype=dtype, seed=2)
    a, b, c = (lr.tensor(t, dtype=dtype) for t in (x, w, v))
    tolerance = {"rtol": 1e-4, "atol": 1e-4} if dtype == "float32" else {"rtol": 1e-11, "atol": 1e-11}
    np.testing.assert_allclose((a.T @ b.T).numpy(), x.T @ w.T, **tolerance)
    np.testing.assert_allclose((a.T @ c).numpy(), x.T @ v, **tolerance)
    np.testing.assert_allclose((c @ b.T).numpy(), v @ w.T, **tolerance)
    linear = lr.nn.functional.linear(a.T, b, lr.tensor(np.ones(m), dtype=dtype))
    np.testing.assert_allclose(linear.numpy(), x.T @ w.T + 1, **tolerance)


def test_a_change_of_the_memory_is_seen_by_backward():
    a = _wide(_random(3, 4), requires_grad=True)
    held = a.numpy()
    loss = lr.exp(a.T @ a).sum()
    held[0, 0] += 1
    with pytest.raises(lr.ArgumentError, match="has changed"):
        loss.backward()


def test_a_view_cannot_be_learned_a_clone_can():
    view = _wide(_random(3, 4)).T
    with pytest.raises(lr.ArgumentError, match="clone"):
        view.requires_grad = True
    own = view.clone()
    own.requires_grad = True
    (own * own).sum().backward()
    np.testing.assert_allclose(own.grad.numpy(), 2 * own.numpy())
    np.testing.assert_array_equal(lr.nn.Parameter(view).numpy(), view.numpy())


def test_seeds_and_gradients_may_be_views():
    x = _random(3, 4)
    a = _wide(x, requires_grad=True)
    seed = _wide(_random(4, 3, seed=1)).T
    (a * 2.0).backward(seed)
    np.testing.assert_array_equal(a.grad.numpy(), 2 * seed.numpy())
    a.grad = seed
    np.testing.assert_array_equal(a.grad.numpy(), seed.numpy())


def test_a_recorded_loss_reads_them_anew_for_every_batch():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 6)).astype(np.float32)
    y = rng.standard_normal((64, 3)).astype(np.float32)

    class Net(lr.nn.Module):
        def __init__(self, views):
            super().__init__()
            self.weight = lr.nn.Parameter(np.full((3, 6), 0.1, np.float32))
            self.views = views

        def forward(self, v):
            if self.views:
                return (self.weight @ v.T).T + lr.tanh(v[:, :3].T).T
            return v @ self.weight.T.clone() + lr.tanh(v[:, :3])

    ends = []
    for views in (True, False):
        model = Net(views)
        loss = lr.nn.functional.mse_loss
        lr.fit(model, lr.optim.SGD(model.parameters(), lr=0.05), (x, y), loss=loss, epochs=3, batch_size=16)
        ends.append(model.weight.numpy().copy())
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-5)


def test_memory_of_others():
    torch = pytest.importorskip("torch")
    a = _wide(_random(3, 4))
    for taken in (torch.from_dlpack(a.T), torch.from_numpy(a.T.numpy())):
        assert taken.stride() == (1, 4)
        np.testing.assert_array_equal(taken.numpy(), a.numpy().T)
    with pytest.raises(BufferError, match="clone"):
        hash_of(a.T)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(16, 16), (33, 50), (160, 31), (3, 40, 37), (33, 2, 48), (5, 4, 32, 33)])
def test_copies_of_large_views(dtype, shape):
    x = _random(*shape, dtype=dtype)
    x.flat[::7] = [-0.0, np.nan, np.inf][len(shape) - 2]
    t = lr.tensor(x, dtype=dtype, requires_grad=True)
    for axes in itertools.permutations(range(len(shape))):
        copied = t.transpose(*axes).reshape(-1)
        np.testing.assert_array_equal(copied.numpy(), x.transpose(axes).reshape(-1))
        t.grad = None
        g = _random(x.size, seed=1).astype(dtype)
        copied.backward(g)
        back = g.reshape(x.transpose(axes).shape).transpose(np.argsort(axes))
        np.testing.assert_array_equal(t.grad.numpy(), back)
