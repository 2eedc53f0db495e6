"""One table: on the same network, weights and batches, the native engine, torch, optax and NumPy agree.

Each engine runs on its own, with its own forward and backward pass and its own parameters, for 100 steps;
what is compared is the rate of every step. `pytest -s` prints the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
from reference import problems

import lrswift as lr

pytestmark = pytest.mark.usefixtures("float64_in_jax")
STEPS, WINDOW = 100, 7
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
A = lr.adapt


@dataclass(frozen=True)
class Case:
    native: Callable[[list], lr.optim.Optimizer]
    torch: Callable[[list], torch.optim.Optimizer]
    optax: Callable[[], optax.GradientTransformationExtraArgs]
    numpy: Callable[[], lr.numpy.Adapted]


def over_sgd(rate: A.Adapter, transformation: Callable[[], Any]) -> Case:
    return Case(
        lambda p: lr.optim.SGD(p, lr=rate),
        lambda p: lr.torch.Adapted(torch.optim.SGD(p), lr=rate),
        transformation,
        lambda: lr.numpy.Adapted(rate, "sgd"),
    )


CASES = {
    "L4Mom": Case(
        lr.optim.L4Mom,
        lr.torch.l4_mom,
        lambda: optax.chain(optax.ema(0.9), lr.optax.scale_by_l4()),
        lambda: lr.numpy.Adapted("l4", "ema"),
    ),
    "L4Adam": Case(
        lr.optim.L4Adam,
        lr.torch.l4_adam,
        lambda: optax.chain(optax.scale_by_adam(eps=1e-4), lr.optax.scale_by_l4()),
        lambda: lr.numpy.Adapted("l4", "adam", eps=1e-4),
    ),
    "TLR": over_sgd(A.TLR(1.0, window=WINDOW), lambda: lr.optax.scale_by_tlr(1.0, window=WINDOW)),
    "QLABGrad": over_sgd(A.QLABGrad(trial=2.0), lambda: lr.optax.scale_by_qlabgrad(trial=2.0)),
    "HD": over_sgd(A.HD(), lr.optax.scale_by_hd),
    "SPS": over_sgd(A.SPS(c=4.0, steps_per_epoch=5), lambda: lr.optax.scale_by_sps(c=4.0, steps_per_epoch=5)),
}


def data(dtype: str) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    # four batches in one: what single precision rounds off shows less in the mean of more examples
    problem = problems.TanhNetwork(4 * STEPS)
    x, y = problem.x.reshape(STEPS, 64, 5), problem.y.reshape(STEPS, 64, 2)
    return [p.astype(dtype) for p in problem.start], x.astype(dtype), y.astype(dtype)


def native_rates(case: Case, dtype: str) -> list[float]:
    start, xs, ys = data(dtype)
    w1, b1, w2, b2 = p = [lr.tensor(a, dtype=dtype, requires_grad=True) for a in start]
    optimizer, rates = case.native(p), []
    for x, y in zip(xs[:STEPS], ys[:STEPS], strict=True):
        x, y = lr.tensor(x, dtype=dtype), lr.tensor(y, dtype=dtype)

        def loss(x: lr.Tensor = x, y: lr.Tensor = y) -> lr.Tensor:
            residual = lr.tanh(x @ w1 + b1) @ w2 + b2 - y
            return 0.5 * lr.mean(residual * residual)

        optimizer.minimize(loss)
        rates.append(optimizer.lr)
    return rates


def torch_rates(case: Case, dtype: str) -> list[float]:
    start, xs, ys = data(dtype)
    w1, b1, w2, b2 = p = [torch.nn.Parameter(torch.tensor(a)) for a in start]
    optimizer, rates = case.torch(p), []
    for x, y in zip(torch.tensor(xs[:STEPS]), torch.tensor(ys[:STEPS]), strict=True):

        def loss_of(x: torch.Tensor = x, y: torch.Tensor = y) -> torch.Tensor:
            return 0.5 * torch.mean((torch.tanh(x @ w1 + b1) @ w2 + b2 - y) ** 2)

        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        optimizer.step(loss=loss, loss_closure=loss_of)
        rates.append(float(optimizer.param_groups[0]["lr"]))
    return rates


def optax_rates(case: Case, dtype: str) -> list[float]:
    start, xs, ys = data(dtype)
    transformation = case.optax()

    def loss_of(p: list, x: jax.Array, y: jax.Array) -> jax.Array:
        w1, b1, w2, b2 = p
        return 0.5 * jnp.mean((jnp.tanh(x @ w1 + b1) @ w2 + b2 - y) ** 2)

    @jax.jit
    def step(p: list, state: Any, x: jax.Array, y: jax.Array) -> tuple[list, Any]:
        loss, gradient = jax.value_and_grad(loss_of)(p, x, y)
        updates, state = transformation.update(
            gradient, state, p, value=loss, grad=gradient, value_fn=lambda q: loss_of(q, x, y)
        )
        return optax.apply_updates(p, updates), state

    parameters, rates = [jnp.asarray(p) for p in start], []
    state = transformation.init(parameters)
    for x, y in zip(xs[:STEPS], ys[:STEPS], strict=True):
        parameters, state = step(parameters, state, x, y)
        rates.append(float((state if hasattr(state, "rate") else state[-1]).rate))
    return rates


def numpy_rates(case: Case, dtype: str) -> list[float]:
    start, xs, ys = data(dtype)
    optimizer, rates = case.numpy(), []
    w1, b1, w2, b2 = start

    def forward(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        hidden = np.tanh(x @ w1 + b1)
        residual = hidden @ w2 + b2 - y
        return 0.5 * float(np.mean(residual**2)), hidden, residual

    for x, y in zip(xs[:STEPS], ys[:STEPS], strict=True):
        loss, hidden, residual = forward(x, y)
        g = residual / residual.size
        back = (g @ w2.T) * (1 - hidden * hidden)
        gradients = [x.T @ back, back.sum(0), hidden.T @ g, g.sum(0)]
        rates.append(optimizer.update(start, gradients, loss, loss_fn=lambda x=x, y=y: forward(x, y)[0]))
    return rates


ENGINES = {"torch": torch_rates, "optax": optax_rates, "numpy": numpy_rates}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", CASES)
def test_same_rates(name: str, dtype: str) -> None:
    case = CASES[name]
    expected = np.array(native_rates(case, dtype))
    factors = set(np.round(expected[1:] / expected[:-1], 12))
    assert len(factors) > STEPS // WINDOW - 3, "a rate that grows by the same factor every time shows nothing"
    row = {}
    for engine, rates in ENGINES.items():
        found = np.array(rates(case, dtype))
        row[engine] = float(np.max(np.abs(found - expected) / np.abs(expected)))
    print(f"\n{name:10}{dtype:9}" + "".join(f"{engine}: {worst:.1e}  " for engine, worst in row.items()))
    assert max(row.values()) < TOLERANCE[dtype], row
