"""LSTM, GRU, attention and transformer layers: against NumPy, PyTorch where installed, and differences."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from reference import sequences as wanted

import lrswift as lr

T, N, INPUTS, HIDDEN = 5, 3, 4, 6
KINDS = pytest.mark.parametrize("kind", ["LSTM", "GRU"])
FORMS = pytest.mark.parametrize("layers, both", [(1, False), (2, False), (1, True), (2, True)])


def values(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def made(module: Any) -> Any:
    """In float64, with all parameters away from their zeros and ones."""
    module = module.to(lr.float64)
    for i, parameter in enumerate(module.parameters()):
        moved = parameter.numpy() + 0.3 * values(*parameter.shape, seed=50 + i)
        parameter.assign(lr.tensor(moved, dtype="float64"))
    return module


def double(array: np.ndarray, requires_grad: bool = False) -> lr.Tensor:
    return lr.tensor(array, dtype="float64", requires_grad=requires_grad)


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-10, atol=1e-12)


def parts(result: Any) -> list[lr.Tensor]:
    """All tensors in nested tuples."""
    return [result] if isinstance(result, lr.Tensor) else [t for item in result for t in parts(item)]


def check_gradients(module: Any, call: Callable[[], Any], inputs: list[lr.Tensor]) -> None:
    """Of a random combination of all outputs, along a random direction of all inputs and parameters."""

    def loss() -> lr.Tensor:
        return sum(((t * double(values(*t.shape, seed=7))).sum() for t in parts(call())), start=double(0.0))

    leaves = [*inputs, *module.parameters()]
    loss().backward()
    slope, starts = 0.0, [leaf.numpy().copy() for leaf in leaves]
    steps = [values(*leaf.shape, seed=90 + i) for i, leaf in enumerate(leaves)]
    for leaf, step in zip(leaves, steps, strict=True):
        assert leaf.grad is not None
        slope += float((leaf.grad.numpy() * step).sum())
    found = []
    for h in (1e-6, -1e-6):
        for leaf, start, step in zip(leaves, starts, steps, strict=True):
            leaf.assign(double(start + h * step))
        found.append(loss().item())
    assert slope == pytest.approx((found[0] - found[1]) / 2e-6, rel=1e-6, abs=1e-6)


def torch_twin(kind: str, module: Any, *arguments: Any, **options: Any) -> Any:
    """PyTorch's layer of the same name with the same parameters; None where it is not installed."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    twin = getattr(torch.nn, kind)(*arguments, **options).double().eval()
    twin.load_state_dict({name: torch.tensor(value) for name, value in module.state_dict().items()})
    return lambda *inputs, **masks: [
        t.detach().numpy()
        for t in _flat(
            twin(*_torched(inputs, torch), **{k: torch.tensor(m) for k, m in masks.items()}), torch.Tensor
        )
    ]


def _torched(value: Any, torch: Any) -> Any:
    return tuple(_torched(v, torch) for v in value) if isinstance(value, tuple) else torch.tensor(value)


def _flat(value: Any, kind: type) -> list[Any]:
    return [value] if isinstance(value, kind) else [t for item in value for t in _flat(item, kind)]


@KINDS
@FORMS
@pytest.mark.parametrize("batch_first", [False, True])
def test_recurrent_layers(kind: str, layers: int, both: bool, batch_first: bool) -> None:
    options = {"num_layers": layers, "bidirectional": both, "batch_first": batch_first}
    module = made(getattr(lr.nn, kind)(INPUTS, HIDDEN, **options))
    x, count = values(T, N, INPUTS), layers * (2 if both else 1)
    starts = [values(count, N, HIDDEN, seed=i) for i in range(2 if kind == "LSTM" else 1)]
    given = x.transpose(1, 0, 2).copy() if batch_first else x
    t = double(given, requires_grad=True)
    states = tuple(double(s, requires_grad=True) for s in starts)

    def call() -> Any:
        return module(t, states if kind == "LSTM" else states[0])

    outputs, ends = call()
    p = module.state_dict()
    reference, last = wanted.recurrent(kind, x, p, layers, both, starts)
    close(outputs, reference.transpose(1, 0, 2) if batch_first else reference)
    for a, b in zip(parts(ends), last, strict=True):
        close(a, b)
    zeros = [np.zeros_like(s) for s in starts]
    close(module(t)[0].numpy().sum(), wanted.recurrent(kind, x, p, layers, both, zeros)[0].sum())
    if twin := torch_twin(kind, module, INPUTS, HIDDEN, **options):
        for a, b in zip(
            parts((outputs, ends)), twin(given, tuple(starts) if kind == "LSTM" else starts[0]), strict=True
        ):
            close(a, b)
    check_gradients(module, call, [t, *states])


