"""Pooled rates: the limiting cases, and what is done where a ratio has no logarithm."""

from __future__ import annotations

import numpy as np
import pytest
from reference.pooled import factors

import lrswift as lr
from lrswift import _core


def run(per: str, slopes, steps: int = 60, variant: str = "paper", direction=lr.optim.SGD, **options):
    """Losses whose gradients are slopes(t), a list with one array per tensor; rates [steps, tensors]."""
    shapes = [np.shape(s) for s in slopes(0)]
    tensors = [lr.tensor(np.zeros(s), dtype="float64", requires_grad=True) for s in shapes]
    optimizer = direction(tensors, lr=lr.adapt.TLR(window=1, per=per, variant=variant), **options)
    rates = []
    for t in range(steps):
        for tensor, slope in zip(tensors, slopes(t), strict=True):
            tensor.grad = lr.tensor(np.asarray(slope), dtype="float64")
        optimizer.step(1.0)
        rates.append(optimizer._core.rates())
    return np.array(rates), optimizer


def noise(scale: float, mean: float = 0.0, tensors: int = 4, seed: int = 0):
    drawn = np.random.default_rng(seed).normal(mean, scale, (1000, tensors, 50))
    return lambda t: list(drawn[t])


@pytest.mark.parametrize("variant", ["paper", "ntlr"])
@pytest.mark.parametrize("direction", [lr.optim.SGD, lr.optim.Adam])
def test_one_tensor_takes_the_rate_of_all(variant: str, direction) -> None:
    one = noise(1.0, 0.3, tensors=1)
    pooled, _ = run("pooled", one, variant=variant, direction=direction)
    alone, _ = run("all", one, variant=variant, direction=direction)
    np.testing.assert_array_equal(pooled, alone)
    assert len(np.unique(alone)) > 10


def test_equal_tensors_take_the_rate_of_all() -> None:
    """Four copies: no tensor differs from all, however noisy all are."""
    copies = noise(1.0, 0.2, tensors=1)
    rates, _ = run("pooled", lambda t: copies(t) * 4)
    common, _ = run("all", lambda t: copies(t) * 4)
    np.testing.assert_allclose(rates, common, rtol=1e-12)


def test_without_noise_each_tensor_has_its_own_rate() -> None:
    """Two tensors go steadily, two to and fro, up to where all rates are held: ratios then do not move."""

    def slopes(t: int):
        return [np.ones(3), np.ones(5), (-1.0) ** t * np.ones(3), (-1.0) ** t * np.ones(2)]

    tensors = [lr.tensor(np.zeros(len(s)), dtype="float64", requires_grad=True) for s in slopes(0)]
    rates = {}
    for per in ("pooled", "tensor"):
        optimizer = lr.optim.SGD(tensors, lr=lr.adapt.TLR(window=1, per=per, min_lr=0.004, max_lr=0.025))
        for t in range(500):
            for tensor, slope in zip(tensors, slopes(t), strict=True):
                tensor.grad = lr.tensor(slope, dtype="float64")
            optimizer.step(1.0)
        rates[per] = optimizer._core.rates()
    np.testing.assert_allclose(rates["tensor"], [0.025, 0.025, 0.004, 0.004], rtol=1e-14)
    np.testing.assert_allclose(rates["pooled"], rates["tensor"], rtol=1e-6)


def test_pure_noise_takes_the_rate_of_all() -> None:
    """Ratios that scatter around 0, to the reference that the native path is held to step by step."""
    rng = np.random.default_rng(5)
    for _ in range(200):
        ratios = rng.normal(0, rng.uniform(0.1, 2), (6, 40)).tolist()
        np.testing.assert_array_equal(factors(ratios), np.ones(6))


def test_a_noisy_tensor_is_shrunk_more() -> None:
    rng = np.random.default_rng(1)
    ratios = [list(1.5 + rng.normal(0, s, 200)) for s in (0.01, 0.5, 1.0)]
    steady, noisy, noisier = np.log(factors(ratios))
    assert steady == pytest.approx(1.5, abs=0.05)
    assert steady > noisy > noisier > 0


def test_a_common_rate_of_zero_is_taken_by_all() -> None:
    tensors = [lr.tensor(np.ones(2), dtype="float64", requires_grad=True) for _ in range(2)]
    for rate, given in (("hd", {"initial": 0.0, "meta_lr": 0.0}), ("hd", {"initial": -0.01, "meta_lr": 0.0})):
        optimizer = _core.Optimizer("sgd", {}, rate, given | {"per": "pooled"})
        optimizer.add_group(tuple(tensors), ("a", "b"), {})
        for _ in range(3):
            for tensor in tensors:
                tensor.grad = lr.tensor(np.ones(2), dtype="float64")
            optimizer.begin(1.0, False)
        assert optimizer.rates() == (given["initial"],) * 2


@pytest.mark.parametrize("rate", ["tlr", "ntlr", "hd", "l4", "sps", "barzilai_borwein", "dog"])
@pytest.mark.parametrize("direction", ["sgd", "adam"])
def test_every_rate_pools_and_one_tensor_is_global(rate: str, direction: str) -> None:
    """In float64 on a bowl of one tensor, pooled equals all to the last bit; of two, it trains."""
    h = lr.tensor([1.0, 3.0, 8.0], dtype="float64")
    options = {"window_steps": 1} if "tlr" in rate else {}
    seen = {}
    for scope in ("all", "pooled"):
        theta = lr.tensor([1.0, -2.0, 0.5], dtype="float64", requires_grad=True)
        optimizer = _core.Optimizer(direction, {}, rate, options | {"per": scope, "steps_per_epoch": 10})
        optimizer.add_group((theta,), ("theta",), {})
        seen[scope] = []
        for _ in range(25):
            optimizer.zero_grad()
            loss = lr.sum(h * theta * theta) + 0.1
            loss.backward()
            optimizer.begin(loss.item(), False)
            seen[scope].append((loss.item(), optimizer.rates()))
    assert seen["all"] == seen["pooled"]
    assert np.isfinite(seen["all"][-1][0])


def test_methods_that_probe_have_one_rate() -> None:
    with pytest.raises(lr.Error, match="per must be 'all'"):
        _core.Optimizer("sgd", {}, "qlabgrad", {"per": "pooled"})


def test_rates_by_name_and_resumed(tmp_path) -> None:
    slopes = noise(1.0, 0.4, tensors=2)
    _, first = run("pooled", slopes, steps=30)
    assert set(first.lr) == {"param.0", "param.1"}
    assert len(set(first.lr.values())) == 2
    _, second = run("pooled", slopes, steps=1)
    lr.save(tmp_path / "state.safetensors", first)
    second.load_state_dict(lr.load(tmp_path / "state.safetensors"))
    for t in range(30, 60):
        for optimizer in (first, second):
            for tensor, slope in zip(optimizer.param_groups[0]["params"], slopes(t), strict=True):
                tensor.grad = lr.tensor(slope, dtype="float64")
            optimizer.step(1.0)
        assert first.lr == second.lr
