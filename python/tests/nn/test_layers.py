"""Layers and losses against NumPy."""

import numpy as np
import pytest

import lrswift as lr

F = lr.nn.functional
rng = np.random.default_rng(0)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_linear():
    layer = lr.nn.Linear(5, 3)
    x = rng.normal(size=(4, 5))
    expected = x @ layer.weight.numpy().T + layer.bias.numpy()
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-5, atol=1e-6)
    assert layer(rng.normal(size=(2, 4, 5))).shape == (2, 4, 3)
    with pytest.raises(lr.ShapeError, match=r"linear: x: got shape \(4, 6\)"):
        layer(np.ones((4, 6)))
    with pytest.raises(TypeError, match="int64"):
        layer(np.ones((4, 5), int))
    with pytest.raises(ValueError, match="in_features"):
        lr.nn.Linear(0, 3)


@pytest.mark.parametrize(
    ("layer", "bound"),
    [(lambda: lr.nn.Linear(400, 300), 1 / 20), (lambda: lr.nn.Conv2d(16, 64, 5), 1 / 20)],
    ids=["Linear", "Conv2d"],
)
def test_initial_values_as_pytorch(layer, bound):
    lr.seed(0)
    made = layer()
    w, b = made.weight.numpy(), made.bias.numpy()
    assert np.abs(w).max() <= bound
    assert np.abs(b).max() <= bound
    assert np.abs(w).max() > 0.99 * bound
    np.testing.assert_allclose(w.std(), bound / np.sqrt(3), rtol=0.02)
    lr.seed(0)
    np.testing.assert_array_equal(layer().weight.numpy(), w)


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1), ((1, 2), (2, 0))])
def test_conv2d(stride, padding):
    layer = lr.nn.Conv2d(3, 4, 3, stride, padding)
    x = rng.normal(size=(2, 7, 8, 3)).astype(np.float32)
    s, p = layer.stride, layer.padding
    padded = np.pad(x, ((0, 0), (p[0],) * 2, (p[1],) * 2, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))[:, :: s[0], :: s[1]]
    expected = np.einsum("nhwcij,ijco->nhwo", windows, layer.weight.numpy()) + layer.bias.numpy()
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(lr.ShapeError):
        layer(np.ones((2, 7, 8, 2)))


