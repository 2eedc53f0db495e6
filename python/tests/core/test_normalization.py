"""Fused batch and layer normalization beside the same in plain operations."""

import numpy as np
import pytest

import lrswift as lr
from lrswift import _core
from lrswift.nn import functional as F


def assert_same_derivatives(fused, composed, primals, tangents, rtol):
    """Gradients, products along tangents, and Hessian products."""

    def curvature(f):
        leaves = [lr.tensor(p, requires_grad=True) for p in primals]
        return lr.hvp(lambda: f(*leaves), leaves, tangents)

    for got, wanted in (
        (lr.grad(fused)(*primals), lr.grad(composed)(*primals)),
        (lr.jvp(fused, primals, tangents), lr.jvp(composed, primals, tangents)),
        (curvature(fused), curvature(composed)),
    ):
        for a, b in zip(got, wanted, strict=True):
            scale = np.abs(b.numpy()).max()
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=rtol, atol=rtol * scale)


def _layer_norm_composed(x, w, b):
    """What the fused layer normalization is in plain operations."""
    axes = tuple(range(x.ndim - w.ndim, x.ndim))
    centered = x - x.mean(axes, keepdims=True)
    return centered / (centered.square().mean(axes, keepdims=True) + 1e-5).sqrt() * w + b


@pytest.mark.parametrize("shape", [(37,), (3, 21)])
@pytest.mark.parametrize("moving", [(0, 1, 2), (0,), (1, 2), (2,)])
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-9), (np.float32, 2e-4)])
def test_fused_layer_norm_is_the_composed_one_in_all_four_passes(shape, moving, dtype, rtol):
    random = np.random.default_rng(13)

    def array(*shape):
        return lr.tensor(random.uniform(-2, 2, shape), dtype=dtype)

    inputs = [array(4, 5, *shape), array(*shape), array(*shape)]
    primals, weights = [inputs[i] for i in moving], array(4, 5, *shape)
    tangents = [array(2, *p.shape) for p in primals]

    def loss(function):
        def run(*leaves):
            given = dict(zip(moving, leaves, strict=True))
            y = function(*(given.get(i, inputs[i]) for i in range(3)))
            return (y * y * y * weights).sum()

        return run

    fused, composed = loss(F.layer_norm), loss(_layer_norm_composed)
    assert_same_derivatives(fused, composed, primals, tangents, rtol)


def _rms_norm_composed(x, w):
    """What the fused normalization by the root mean square is in plain operations."""
    axes = tuple(range(x.ndim - w.ndim, x.ndim))
    return x / (x.square().mean(axes, keepdims=True) + 1e-3).sqrt() * w


# sums over the widest rows cancel beyond float32
@pytest.mark.parametrize(
    ("dtype", "rtol", "shape"),
    [(np.float64, 1e-9, s) for s in ((37,), (3, 21), (1,), (2500,))]
    + [(np.float32, 2e-4, s) for s in ((37,), (3, 21), (1,))],
)
@pytest.mark.parametrize("moving", [(0, 1), (0,), (1,)])
def test_fused_rms_norm_is_the_composed_one_in_all_four_passes(shape, moving, dtype, rtol):
    random = np.random.default_rng(14)

    def array(*shape):
        return lr.tensor(random.uniform(-2, 2, shape), dtype=dtype)

    inputs = [array(4, 5, *shape), array(*shape)]
    primals, weights = [inputs[i] for i in moving], array(4, 5, *shape)
    tangents = [array(2, *p.shape) for p in primals]

    def loss(function):
        def run(*leaves):
            given = dict(zip(moving, leaves, strict=True))
            y = function(*(given.get(i, inputs[i]) for i in range(2)))
            return (y * y * y * weights).sum()

        return run

    fused, composed = loss(lambda x, w: F.rms_norm(x, w, 1e-3)), loss(_rms_norm_composed)
    assert_same_derivatives(fused, composed, primals, tangents, rtol)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rms_norm_is_that_of_torch(dtype):
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(15)
    x, w, g = (random.normal(size=s).astype(dtype) for s in ((3, 4, 70), 70, (3, 4, 70)))
    units = 40 * np.finfo(dtype).eps
    for eps in (None, 1e-2):
        layer = lr.nn.RMSNorm(70, eps).to(dtype)
        layer.load_state_dict({"weight": w})
        a = lr.tensor(x, dtype=dtype, requires_grad=True)
        loss = (layer(a) * g).sum()
        p, q = (torch.tensor(v, requires_grad=True) for v in (x, w))
        expected = torch.nn.functional.rms_norm(p, (70,), q, eps)
        (expected * torch.tensor(g)).sum().backward()
        np.testing.assert_allclose(layer(a).numpy(), expected.detach().numpy(), rtol=units, atol=units)
        loss.backward()
        for mine, theirs in ((a.grad, p.grad), (layer.weight.grad, q.grad)):
            bound = units * np.abs(theirs.numpy()).max()
            np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=units, atol=bound)


