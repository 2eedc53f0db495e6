"""`lr.optax.auto`: the native search on the same batches, the plan as a schedule, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import lrswift as lr

pytestmark = pytest.mark.usefixtures("float64_in_jax")
rng = np.random.default_rng(0)
X = rng.normal(size=(640, 6))
Y = np.tanh(X @ rng.normal(size=(6, 2))) + 0.1 * rng.normal(size=(640, 2))
BATCHES = [(X[i : i + 64], Y[i : i + 64]) for i in range(0, 640, 64)]
START = [0.3 * rng.normal(size=(6, 8)), 0.3 * rng.normal(size=(8, 2))]


def loss(params: Any, batch: Any) -> jax.Array:
    x, y = batch
    return jnp.mean((jnp.tanh(x @ params[0]) @ params[1] - y) ** 2)


def start() -> list[jax.Array]:
    return [jnp.asarray(a) for a in START]


def native(steps: int, count: int) -> tuple[Any, list[float]]:
    """The optimizer after `count` steps on the same batches, and the losses that it saw."""
    params = [lr.nn.Parameter(lr.tensor(a, dtype=lr.float64)) for a in START]
    optimizer = lr.optim.Auto(params, steps=steps)
    losses = []
    for t in range(count):
        x, y = (lr.tensor(a, dtype=lr.float64) for a in BATCHES[t % len(BATCHES)])
        losses.append(float(optimizer.minimize(lambda x=x, y=y: mean_square(params, x, y))))
    return optimizer, losses


def mean_square(params: Any, x: Any, y: Any) -> Any:
    error = lr.tanh(x @ params[0]) @ params[1] - y
    return lr.mean(error * error)


@pytest.mark.parametrize("steps", [300, 1000])
def test_the_search_is_the_native_one(steps: int) -> None:
    params = start()
    schedule = lr.optax.auto(loss, params, BATCHES, steps)
    optimizer, losses = native(steps, schedule.searched + 1)
    explicit = optimizer.frozen().rate
    assert schedule.reliable and 16 <= schedule.searched <= 60
    np.testing.assert_allclose(schedule.losses, losses[: schedule.searched], rtol=1e-9)
    assert schedule.rate == pytest.approx(explicit.rate, rel=1e-9)
    planned = schedule.steps, schedule.warmup, schedule.decay
    assert planned == (explicit.steps, explicit.warmup, explicit.decay)
    for a, b in zip(params, START, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_schedule_is_the_native_one() -> None:
    schedule = lr.optax.auto(loss, start(), BATCHES, 300)
    explicit = lr.schedule.Trapezoid(schedule.rate, schedule.steps, schedule.warmup, schedule.decay)
    steps, expected = np.arange(schedule.steps), []
    w = lr.nn.Parameter(lr.tensor([1.0], dtype=lr.float64))
    optimizer = lr.optim.SGD([w], lr=explicit)
    for _ in steps:
        optimizer.minimize(lambda: lr.sum(w * w))
        expected.append(optimizer.lr)
    np.testing.assert_allclose(schedule(steps), expected, rtol=1e-12)
    np.testing.assert_allclose(jax.jit(jax.vmap(schedule))(steps), expected, rtol=1e-12)
    assert schedule(schedule.steps) == 0 and schedule(schedule.steps + 5) == 0


def test_a_run_ends_lower_than_it_began() -> None:
    params = start()
    schedule = lr.optax.auto(loss, params, BATCHES, 300)
    transformation = optax.adamw(schedule, b2=0.99, weight_decay=0.1)
    state = transformation.init(params)

    @jax.jit
    def step(params: Any, state: Any, batch: Any) -> Any:
        updates, state = transformation.update(jax.grad(loss)(params, batch), state, params)
        return optax.apply_updates(params, updates), state

    before = loss(params, (X, Y))
    for t in range(schedule.steps):
        params, state = step(params, state, BATCHES[t % len(BATCHES)])
    assert loss(params, (X, Y)) < 0.1 * before
    said = schedule.explain()
    assert f"{schedule.rate:.4g}" in said and str(schedule.searched) in said


def test_complex_parameters() -> None:
    """|w - c|^2 of complex numbers, and of their parts as real ones, are the same search."""
    target = np.array([1.0 + 2.0j, -0.5 + 0.3j, 0.2 - 1.0j])
    batches = [target + 0.1 * (rng.normal(size=3) + 1j * rng.normal(size=3)) for _ in range(40)]

    def of_complex(w: Any, batch: Any) -> jax.Array:
        return jnp.mean(jnp.abs(w - batch) ** 2)

    def of_parts(w: Any, batch: Any) -> jax.Array:
        return jnp.mean((w[0] - batch.real) ** 2 + (w[1] - batch.imag) ** 2)

    one = lr.optax.auto(of_complex, jnp.zeros(3, complex), batches, 600, optax.identity())
    two = lr.optax.auto(of_parts, jnp.zeros((2, 3)), batches, 600, optax.identity())
    assert one.searched == two.searched and one.rate == pytest.approx(two.rate, rel=1e-9)


def test_no_search() -> None:
    """In a run too short for one, and where it is switched off: the prior, times a cube root."""
    short = lr.optax.auto(loss, start(), BATCHES, 100)
    off = lr.optax.auto(loss, start(), BATCHES, 1000, search=0, prior=0.02, warmup=0, decay=0)
    assert short.searched == off.searched == 0 and not (short.reliable or off.reliable)
    assert short.rate == pytest.approx(0.01 * 6 ** (1 / 3))
    assert off.rate == off(0) == off(999) == pytest.approx(0.02)


def test_a_loss_that_is_not_finite() -> None:
    found = lr.optax.auto(lambda p, b: loss(p, b) * jnp.inf, start(), BATCHES, 1000)
    assert found.searched == 1 and not found.reliable and found.rate == pytest.approx(0.01)


def test_an_iterator_that_is_long_enough() -> None:
    batches: Iterator[Any] = iter(BATCHES * 7)
    assert lr.optax.auto(loss, start(), batches, 1000).reliable


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": 0}, "steps: got 0"),
        ({"steps": 2.5}, "steps: got 2.5"),
        ({"search": 1.0}, "search"),
        ({"prior": 0.0}, "prior"),
        ({"warmup": -0.1}, "warmup"),
        ({"batches": 3}, "batches: got int"),
        ({"batches": []}, "batches: ended"),
        ({"batches": iter(BATCHES[:3])}, "batches: ended"),
        ({"params": []}, "params: empty"),
        ({"loss": "mse"}, "loss: got str; allowed: a function"),
    ],
)
def test_bad_input(given: dict[str, Any], message: str) -> None:
    arguments = {"loss": loss, "params": start(), "batches": BATCHES, "steps": 1000} | given
    with pytest.raises((ValueError, TypeError), match=message):
        lr.optax.auto(**arguments)