def test_pools():
    x = rng.normal(size=(2, 6, 4, 3)).astype(np.float32)
    blocks = x.reshape(2, 3, 2, 2, 2, 3)
    np.testing.assert_array_equal(F.max_pool2d(x, 2).numpy(), blocks.max((2, 4)))
    np.testing.assert_allclose(F.avg_pool2d(x, 2).numpy(), blocks.mean((2, 4)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(lr.nn.GlobalAvgPool2d()(x).numpy(), x.mean((1, 2)), rtol=1e-5, atol=1e-6)
    assert lr.nn.MaxPool2d(3, 1)(x).shape == (2, 4, 2, 3)
    with pytest.raises(ValueError, match="size"):
        F.max_pool2d(x, 0)


@pytest.mark.parametrize(("size", "stride", "padding"), [(2, 2, 0), (3, 2, 1), (2, 1, 0), (17, 17, 0)])
def test_max_pool_in_single_precision_is_that_in_double(size, stride, padding):
    random = np.random.default_rng(6)
    # whole numbers: every sum is exact
    x = random.permutation(2 * 18 * 18 * 5).reshape(2, 18, 18, 5)
    v = random.integers(-4, 5, (3, *x.shape))

    def passes(dtype):
        leaf, tangents = lr.tensor(x, dtype=dtype, requires_grad=True), lr.tensor(v, dtype=dtype)
        _, moved = lr.jvp(lambda t: F.max_pool2d(t, size, stride, padding), (leaf,), (tangents,))
        pooled = F.max_pool2d(leaf, size, stride, padding)
        weights = lr.tensor(np.arange(pooled.size).reshape(pooled.shape) % 7, dtype=dtype)
        gradient = lr.grad(lambda t: (F.max_pool2d(t, size, stride, padding) * weights).sum())(leaf)
        bent = lr.hvp(lambda: F.max_pool2d(leaf, size, stride, padding).square().sum(), [leaf], [tangents])
        return [t.numpy() for t in (pooled, moved, gradient, bent[0])]

    for single, double in zip(passes("float32"), passes("float64"), strict=True):
        assert single.dtype == np.float32
        np.testing.assert_array_equal(single, double)


def test_losses():
    logits = rng.normal(size=(6, 4)) * 30
    labels = np.array([0, 1, 2, 3, 0, 1])
    expected = -np.log(softmax(logits))[np.arange(6), labels].mean()
    x = lr.tensor(logits, dtype="float64", requires_grad=True)
    loss = F.cross_entropy(x, labels)
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-12)
    loss.backward()
    np.testing.assert_allclose(x.grad.numpy(), (softmax(logits) - np.eye(4)[labels]) / 6, atol=1e-12)
    np.testing.assert_allclose(F.softmax(x).numpy(), softmax(logits), rtol=1e-10)
    np.testing.assert_allclose(F.log_softmax(x).numpy(), np.log(softmax(logits)), rtol=1e-10, atol=1e-12)
    a, b = rng.normal(size=(2, 5, 3))
    np.testing.assert_allclose(F.mse_loss(a, b).item(), ((a - b) ** 2).mean(), rtol=1e-6)


def test_loss_errors():
    logits = lr.zeros(3, 2)
    for labels in ([0, 1, 2], [0, -1, 1]):
        with pytest.raises(ValueError, match="label"):
            F.cross_entropy(logits, labels)
    with pytest.raises(lr.ShapeError):
        F.cross_entropy(logits, [0, 1])
    with pytest.raises(TypeError, match="labels"):
        F.cross_entropy(logits, [0.0, 1.0, 1.0])
    with pytest.raises(ValueError):
        F.cross_entropy(lr.zeros(0, 2), np.zeros(0, int))
    with pytest.raises(lr.ShapeError, match="target"):
        F.mse_loss(lr.zeros(3, 1), lr.zeros(3))


def test_dropout():
    lr.seed(0)
    x = lr.ones(200, 100)
    y = F.dropout(x, 0.25).numpy()
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((y == 0).mean() - 0.25) < 0.02
    layer = lr.nn.Dropout(0.25)
    np.testing.assert_array_equal(layer.eval()(x).numpy(), x.numpy())
    lr.seed(5)
    first = layer.train()(x).numpy()
    lr.seed(5)
    np.testing.assert_array_equal(layer(x).numpy(), first)
    for p in (1.0, -0.1):
        with pytest.raises(ValueError, match="p: got"):
            lr.nn.Dropout(p)


@pytest.mark.parametrize(("layer", "shape"), [(lr.nn.BatchNorm1d, (8, 3)), (lr.nn.BatchNorm2d, (4, 5, 6, 3))])
def test_batch_norm(layer, shape):
    norm = layer(3)
    norm.weight.assign(lr.tensor([1.0, 2.0, 0.5]))
    norm.bias.assign(lr.tensor([0.0, -1.0, 3.0]))
    x = rng.normal(2.0, 3.0, size=shape)
    axes = tuple(range(len(shape) - 1))
    mean, var, n = x.mean(axes), x.var(axes), x.size // 3
    w, b = norm.weight.numpy(), norm.bias.numpy()
    np.testing.assert_allclose(
        norm(x).numpy(), (x - mean) / np.sqrt(var + 1e-5) * w + b, rtol=1e-3, atol=1e-4
    )
    np.testing.assert_allclose(norm.running_mean.numpy(), 0.1 * mean, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(norm.running_var.numpy(), 0.9 + 0.1 * var * n / (n - 1), rtol=1e-4)
    norm.eval()
    kept = norm.running_mean.numpy().copy()
    expected = (x - kept) / np.sqrt(norm.running_var.numpy() + 1e-5) * w + b
    np.testing.assert_allclose(norm(x).numpy(), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(norm.running_mean.numpy(), kept)
    assert [*norm.state_dict()] == ["weight", "bias", "running_mean", "running_var"]
    with pytest.raises(lr.ShapeError, match="C = 3"):
        norm(np.ones((*shape[:-1], 4)))


def test_layer_norm_and_embedding():
    x = rng.normal(size=(4, 6))
    expected = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(lr.nn.LayerNorm(6)(x).numpy(), expected, rtol=1e-4, atol=1e-5)
    table = lr.nn.Embedding(5, 3)
    index = np.array([[0, 4], [2, 2]])
    np.testing.assert_array_equal(table(index).numpy(), table.weight.numpy()[index])
    table(index).sum().backward()
    np.testing.assert_array_equal(table.weight.grad.numpy()[:, 0], [1, 0, 2, 0, 1])


@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("shape", [(3, 6), (2, 4, 5, 6)])
def test_group_norm(groups: int, shape: tuple[int, ...]):
    x = rng.normal(size=shape)
    layer = lr.nn.GroupNorm(groups, 6).to(lr.float64)
    weight, bias = rng.normal(size=6), rng.normal(size=6)
    layer.load_state_dict({"weight": weight, "bias": bias})
    expected = np.empty_like(x)
    for n in range(shape[0]):
        for part in np.split(np.arange(6), groups):
            values = x[n, ..., part]
            expected[n, ..., part] = (values - values.mean()) / np.sqrt(values.var() + 1e-5)
    given = lr.tensor(x, dtype="float64")
    np.testing.assert_allclose(layer(given).numpy(), expected * weight + bias, rtol=1e-10, atol=1e-12)
    with pytest.raises(lr.ArgumentError, match="num_groups: got 4; allowed: a divisor"):
        lr.nn.GroupNorm(4, 6)
    with pytest.raises(lr.ShapeError, match=r"allowed: \[N, ..., 6\]"):
        layer(given.reshape(-1, 3))
