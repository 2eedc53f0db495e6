"""What every ready-made network must hold: its derivatives, beside differences in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import lrswift as lr

F = lr.nn.functional


def has_right_derivatives(make: Callable[[], lr.nn.Module], shape: tuple[int, ...], classes: int) -> None:
    """Of the cross-entropy of a classifier, as `has_right_derivatives_of` says."""
    rng = np.random.default_rng(0)
    x = lr.tensor(rng.standard_normal(shape), dtype=lr.float64)
    y = lr.tensor(rng.integers(0, classes, shape[0]))
    has_right_derivatives_of(make, lambda model: F.cross_entropy(model(x), y))


def has_right_derivatives_of(
    make: Callable[[], lr.nn.Module], loss: Callable[[lr.nn.Module], lr.Tensor]
) -> None:
    """Along a random direction: the gradient and a Hessian product beside central differences."""
    lr.seed(0)
    model = make().to(lr.float64)
    rng = np.random.default_rng(1)
    parameters = list(model.parameters())
    start = [np.array(p.numpy()) for p in parameters]
    direction = [rng.standard_normal(p.shape) for p in parameters]
    # short, so that few kinks of ReLU lie between
    length = np.sqrt(sum(np.vdot(d, d) for d in direction))
    direction = [d / length for d in direction]

    def closure() -> lr.Tensor:
        # without statistics that a pass changes, and without random numbers
        lr.seed(1)
        return loss(model)

    def at(length: float) -> tuple[float, list[np.ndarray]]:
        for p, value, d in zip(parameters, start, direction, strict=True):
            p.assign(lr.tensor(value + length * d, dtype=lr.float64))
            p.grad = None
        value = closure()
        value.backward()
        return value.item(), [np.array(p.grad.numpy()) for p in parameters]

    h = 1e-6
    (ahead, gradient_ahead), (behind, gradient_behind) = at(h), at(-h)
    _, gradient = at(0.0)
    slope = sum(np.vdot(g, d) for g, d in zip(gradient, direction, strict=True))
    np.testing.assert_allclose((ahead - behind) / (2 * h), slope, rtol=2e-5, atol=1e-7)
    at(0.0)
    products = lr.hvp(closure, parameters, [d[None] for d in direction])
    differences = [(a - b) / (2 * h) for a, b in zip(gradient_ahead, gradient_behind, strict=True)]
    size = max(np.abs(d).max() for d in differences)
    for product, difference in zip(products, differences, strict=True):
        np.testing.assert_allclose(np.array(product)[0], difference, atol=2e-4 * size)


def learns(make: Callable[[], lr.nn.Module], shape: tuple[int, ...], classes: int) -> None:
    """A few rows by heart."""
    lr.seed(0)
    model = make()
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal(shape).astype(np.float32), rng.integers(0, classes, shape[0])
    history = lr.fit(
        model, lr.optim.Adam(model.parameters(), lr=3e-3), (x, y), epochs=60, batch_size=shape[0],
        progress=False,
    )  # fmt: skip
    losses = history.losses
    assert losses[-1] < 0.6 * losses[0]