def test_rms_norm_refuses_other_shapes_and_eps():
    with pytest.raises(lr.ShapeError, match=r"rms_norm: x: got shape \(2, 4\); allowed: \[\.\.\., 6\]"):
        lr.nn.RMSNorm(6)(lr.ones(2, 4))
    for eps in (0.0, -1.0, float("nan")):
        with pytest.raises(lr.ArgumentError, match="eps"):
            lr.nn.RMSNorm(6, eps)
        with pytest.raises(lr.ArgumentError, match="eps"):
            F.rms_norm(lr.ones(2, 6), lr.ones(6), eps)


def test_layer_norm_adds_up_where_one_tensor_is_weight_and_bias():
    random = np.random.default_rng(15)
    x, both = lr.tensor(random.normal(size=(3, 6))), lr.tensor(random.normal(size=6), requires_grad=True)
    weight, bias = (lr.tensor(both.numpy(), requires_grad=True) for _ in range(2))
    F.layer_norm(x, both, both).square().sum().backward()
    F.layer_norm(x, weight, bias).square().sum().backward()
    np.testing.assert_allclose(both.grad.numpy(), weight.grad.numpy() + bias.grad.numpy(), rtol=1e-6)


def test_fused_layer_norm_has_the_same_bits_for_any_number_of_threads(set_threads):
    x = np.random.default_rng(14).normal(size=(3000, 50)).astype(np.float32)
    results = []
    for threads in (1, 2, 3, 7):
        set_threads(threads)
        layer = lr.nn.LayerNorm(50)
        leaf = lr.tensor(x, requires_grad=True)
        layer(leaf).square().sum().backward()
        results.append([leaf.grad.numpy(), layer.weight.grad.numpy(), layer.bias.grad.numpy()])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a.view(np.uint32), b.view(np.uint32))


def _composed(x, w, b, mean, var, residual=None, relu=False):
    """What the fused batch normalization is in plain operations."""
    axes = tuple(range(x.ndim - 1))
    if mean is None:
        mean = x.mean(axes)
        var = (x - mean).square().mean(axes)
    y = F.batch_norm(x, mean, var, w, b)
    y = y if residual is None else y + residual
    return F.relu(y) if relu else y


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-9), (np.float32, 2e-4)])
def test_fused_batch_norm_is_the_composed_one_in_all_four_passes(training, relu, residual, dtype, rtol):
    random = np.random.default_rng(11)
    c = 19

    def array(*shape, low=-2.0):
        return lr.tensor(random.uniform(low, 2, shape), dtype=dtype)

    primals = [array(3, 4, 5, c), array(c), array(c)]
    if residual:
        primals.append(array(3, 4, 5, c))
    mean, var, weights = array(c), array(c, low=0.5), array(3, 4, 5, c)
    attributes = {"training": training, "relu": relu}

    def fused(x, w, b, *rest):
        y = _core.apply("batch_norm", (x, w, b, mean, var, *rest), attributes)
        return (y * y * weights).sum()

    def composed(x, w, b, *rest):
        statistics = (None, None) if training else (mean, var)
        y = _composed(x, w, b, *statistics, *rest, relu=relu)
        return (y * y * weights).sum()

    tangents = [array(2, *p.shape) for p in primals]

    assert_same_derivatives(fused, composed, primals, tangents, rtol)


def test_fused_batch_norm_has_the_same_bits_for_any_number_of_threads(set_threads):
    x = np.random.default_rng(12).normal(size=(40, 9, 9, 20)).astype(np.float32)
    results = []
    for threads in (1, 2, 3, 7):
        set_threads(threads)
        layer = lr.nn.BatchNorm2d(20)
        leaf = lr.tensor(x, requires_grad=True)
        layer(leaf, residual=leaf, relu=True).square().sum().backward()
        results.append([leaf.grad.numpy(), layer.weight.grad.numpy(), layer.running_var.numpy()])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a.view(np.uint32), b.view(np.uint32))


def test_batch_norm_refuses_a_residual_of_another_shape():
    with pytest.raises(lr.ShapeError, match="residual"):
        lr.nn.BatchNorm2d(3)(lr.ones(2, 4, 4, 3), residual=lr.ones(2, 4, 4, 1))
