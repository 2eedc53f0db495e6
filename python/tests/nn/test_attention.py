"""Attention as one operation beside its composed definition, finite differences and PyTorch."""

import math

import numpy as np
import pytest

import lrswift as lr
from lrswift.nn import functional as F
from lrswift.tensors.operations import run

attention = F.scaled_dot_product_attention


def _random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def _composed(q, k, v, mask=None, causal=False):
    scores = run("matmul", (q * (1 / math.sqrt(q.shape[-1])), k), transpose_b=True)
    if mask is not None:
        scores = scores + mask
    if causal:
        seen = np.tril(np.ones(scores.shape[-2:]))
        scores = scores + lr.tensor(np.where(seen > 0, 0, -np.inf), dtype="float64")
    return F.softmax(scores) @ v


CASES = {
    "plain": ((2, 3), 7, 9, 4, 5, False, None),
    "causal": ((2,), 40, 40, 8, 8, True, None),
    "causal, more rows": ((2,), 9, 5, 3, 2, True, None),
    "causal, more columns": ((2,), 5, 9, 3, 2, True, None),
    "masked": ((2, 3), 6, 8, 4, 4, False, (6, 8)),
    "masked by member": ((2, 3), 6, 8, 4, 4, False, (2, 1, 1, 8)),
    "masked along rows": ((2, 3), 6, 8, 4, 4, False, (3, 6, 1)),
    "causal and masked": ((3,), 33, 33, 2, 6, True, (33, 33)),
    "no axes before": ((), 70, 66, 4, 3, False, None),
}


@pytest.mark.parametrize("few", [0, F.FEW_PLACES])
@pytest.mark.parametrize("case", CASES)
def test_all_passes_are_those_of_the_composed_definition(case, few, monkeypatch):
    monkeypatch.setattr(F, "FEW_PLACES", few)
    lead, rows, columns, width, other, causal, masked = CASES[case]
    arrays = [
        _random(*lead, rows, width),
        _random(*lead, columns, width, seed=1),
        _random(*lead, columns, other, seed=2),
    ]
    leaves = [lr.tensor(x, dtype="float64", requires_grad=True) for x in arrays]
    mask = None if masked is None else lr.tensor(_random(*masked, seed=3), dtype="float64")
    weight = lr.tensor(_random(*lead, rows, other, seed=4), dtype="float64")
    found, vectors = [], [_random(*x.shape, seed=5 + i) for i, x in enumerate(arrays)]
    for make in (lambda *a: attention(*a, mask, is_causal=causal), lambda *a: _composed(*a, mask, causal)):

        def loss(make=make):
            return (make(*leaves) ** 2 * weight).sum()

        for leaf in leaves:
            leaf.grad = None
        loss().backward()
        _, moved = lr.jvp(make, leaves, vectors)
        products = lr.hvp(loss, leaves, vectors)
        found.append([make(*leaves), moved, *(leaf.grad for leaf in leaves), *products])
    for ours, wanted in zip(*found, strict=True):
        np.testing.assert_allclose(ours.numpy(), wanted.numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_derivatives_by_finite_differences(dropout):
    arrays = [_random(2, 35, 3), _random(2, 34, 3, seed=1), _random(2, 34, 2, seed=2)]
    vectors = [_random(*x.shape, seed=5 + i) for i, x in enumerate(arrays)]

    def made(shift=0.0):
        leaves = [
            lr.tensor(x + shift * v, dtype="float64", requires_grad=True)
            for x, v in zip(arrays, vectors, strict=True)
        ]

        def loss():
            lr.seed(7)
            return (attention(*leaves, dropout_p=dropout, is_causal=True) ** 2).sum()

        return leaves, loss

    def gradients(shift):
        leaves, loss = made(shift)
        value = loss()
        value.backward()
        return value.item(), [leaf.grad.numpy().copy() for leaf in leaves]

    h = 1e-6
    (up, high), (down, low) = gradients(h), gradients(-h)
    _, gradient = gradients(0.0)
    slope = sum(float((g * v).sum()) for g, v in zip(gradient, vectors, strict=True))
    np.testing.assert_allclose(slope, (up - down) / (2 * h), rtol=1e-7)
    leaves, loss = made()
    for found, a, b in zip(lr.hvp(loss, leaves, vectors), high, low, strict=True):
        np.testing.assert_allclose(found.numpy(), (a - b) / (2 * h), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("causal", "masked"), [(False, None), (True, None), (False, "bool"), (False, "float")]
)
def test_it_agrees_with_torch(dtype, causal, masked):
    torch = pytest.importorskip("torch")
    arrays = [_random(2, 4, n, 16, seed=n).astype(dtype) for n in (130, 101, 101)]
    mask = None
    if masked:
        mask = _random(2, 1, 130, 101, seed=9)
        mask = mask > -0.5 if masked == "bool" else mask.astype(dtype)
        if masked == "bool":
            mask[:, :, 3] = False
    ours = [lr.tensor(x, dtype=dtype, requires_grad=True) for x in arrays]
    theirs = [torch.tensor(x, requires_grad=True) for x in arrays]
    made = attention(*ours, None if mask is None else lr.tensor(mask, dtype=mask.dtype), is_causal=causal)
    other = torch.nn.functional.scaled_dot_product_attention(
        *theirs, attn_mask=None if mask is None else torch.tensor(mask), is_causal=causal
    )
    seed = _random(*made.shape, seed=4).astype(dtype)
    made.backward(seed)
    other.backward(torch.tensor(seed))
    tolerance = {"rtol": 2e-4, "atol": 2e-5} if dtype == "float32" else {"rtol": 1e-10, "atol": 1e-12}
    np.testing.assert_allclose(made.numpy(), other.detach().numpy(), **tolerance)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), **tolerance)


