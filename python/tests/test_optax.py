"""The optax transformations inside JAX's own: jit, vmap and scan; and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import lrswift as lr

pytestmark = pytest.mark.usefixtures("float64_in_jax")
CURVATURE = np.array([1.0, 3.0, 0.3])
MAKES: dict[str, Callable[[], optax.GradientTransformationExtraArgs]] = {
    "l4": lr.optax.scale_by_l4,
    "l4adam": lambda: optax.chain(optax.scale_by_adam(eps=1e-4), lr.optax.scale_by_l4()),
    # above the rate that its bound alone decides
    "tlr": lambda: lr.optax.scale_by_tlr(0.4),
    "tlr-window": lambda: lr.optax.scale_by_tlr(0.6, window=3),
    "hd": lr.optax.scale_by_hd,
    "sps": lr.optax.scale_by_sps,
    "qlabgrad": lr.optax.scale_by_qlabgrad,
}


EACH = pytest.mark.parametrize("name", MAKES)


def loss_of(w: jax.Array) -> jax.Array:
    return 0.5 * jnp.sum(CURVATURE * w * w)


def step(transformation: Any, w: jax.Array, state: Any) -> tuple[jax.Array, Any]:
    loss, g = jax.value_and_grad(loss_of)(w)
    updates, state = transformation.update(g, state, w, value=loss, value_fn=loss_of, grad=g)
    return optax.apply_updates(w, updates), state


def steps(transformation: Any, w: jax.Array, count: int) -> tuple[jax.Array, Any]:
    state = transformation.init(w)
    for _ in range(count):
        w, state = step(transformation, w, state)
    return w, state


STARTS = np.array([[1.0, -2.0, 0.5], [0.1, 0.2, -3.0], [2.0, 2.0, 2.0], [-1.0, 0.0, 4.0]])


@EACH
def test_scan_and_jit_take_the_same_steps(name: str) -> None:
    transformation = MAKES[name]()
    one_by_one, state = steps(transformation, jnp.asarray(STARTS[0]), 7)

    @jax.jit
    def run(w: jax.Array) -> Any:
        carry = w, transformation.init(w)
        return jax.lax.scan(lambda c, _: (step(transformation, *c), None), carry, length=7)[0]

    scanned, scanned_state = run(STARTS[0])
    np.testing.assert_allclose(scanned, one_by_one, rtol=1e-9, atol=1e-12)
    assert jax.tree.structure(scanned_state) == jax.tree.structure(state)
    assert loss_of(scanned) < loss_of(STARTS[0])


@EACH
def test_vmap_trains_each_of_many(name: str) -> None:
    """Four runs at once, under jit, are four runs: every one with rates of its own."""
    transformation = MAKES[name]()
    together = jax.jit(jax.vmap(lambda w: steps(transformation, w, 8)))
    alone = jax.jit(lambda w: steps(transformation, w, 8))
    found, state = together(STARTS)
    for i, start in enumerate(STARTS):
        np.testing.assert_allclose(found[i], alone(start)[0], rtol=1e-9, atol=1e-12)
    rates = np.asarray((state if hasattr(state, "rate") else state[-1]).rate)
    assert rates.shape == (4,) and len(set(rates.tolist())) > 1


@EACH
def test_states_are_named_tuples(name: str) -> None:
    state = MAKES[name]().init({"a": jnp.ones(2), "b": [jnp.zeros((1, 3))]})
    own = state if hasattr(state, "rate") else state[-1]
    assert isinstance(own, tuple) and "rate" in own._fields


@EACH
@pytest.mark.parametrize("bad", ["value", "gradient"])
def test_a_step_that_is_not_finite_stays(name: str, bad: str) -> None:
    transformation = MAKES[name]()
    w, state = steps(transformation, jnp.asarray(STARTS[0]), 3)
    loss, g = jax.value_and_grad(loss_of)(w)
    loss, g = (jnp.nan, g) if bad == "value" else (loss, g.at[1].set(jnp.inf))
    updates, after = jax.jit(
        lambda g, s, w, loss: transformation.update(g, s, w, value=loss, value_fn=loss_of, grad=g)
    )(g, state, w, loss)
    np.testing.assert_array_equal(updates, np.zeros(3))
    if name != "l4adam":  # the chain's other part keeps its own state
        for a, b in zip(jax.tree.leaves(after), jax.tree.leaves(state), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lr.optax.scale_by_l4, "value"),
        (lr.optax.scale_by_sps, "value"),
        (lr.optax.scale_by_qlabgrad, "value"),
        (lr.optax.scale_by_qlabgrad, "value_fn"),
        (lr.optax.scale_by_qlabgrad, "params"),
        (lambda: lr.optax.scale_by_tlr(window=5), "params"),
    ],
)
def test_what_is_missing_is_named(make: Callable[[], Any], argument: str) -> None:
    transformation = make()
    w = jnp.asarray(STARTS[0])
    given = {"value": 1.0, "value_fn": loss_of}
    given.pop(argument, None)
    params = None if argument == "params" else w
    with pytest.raises(lr.DTypeError, match=rf"scale_by_\w+: {argument}: not given"):
        transformation.update(w, transformation.init(w), params, **given)


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: lr.optax.scale_by_l4(alpha=0), "alpha"),
        (lambda: lr.optax.scale_by_l4(average=1.0), "average"),
        (lambda: lr.optax.scale_by_tlr(window=0), "window"),
        (lambda: lr.optax.scale_by_tlr(initial=float("nan")), "initial"),
        (lambda: lr.optax.scale_by_sps(mode="fast"), "mode"),
        (lambda: lr.optax.scale_by_qlabgrad(trial=-1.0), "trial"),
    ],
)
def test_bad_settings_are_named(make: Callable[[], Any], argument: str) -> None:
    with pytest.raises(lr.ArgumentError, match=rf"{argument}: got .*; allowed: "):
        make()
