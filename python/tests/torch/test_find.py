"""`lrswift.torch.find_lr`: the rate of the native search, and nothing touched."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import lrswift as lr


def problem() -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    layers = [torch.nn.Linear(8, 16), torch.nn.BatchNorm1d(16), torch.nn.Dropout(0.1), torch.nn.Linear(16, 1)]
    x = torch.randn(2000, 8)
    return torch.nn.Sequential(*layers), x, x @ torch.randn(8, 1)


def test_everything_is_left_as_it_was() -> None:
    model, x, y = problem()
    model.eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()
    found = lr.torch.find_lr(model, torch.nn.functional.mse_loss, (x, y), max_epochs=2)
    assert found.receipt["untouched"] and found.receipt["before"] == found.receipt["after"]
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state) and not model.training
    assert all(p.grad is None for p in model.parameters())
    assert found.lr == pytest.approx(0.1 * found.value) and len(found.values) == found.steps


@pytest.mark.parametrize("start", [1.0, 0.01])
def test_searches_as_the_native_finder_does(start: float) -> None:
    """All rows alike, so that the order of batches, which is each library's own, does not matter."""
    curvature = 4.0
    model = torch.nn.Linear(1, 1, bias=False).double()
    twin = lr.nn.Linear(1, 1, bias=False).to("float64")
    with torch.no_grad():
        model.weight.fill_(1.0)
    twin.load_state_dict({name: np.ones(p.shape) for name, p in twin.named_parameters()})
    x, y = np.ones((200, 1)), np.zeros((200, 1))
    settings = {"batch_size": 1, "start": start, "fraction": 1.0}
    found = lr.torch.find_lr(
        model,
        lambda p, y: 0.5 * curvature * torch.mean((p - y) ** 2),
        (torch.tensor(x), torch.tensor(y)),
        optimizer=torch.optim.SGD,
        **settings,
    )
    native = lr.find_lr(
        twin,
        lambda p, y: 0.5 * curvature * lr.mean((p - y) * (p - y)),
        (x, y),
        optimizer=lr.optim.SGD,
        progress=False,
        **settings,
    )
    assert found.done and found.signals == native.signals
    np.testing.assert_allclose(found.values, native.values, rtol=1e-12)
    np.testing.assert_allclose(found.gradients, native.gradients, rtol=1e-9)
    assert found.value == pytest.approx(1 / curvature, rel=0.25)


def test_bad_input() -> None:
    model, x, y = problem()
    loss = torch.nn.functional.mse_loss
    with pytest.raises(lr.ArgumentError, match="iterator"):
        lr.torch.find_lr(model, loss, iter([(x, y)]))
    with pytest.raises(lr.DTypeError, match="data"):
        lr.torch.find_lr(model, loss, 3)
    with pytest.raises(lr.DTypeError, match="LBFGS"):
        lr.torch.find_lr(model, loss, (x, y), optimizer=torch.optim.LBFGS)
    with pytest.raises(lr.ArgumentError, match="model"):
        lr.torch.find_lr(torch.nn.Tanh(), loss, (x, y))