@KINDS
def test_recurrent_layers_without_bias_and_with_dropout(kind: str) -> None:
    module = getattr(lr.nn, kind)(INPUTS, HIDDEN, num_layers=2, bias=False, dropout=0.5)
    assert all("bias" not in name for name, _ in module.named_parameters())
    x = lr.tensor(values(T, N, INPUTS))
    dropped, again = module(x)[0].numpy().copy(), module(x)[0].numpy().copy()
    assert (dropped != again).any()
    module.eval()
    np.testing.assert_array_equal(module(x)[0].numpy(), module(x)[0].numpy())


@KINDS
@pytest.mark.parametrize("both", [False, True])
def test_the_operation_is_the_cells_step_by_step(kind: str, both: bool) -> None:
    """A class with a cell of its own is composed of it: the same values, gradients and Hessian products."""
    plain = getattr(lr.nn, kind)
    composed = type("Own", (plain,), {"cell": lambda self, *given: plain.cell(self, *given)})
    modules = [made(c(INPUTS, HIDDEN, num_layers=2, bidirectional=both)) for c in (plain, composed)]
    modules[1].load_state_dict(modules[0].state_dict())
    found = []
    for module in modules:
        x = double(values(T, N, INPUTS), requires_grad=True)

        def loss(module: Any = module, x: lr.Tensor = x) -> lr.Tensor:
            return sum(((t * t * t).sum() for t in parts(module(x))), start=double(0.0))

        leaves = [x, *module.parameters()]
        loss().backward()
        directions = [double(values(2, *leaf.shape, seed=i)) for i, leaf in enumerate(leaves)]
        products = lr.hvp(loss, leaves, directions)
        found.append([*parts(module(x)), *(leaf.grad for leaf in leaves), *products])
    for fused, one_by_one in zip(*found, strict=True):
        np.testing.assert_allclose(fused.numpy(), one_by_one.numpy(), rtol=1e-9, atol=1e-11)


MASKS: dict[str, np.ndarray | None] = {
    "none": None,
    "causal": np.triu(np.ones((T, T), bool), 1),
    "added": values(T, T, seed=3),
    "each head": values(N * 2, T, T, seed=4) > 1.0,
}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_attention(mask: str, padded: bool, batch_first: bool) -> None:
    width, heads = 6, 2
    module = made(lr.nn.MultiheadAttention(width, heads, batch_first=batch_first))
    arrays = [values(T, N, width, seed=i) for i in range(3)]
    masks: dict[str, Any] = {}
    if MASKS[mask] is not None:
        masks["attn_mask"] = MASKS[mask]
    if padded:
        masks["key_padding_mask"] = np.arange(T)[None] >= np.array([T, 3, 2])[:, None]
    given = [a.transpose(1, 0, 2).copy() if batch_first else a for a in arrays]
    inputs = [double(a, requires_grad=True) for a in given]
    floating = {k: lr.tensor(m, dtype=None if m.dtype == bool else "float64") for k, m in masks.items()}
    out, weights = module(*inputs, **floating)
    if mask != "each head":
        added = np.zeros((N, T, T))
        if MASKS[mask] is not None:
            added += np.where(MASKS[mask], -np.inf, 0.0) if MASKS[mask].dtype == bool else MASKS[mask]
        if padded:
            added += np.where(masks["key_padding_mask"], -np.inf, 0.0)[:, None]
        reference, mean = wanted.attention(*arrays, module.state_dict(), heads, added)
        close(out, reference.transpose(1, 0, 2) if batch_first else reference)
        close(weights, mean)
    if twin := torch_twin("MultiheadAttention", module, width, heads, batch_first=batch_first):
        if not (padded and mask == "added"):  # which PyTorch wants both of one dtype
            for a, b in zip((out, weights), twin(*given, **masks), strict=True):
                close(a, b)
    check_gradients(module, lambda: module(*inputs, **floating), inputs)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("decoder", [False, True])
