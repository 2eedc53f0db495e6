"""The optax transformations inside JAX's own: jit, vmap and scan; and what they refuse."""

from __future__ import annotations

import warnings
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


# ---- complex leaves --------------------------------------------------------------------------------------

MATRIX = np.array([[1 + 2j, -0.5j, 0.3], [0.2, 1 - 1j, 2j], [1j, 0.1, -1.5], [0.7, 2 - 1j, 0.4j]])
TARGET = MATRIX @ np.array([1 + 2j, -1j, 0.5])


def complex_loss(w: jax.Array) -> jax.Array:
    return jnp.mean(jnp.abs(MATRIX @ w - TARGET) ** 2)


def real_loss(parts: tuple[jax.Array, jax.Array]) -> jax.Array:
    return complex_loss(parts[0] + 1j * parts[1])


@EACH
@pytest.mark.parametrize("start", [[0.3 + 0.9j, 0.1 - 0.5j, -0.2 + 1.0j], [1 + 1j, -1j, 0.5]])
def test_complex_leaves_are_their_parts(name: str, start: list[complex]) -> None:
    """Ten steps on w and on (Re w, Im w) are the same; the second start has gradients that are imaginary."""
    # Adam's second moment of a complex number is that of its modulus
    make = (
        (lambda: optax.chain(optax.trace(0.5), lr.optax.scale_by_l4())) if name == "l4adam" else MAKES[name]
    )
    one, two = make(), make()
    w = jnp.asarray(start)
    parts = w.real, w.imag
    state, other = one.init(w), two.init(parts)
    for _ in range(10):
        value, g = jax.value_and_grad(complex_loss)(w)
        g = jnp.conj(g)
        updates, state = one.update(g, state, w, value=value, value_fn=complex_loss, grad=g)
        w = optax.apply_updates(w, updates)
        value, h = jax.value_and_grad(real_loss)(parts)
        moves, other = two.update(h, other, parts, value=value, value_fn=real_loss, grad=h)
        parts = optax.apply_updates(parts, moves)
        np.testing.assert_allclose(w, parts[0] + 1j * parts[1], rtol=1e-8, atol=1e-10)
    assert not np.allclose(w, np.asarray(start))


def test_complex_and_real_leaves_together() -> None:
    """Slopes of complex64, float32 and a gradient along the imaginary axis alone: L / (c |g|^2) by hand."""
    transformation = lr.optax.scale_by_sps(mode="max", max_lr=100.0)
    g = {"a": jnp.array([2j, -1j], jnp.complex64), "b": jnp.array([1.0], jnp.float32)}
    updates, state = transformation.update(g, transformation.init(g), g, value=3.0)
    assert float(state.rate) == pytest.approx(3 / (0.5 * 6 + 1e-8), rel=1e-6)
    np.testing.assert_allclose(updates["a"], -state.rate * g["a"], rtol=1e-6)
    assert updates["a"].dtype == jnp.complex64 and updates["b"].dtype == jnp.float32


# ---- optax's own wrappers --------------------------------------------------------------------------------

FACTORIES: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "l4": (lr.optax.scale_by_l4, {"alpha": 0.15}),
    "tlr": (lr.optax.scale_by_tlr, {"initial": 0.4}),
    "tlr-window": (lr.optax.scale_by_tlr, {"initial": 0.6, "window": 3}),
    "hd": (lr.optax.scale_by_hd, {"meta_lr": 1e-3}),
    "sps": (lr.optax.scale_by_sps, {"c": 0.6}),
    "sps-max": (lr.optax.scale_by_sps, {"mode": "max", "max_lr": 0.7}),
    "qlabgrad": (lr.optax.scale_by_qlabgrad, {"trial": 0.2, "refind_every": 4}),
}