def test_one_tensor_as_query_key_and_value():
    x = lr.tensor(_random(3, 40, 4), dtype="float64", requires_grad=True)
    g = _random(3, 40, 4, seed=1)
    gradients = []
    for make in (attention, _composed):
        x.grad = None
        make(x, x, x).backward(g)
        gradients.append(x.grad.numpy().copy())
    np.testing.assert_allclose(*gradients, rtol=1e-10, atol=1e-12)
    for make in (attention, _composed):
        products = lr.hvp(lambda make=make: (make(x, x, x) ** 2).sum(), [x], [_random(3, 40, 4, seed=2)])
        gradients.append(products[0].numpy())
    np.testing.assert_allclose(*gradients[2:], rtol=1e-9, atol=1e-10)


def test_all_three_beside_each_other():
    x = lr.tensor(_random(2, 33, 24), dtype="float64", requires_grad=True)
    heads = [x[:, :, 8 * i : 8 * i + 8].reshape(2, 33, 2, 4).transpose(0, 2, 1, 3) for i in range(3)]
    wanted = _composed(*heads, causal=True).transpose(0, 2, 1, 3).reshape(2, 33, 8)
    made = run("attention", (x,), heads=2, causal=True)
    np.testing.assert_allclose(made.numpy(), wanted.numpy(), rtol=1e-11, atol=1e-12)
    g = _random(2, 33, 8, seed=1)
    gradients = []
    for y in (made, wanted):
        x.grad = None
        y.backward(g)
        gradients.append(x.grad.numpy().copy())
    np.testing.assert_allclose(*gradients, rtol=1e-10, atol=1e-12)


def test_a_mask_that_is_learned_has_its_gradient():
    q, k, v = (lr.tensor(_random(2, 2, 5, 3, seed=i), dtype="float64") for i in range(3))
    mask = lr.tensor(_random(2, 5, 5, seed=4), dtype="float64", requires_grad=True)
    (attention(q, k, v, mask) ** 2).sum().backward()
    h, place = 1e-6, (1, 2, 3)
    sides = []
    for shift in (h, -h):
        moved = mask.numpy().copy()
        moved[place] += shift
        sides.append((attention(q, k, v, lr.tensor(moved, dtype="float64")) ** 2).sum().item())
    np.testing.assert_allclose(mask.grad.numpy()[place], (sides[0] - sides[1]) / (2 * h), rtol=1e-6)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_the_layer_with_and_without_its_weights(batch_first, masked):
    lr.seed(3)
    layer = lr.nn.MultiheadAttention(12, 3, batch_first=batch_first)
    shape = (4, 37, 12) if batch_first else (37, 4, 12)
    x, other = (lr.tensor(_random(*shape, seed=i).astype("float32")) for i in (1, 2))
    padding = _random(4, 37, seed=3) > 1 if masked else None
    seen = _random(12, 37, 37, seed=4).astype("float32") if masked else None
    found = []
    for need in (True, False):
        for parameter in layer.parameters():
            parameter.grad = None
        made, weights = layer(x, other, other, padding, need, seen)
        assert (weights is not None) == need
        (made * made).sum().backward()
        found.append([made.numpy(), *(p.grad.numpy().copy() for p in layer.parameters())])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4)


def test_memory_grows_with_the_length_alone():
    peaks = []
    for length in (512, 1024):
        q, k, v = (
            lr.tensor(_random(4, length, 16, seed=i).astype("float32"), requires_grad=True) for i in range(3)
        )
        attention(q, k, v, is_causal=True).sum().backward()
        lr.reset_peak_memory_stats()
        attention(q, k, v, is_causal=True).sum().backward()
        peaks.append(lr.max_memory_allocated())
    assert peaks[1] < 2.2 * peaks[0]


def test_what_does_not_fit_is_refused():
    q, k, v = (lr.tensor(_random(2, 5, 3, seed=i)) for i in range(3))
    with pytest.raises(lr.ShapeError, match="query"):
        attention(q, k[:1], v[:1])
    with pytest.raises(lr.ShapeError, match="query"):
        attention(q, k, v[:, :4])
    with pytest.raises(lr.ShapeError, match="broadcast"):
        attention(q, k, v, lr.tensor(_random(4, 5)))
    with pytest.raises(lr.ShapeError, match="attention"):
        attention(q, lr.tensor(_random(2, 5, 4)), v)
    with pytest.raises(lr.DTypeError, match="float64"):
        attention(q, k.astype("float64"), v)
    with pytest.raises(lr.ArgumentError, match="dropout_p"):
        attention(q, k, v, dropout_p=1.0)
    with pytest.raises(lr.ArgumentTypeError, match="scale"):
        attention(q, k, v, scale="large")