def test_transformer_layers(norm_first: bool, masked: bool, decoder: bool) -> None:
    kind = "TransformerDecoderLayer" if decoder else "TransformerEncoderLayer"
    arguments, options = (6, 2), {"dim_feedforward": 7, "dropout": 0.1, "norm_first": norm_first}
    module = made(getattr(lr.nn, kind)(*arguments, **options)).eval()
    arrays = [values(T, N, 6), *([values(4, N, 6, seed=1)] if decoder else [])]
    inputs = [double(a, requires_grad=True) for a in arrays]
    causal = np.triu(np.ones((T, T), bool), 1)
    masks = {("tgt_mask" if decoder else "src_mask"): causal} if masked else {}
    out = module(*inputs, **masks)
    added = np.broadcast_to(np.where(causal, -np.inf, 0.0), (N, T, T)) if masked else None
    memory = arrays[1] if decoder else None
    close(out, wanted.transformer_layer(arrays[0], memory, module.state_dict(), 2, norm_first, added))
    if twin := torch_twin(kind, module, *arguments, **options):
        close(out, twin(*arrays, **masks)[0])
    check_gradients(module, lambda: module(*inputs, **masks), inputs)
    module.train()
    assert (module(*inputs).numpy() != module(*inputs).numpy()).any()


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "TransformerEncoderLayer"])
def test_they_train_as_programs(kind: str) -> None:
    """Which sign the first step's first number has, known only at the last step."""
    lr.seed(0)
    x = values(400, 6, 4).astype(np.float32)
    y = (x[:, 0, 0] > 0).astype(np.int64)
    body = getattr(lr.nn, kind)(4, *([2, 32] if kind.startswith("T") else [16]), batch_first=True)

    class Net(lr.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = body
            self.head = lr.nn.Linear(4 if kind.startswith("T") else 16, 2)

        def forward(self, x: Any) -> lr.Tensor:
            out = self.body(x)
            return self.head(out[:, 0] if kind.startswith("T") else out[0][:, -1])

    net = Net()
    optimizer = lr.optim.Adam(net.named_parameters(), lr=0.01)
    history = lr.fit(net, optimizer, (x, y), valid=(x, y), epochs=25, batch_size=50, progress=False)
    assert history.rows[-1]["accuracy"] > 0.95


def test_bad_arguments_are_named() -> None:
    with pytest.raises(lr.ArgumentError, match="num_heads: got 4"):
        lr.nn.MultiheadAttention(6, 4)
    with pytest.raises(lr.ArgumentError, match="dropout: got 1.0"):
        lr.nn.LSTM(2, 3, dropout=1.0)
    with pytest.raises(lr.ArgumentError, match="activation: got 'swish'"):
        lr.nn.TransformerEncoderLayer(4, 2, activation="swish")
    with pytest.raises(lr.ShapeError, match=r"GRU: x: got shape \(2, 3\); allowed: \[time, batch, 4\]"):
        lr.nn.GRU(4, 3)(lr.zeros(2, 3))
    with pytest.raises(lr.ShapeError, match="at least one time step"):
        lr.nn.GRU(4, 3)(lr.zeros(0, 2, 4))
    with pytest.raises(lr.ShapeError, match=r"LSTM: state: .*; allowed: 2 of \(1, 2, 3\)"):
        lr.nn.LSTM(4, 3)(lr.zeros(5, 2, 4), (lr.zeros(1, 2, 3), lr.zeros(1, 1, 3)))
    attention = lr.nn.MultiheadAttention(4, 2)
    x = lr.zeros(5, 2, 4)
    with pytest.raises(lr.ShapeError, match="attn_mask: got shape"):
        attention(x, x, x, attn_mask=np.zeros((4, 5), bool))
    with pytest.raises(lr.ShapeError, match=r"allowed: \[L, N, embed_dim\]"):
        attention(x[0], x, x)


@KINDS
def test_what_is_not_the_default_is_shown(kind):
    cell = getattr(lr.nn, kind)
    assert repr(cell(3, 4)) == f"{kind}(3, 4, num_layers=1)"
    made = cell(3, 4, 2, bias=False, batch_first=True, dropout=0.1, bidirectional=True)
    assert repr(made) == (
        f"{kind}(3, 4, num_layers=2, bias=False, batch_first=True, dropout=0.1, bidirectional=True)"
    )