@pytest.mark.parametrize("jitted", [False, True])
@pytest.mark.parametrize("name", FACTORIES)
def test_injected_hyperparameters(name: str, jitted: bool) -> None:
    """Every number of a transformation in the state, as they are: the steps of the plain one."""
    factory, given = FACTORIES[name]
    injected = optax.inject_hyperparams(factory)(**given)
    w = jnp.asarray(STARTS[0])
    expected, plain = steps(factory(**given), w, 8)
    state = injected.init(w)
    move = (lambda w, s: step(injected, w, s)) if not jitted else jax.jit(lambda w, s: step(injected, w, s))
    for _ in range(8):
        w, state = move(w, state)
    np.testing.assert_allclose(w, expected, rtol=1e-12)
    assert float(state.inner_state.rate) == pytest.approx(float(plain.rate), rel=1e-12)
    assert all(float(state.hyperparams[key]) == v for key, v in given.items() if not isinstance(v, str))


def test_a_scheduled_hyperparameter() -> None:
    """L4 with an alpha that falls along a line, beside one L4 for each alpha on the same state."""
    schedule = optax.linear_schedule(0.15, 0.05, 6)
    injected = optax.inject_hyperparams(lr.optax.scale_by_l4)(alpha=schedule)
    w = other = jnp.asarray(STARTS[0])
    state, plain = injected.init(w), lr.optax.scale_by_l4().init(other)
    move = jax.jit(lambda w, s: step(injected, w, s))
    for t in range(8):
        w, state = move(w, state)
        # what optax has made of the schedule, in float32, which compiled code rounds in its own way
        alpha = float(state.hyperparams["alpha"])
        assert alpha == pytest.approx(float(schedule(t)), rel=1e-6)
        other, plain = step(lr.optax.scale_by_l4(alpha=alpha), other, plain)
        np.testing.assert_allclose(w, other, rtol=1e-12)
    assert float(state.hyperparams["alpha"]) == pytest.approx(0.05, rel=1e-6)


def test_injected_numbers_that_are_concrete_are_checked() -> None:
    for factory, given, what in [
        (lr.optax.scale_by_l4, {"alpha": -0.1}, "alpha"), (lr.optax.scale_by_l4, {"average": 1.5}, "average"),
        (lr.optax.scale_by_tlr, {"window": 0}, "window"), (lr.optax.scale_by_sps, {"c": 0.0}, "c"),
        (lr.optax.scale_by_qlabgrad, {"refind_every": 0}, "refind_every"),
    ]:  # fmt: skip
        with pytest.raises(lr.ArgumentError, match=what):
            optax.inject_hyperparams(factory)(**given).init(jnp.ones(2))
        with pytest.raises(lr.ArgumentError, match=what):
            factory(**{key: jnp.asarray(value) for key, value in given.items()})


def test_injected_over_complex_and_narrow_parameters() -> None:
    """optax makes hyperparameters of the parameters' dtype."""
    for dtype in (jnp.complex64, jnp.bfloat16, jnp.float32):
        for name, (factory, given) in FACTORIES.items():
            injected = optax.inject_hyperparams(factory)(**given)
            w = jnp.asarray(STARTS[0]).astype(dtype)
            state = injected.init(w)
            g = jnp.conj(jax.grad(lambda w: jnp.real(jnp.vdot(w, w)))(w))
            of = lambda w: jnp.real(jnp.vdot(w, w)).astype(jnp.float32)  # noqa: E731
            update = jax.jit(
                lambda g, s, w, of=of, t=injected: t.update(g, s, w, value=of(w), value_fn=of, grad=g)
            )
            updates, state = update(g, state, w)
            assert updates.dtype == w.dtype, name
            assert float(of(w + updates)) < float(of(w)), (name, dtype)


