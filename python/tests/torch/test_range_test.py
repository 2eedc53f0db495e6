"""`lrswift.torch.lr_range_test`: as the native one on the same numbers, and nothing touched."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import lrswift as lr


def problem():
    torch.manual_seed(0)
    layers = torch.nn.Linear(8, 16), torch.nn.BatchNorm1d(16), torch.nn.ReLU(), torch.nn.Linear(16, 1)
    x = torch.randn(640, 8)
    return torch.nn.Sequential(*layers), x, x @ torch.randn(8, 1)


@pytest.mark.parametrize(("ours", "theirs", "rtol"), [
    (torch.optim.SGD, lr.optim.SGD, 1e-9), (torch.optim.Adam, lr.optim.Adam, 1e-5),
])  # fmt: skip
@pytest.mark.parametrize("mode", ["exponential", "linear"])
def test_as_the_native_test(ours, theirs, rtol, mode):
    """All rows alike, so that the order of batches, which is each library's own, does not matter."""
    model = torch.nn.Linear(1, 1, bias=False).double()
    twin = lr.nn.Linear(1, 1, bias=False).to("float64")
    with torch.no_grad():
        model.weight.fill_(1.0)
    twin.load_state_dict({name: np.ones(p.shape) for name, p in twin.named_parameters()})
    x, y = np.ones((64, 1)), np.full((64, 1), 0.2)
    settings = {"batch_size": 4, "start": 1e-3, "end": 5.0, "steps": 40, "mode": mode, "progress": False}
    found = lr.torch.lr_range_test(
        model, torch.nn.functional.mse_loss, (torch.tensor(x), torch.tensor(y)), ours, **settings
    )
    native = lr.lr_range_test(twin, lr.nn.functional.mse_loss, (x, y), theirs, **settings)
    np.testing.assert_allclose(found.rates, native.rates, rtol=1e-12)
    np.testing.assert_allclose(found.losses, native.losses, rtol=rtol, atol=1e-12)
    np.testing.assert_allclose(found.smoothed, native.smoothed, rtol=rtol, atol=1e-12)
    assert found.suggestion == pytest.approx(native.suggestion, rel=1e-9)


def test_everything_is_left_as_it_was():
    model, x, y = problem()
    model.eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()
    found = lr.torch.lr_range_test(model, torch.nn.functional.mse_loss, (x, y), progress=False)
    assert found.receipt["untouched"]
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state) and not model.training
    assert all(p.grad is None for p in model.parameters())
    assert 1e-5 < found.suggestion < 10


def test_it_ends_where_the_loss_has_gone():
    model, x, y = problem()
    found = lr.torch.lr_range_test(
        model, torch.nn.functional.mse_loss, (x, y), end=1e6, steps=300, progress=False
    )
    assert len(found.rates) == len(found.losses) < 300


def test_a_loader_of_one_batch_is_gone_through_again():
    model, x, y = problem()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[:64], y[:64]), batch_size=32)
    found = lr.torch.lr_range_test(model, torch.nn.functional.mse_loss, loader, end=0.01, progress=False)
    assert len(found.losses) == 100


@pytest.mark.parametrize(("options", "match"), [
    ({"start": 0.0}, "start"), ({"end": 1e-9}, "end"), ({"steps": 1}, "steps"), ({"mode": "log"}, "mode"),
    ({"smoothing": 0.0}, "smoothing"), ({"diverge": 1.0}, "diverge"), ({"optimizer": "sgd"}, "optimizer"),
])  # fmt: skip
def test_what_it_refuses(options, match):
    model, x, y = problem()
    with pytest.raises(lr.Error, match=match):
        lr.torch.lr_range_test(model, torch.nn.functional.mse_loss, (x, y), **options)


def test_no_batches_are_told():
    model, _, _ = problem()
    with pytest.raises(lr.ArgumentError, match="gave no batch"):
        lr.torch.lr_range_test(model, torch.nn.functional.mse_loss, [[]][:0], progress=False)
