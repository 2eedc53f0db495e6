"""Cross-entropy with smoothed labels and rows that do not count, beside PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import lrswift as lr

F = lr.nn.functional
rng = np.random.default_rng(0)
X, Y = rng.standard_normal((40, 6)), rng.integers(0, 6, 40)


@pytest.mark.parametrize("classes", [6, 5000])
@pytest.mark.parametrize(
    "options", [{"label_smoothing": 0.2}, {"ignore_index": 3}, {"label_smoothing": 0.1, "ignore_index": 0}]
)
def test_value_gradient_and_hessian_products_are_pytorchs(classes: int, options: dict) -> None:
    values = rng.standard_normal((40, classes))
    labels = np.where(np.arange(40) % 3 == 0, options.get("ignore_index", 1), rng.integers(0, classes, 40))
    direction = rng.standard_normal(values.shape)
    x = lr.tensor(values, dtype=lr.float64, requires_grad=True)
    loss = F.cross_entropy(x, labels, **options)
    loss.backward()

    def theirs(t: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(t, torch.from_numpy(labels), **options)

    t = torch.from_numpy(values).requires_grad_()
    expected = theirs(t)
    (gradient,) = torch.autograd.grad(expected, t, create_graph=True)
    (product,) = torch.autograd.grad((gradient * torch.from_numpy(direction)).sum(), t)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-11)
    np.testing.assert_allclose(x.grad.numpy(), gradient.detach().numpy(), rtol=1e-9, atol=1e-14)
    (found,) = lr.hvp(lambda: F.cross_entropy(x, labels, **options), [x], [direction[None]])
    np.testing.assert_allclose(np.array(found)[0], product.numpy(), rtol=1e-8, atol=1e-13)


def test_nothing_that_counts_is_nan_and_wrong_options_are_named() -> None:
    assert np.isnan(F.cross_entropy(X, np.full(40, 2), ignore_index=2).item())
    with pytest.raises(lr.ArgumentError, match="label_smoothing: got 1.5; allowed: 0 to 1"):
        F.cross_entropy(X, Y, label_smoothing=1.5)
    with pytest.raises(lr.ArgumentError, match="ignore_index: got -100; allowed: an integer of 0 to 5"):
        F.cross_entropy(X, Y, ignore_index=-100)
    with pytest.raises(lr.ShapeError, match=r"allowed: \[N, C\] and \[N\]"):
        F.cross_entropy(X[0], Y, ignore_index=0)