@EACH
def test_masked_chained_and_by_label(name: str) -> None:
    """Part of a tree, in each of optax's ways to say so; the rest takes steps of its own."""
    params = {"a": jnp.asarray(STARTS[0]), "b": jnp.asarray(STARTS[1])}
    of = lambda p: loss_of(p["a"]) + 2 * loss_of(p["b"])  # noqa: E731
    alone = MAKES[name]()
    own, state = params["a"], alone.init(params["a"])
    wrapped = {
        "masked": optax.chain(
            optax.masked(MAKES[name](), {"a": True, "b": False}),
            optax.masked(optax.scale(-0.1), {"a": False, "b": True}),
        ),
        "labels": optax.multi_transform(
            {"own": MAKES[name](), "other": optax.scale(-0.1)}, {"a": "own", "b": "other"}
        ),
    }
    states = {key: t.init(params) for key, t in wrapped.items()}
    held = dict.fromkeys(wrapped, params)
    for _ in range(4):
        value = of({"a": own, "b": held["masked"]["b"]})
        g = jax.grad(loss_of)(own)
        b = held["masked"]["b"]
        value_fn = lambda w: loss_of(w["a"] if isinstance(w, dict) else w) + 2 * loss_of(b)  # noqa: E731, B023
        updates, state = alone.update(g, state, own, value=value, value_fn=value_fn, grad=g)
        own = optax.apply_updates(own, updates)
        for key, transformation in wrapped.items():
            p = held[key]
            h = jax.grad(of)(p)
            updates, states[key] = transformation.update(
                h, states[key], p, value=value, value_fn=value_fn, grad=h
            )
            held[key] = optax.apply_updates(p, updates)
            np.testing.assert_allclose(held[key]["a"], own, rtol=1e-9)


@EACH
def test_multi_steps_hand_the_loss_on(name: str) -> None:
    """Every second update moves, by the mean gradient; the loss is that of the last."""
    every = optax.MultiSteps(MAKES[name](), 2)
    w = jnp.asarray(STARTS[0])
    state = every.init(w)
    move = jax.jit(lambda w, s: every.update(jax.grad(loss_of)(w), s, w, value=loss_of(w), value_fn=loss_of))
    first, state = move(w, state)
    second, state = move(w, state)
    assert not np.any(first) and np.any(second)
    assert float(loss_of(w + second)) < float(loss_of(w))


# ---- losses below their bound ----------------------------------------------------------------------------

BELOW: dict[str, Callable[[], Any]] = {
    "l4": lr.optax.scale_by_l4,
    "sps": lr.optax.scale_by_sps,
    "sps-max": lambda: lr.optax.scale_by_sps(mode="max", f_star=-0.5, max_lr=1.0),
}


@pytest.mark.parametrize("way", ["eager", "jit", "scan", "vmap"])
@pytest.mark.parametrize("name", BELOW)
def test_a_loss_below_its_bound_warns_once(name: str, way: str) -> None:
    transformation = BELOW[name]()
    g = jnp.array([1.0, -2.0])

    def move(state: Any, value: Any) -> Any:
        updates, state = transformation.update(g, state, g, value=value)
        return state, updates

    def run(values: list[float]) -> np.ndarray:
        state = transformation.init(g)
        if way == "vmap":
            many = jax.tree_util.tree_map(lambda x: jnp.stack([x] * len(values)), state)
            found = jax.vmap(move)(many, jnp.asarray(values))[1]
        elif way == "scan":
            found = jax.lax.scan(move, state, jnp.asarray(values))[1]
        else:
            once, found = (jax.jit(move) if way == "jit" else move), []
            for value in values:
                state, updates = once(state, jnp.asarray(value))
                found.append(updates)
        jax.effects_barrier()
        return np.asarray(found)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.any(run([2.0, 1.0]))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        moves = run([2.0, -1.0, -2.0])
    assert np.any(moves[0]) and not np.any(moves[1:])
    (told,) = [str(w.message) for w in seen if "below its bound" in str(w.message)]
    assert "f_star=b" in told if "sps" in name else "lower_bound=b" in told


def test_a_polyak_step_below_zero_moves_with_a_bound() -> None:
    """min(max_lr, (L - f_star) / (c |g|^2))"""
    transformation = lr.optax.scale_by_sps(mode="max", f_star=-2.0, max_lr=10.0)
    g = jnp.array([1.0, -2.0])
    updates, _ = transformation.update(g, transformation.init(g), g, value=-1.0)
    np.testing.assert_allclose(updates, -g / (0.5 * 5 + 1e-8), rtol=1e-12)
