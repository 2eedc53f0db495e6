"""Hypergradients carried by J' H J, against the matrix written out in NumPy, and where it is the Hessian."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference import gauss_newton

import lrswift as lr
from lrswift import nn

F = nn.functional
RATES = [0.3, 0.5, 0.4]


def batches(count: int, features: int = 4, seed: int = 0) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [(rng.normal(size=(7, features)), rng.integers(0, 3, 7)) for _ in range(count)]


def run(model: Any, loss: Any = F.cross_entropy, **options: Any) -> Any:
    values = {"learning_rates": RATES, "momentums": [0.8], "weight_decays": [0.02], **options}
    return lr.hypergradient(model, loss, batches(12), batches(1, seed=1), **values)


def same(a: Any, b: Any, tolerance: float) -> bool:
    pairs = [(getattr(a, f), getattr(b, f)) for f in ("learning_rates", "momentums", "weight_decays")]
    return all(np.abs(x - y).max() <= tolerance * np.abs(y).max() for x, y in pairs)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_against_the_matrix_written_out(mode: str) -> None:
    lr.seed(3)
    model = lr.models.mlp(4, [5], 3, "tanh")
    start = np.concatenate([p.numpy().ravel() for p in model.parameters()]).astype(np.float64)
    shapes = [tuple(p.shape) for p in model.parameters()]
    network = gauss_newton.Network(4, 5, 3)
    assert shapes == network.shapes
    expected, end = gauss_newton.hypergradients(
        network, start, batches(12), batches(1, seed=1)[0], np.array(RATES), 0.8, 0.02
    )
    found = run(model, mode=mode, curvature="gauss_newton")
    np.testing.assert_allclose(found.learning_rates, expected[:3], rtol=1e-10)
    np.testing.assert_allclose(found.momentums, expected[3:4], rtol=1e-10)
    np.testing.assert_allclose(found.weight_decays, expected[4:], rtol=1e-10)
    np.testing.assert_allclose(
        np.concatenate([p.ravel() for p in found.parameters.values()]), end, rtol=1e-12, atol=1e-14
    )
    # the network's own second derivatives are no small part
    assert not same(found, run(model, mode=mode), 1e-2)


def penalized(model: Any, x: Any, y: Any) -> Any:
    """A loss that looks at the parameters, before and beside the outputs."""
    penalty = sum(((p**4).sum() for p in model.parameters()), start=lr.tensor(0.0))
    return penalty + F.cross_entropy(model(x), y)


@pytest.mark.parametrize("loss", [F.cross_entropy, penalized])
@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam"])
def test_of_a_linear_model_it_is_the_hessian(optimizer: str, loss: Any) -> None:
    lr.seed(4)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    rates = [r / 10 for r in RATES]
    found, exact = (
        run(model, loss, optimizer=optimizer, learning_rates=rates, curvature=curvature)
        for curvature in ("gauss_newton", "hessian")
    )
    assert same(found, exact, 1e-12)


def test_forward_is_reverse_through_batch_norm() -> None:
    """The matrix is symmetric; a product that were not would differ on the way back."""
    lr.seed(5)
    layers = (nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Softplus(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    model = nn.Sequential(*layers)
    forward, reverse = (run(model, curvature="gauss_newton", mode=m) for m in ("forward", "reverse"))
    assert same(forward, reverse, 1e-10)
    assert not same(forward, run(model), 1e-3)


def test_bad_arguments() -> None:
    model = nn.Sequential(nn.Linear(4, 3))
    with pytest.raises(lr.ArgumentError, match="curvature: got 'fisher'; allowed: hessian, gauss_newton"):
        run(model, curvature="fisher")

    def around(model: Any, x: Any, y: Any) -> Any:
        return F.cross_entropy(x @ model[0].weight.T, y)

    with pytest.raises(lr.ArgumentError, match="outputs of the model"):
        run(model, around, curvature="gauss_newton")
    with pytest.raises(lr.ArgumentError, match="curvature cannot be chosen"):
        lr.check_hypergradient(
            model, F.cross_entropy, batches(3), batches(1), [0.1], curvature="gauss_newton"
        )
