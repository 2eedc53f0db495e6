"""JAX as a contestant: whole steps compiled, with parameters and state given away to the next step."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import networks
from .turns import Turn
from .work import Columns, Training, Updates

SCAN = 20


def conv(x: Any, w: Any, stride: int, padding: int) -> Any:
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(
        x, w, (stride, stride), [(padding, padding)] * 2, dimension_numbers=layout
    )


def relu(x: Any) -> Any:
    return jnp.maximum(x, 0)


def norm(x: Any, p: Any) -> Any:
    """Batch normalization of training; running statistics cost next to nothing and are left out."""
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * p[0] + p[1]


def initial(network: str, seed: int = 0) -> list[Any]:
    """Parameters of each layer."""
    rng = np.random.default_rng(seed)

    def weights(*shape: int) -> Any:
        return jnp.asarray(rng.standard_normal(shape, np.float32) / np.float32(np.prod(shape[:-1])) ** 0.5)

    def scales(n: int) -> list[Any]:
        return [jnp.ones(n, jnp.float32), jnp.zeros(n, jnp.float32)]

    found: list[Any] = []
    for kind, *n in networks.NETWORKS[network]:
        if kind == "conv":
            found.append([weights(n[0], n[0], n[1], n[2])] + ([jnp.zeros(n[2], jnp.float32)] if n[5] else []))
        elif kind == "linear":
            found.append([weights(*n), jnp.zeros(n[1], jnp.float32)])
        elif kind == "norm":
            found.append(scales(n[0]))
        elif kind in ("preactivated", "residual"):
            i, o, stride = n
            block = {"conv1": weights(3, 3, i, o), "conv2": weights(3, 3, o, o), "norm2": scales(o)}
            block["norm1"] = scales(i if kind == "preactivated" else o)
            if stride != 1 or i != o:
                block["shortcut"] = weights(1, 1, i, o)
                if kind == "residual":
                    block["norm3"] = scales(o)
            found.append(block)
        else:
            found.append([])
    return found


def block(kind: str, x: Any, p: dict[str, Any], stride: int) -> Any:
    if kind == "preactivated":
        hidden = relu(norm(x, p["norm1"]))
        residual = conv(hidden, p["shortcut"], stride, 0) if "shortcut" in p else x
        return conv(relu(norm(conv(hidden, p["conv1"], stride, 1), p["norm2"])), p["conv2"], 1, 1) + residual
    residual = norm(conv(x, p["shortcut"], stride, 0), p["norm3"]) if "shortcut" in p else x
    hidden = relu(norm(conv(x, p["conv1"], stride, 1), p["norm1"]))
    return relu(norm(conv(hidden, p["conv2"], 1, 1), p["norm2"]) + residual)


def logits(network: str, parameters: list[Any], x: Any) -> Any:
    if x.ndim == 3:
        x = x[..., None]
    for (kind, *n), p in zip(networks.NETWORKS[network], parameters, strict=True):
        if kind == "conv":
            x = conv(x, p[0], n[3], n[4]) + (p[1] if n[5] else 0)
        elif kind == "linear":
            x = x @ p[0] + p[1]
        elif kind == "relu":
            x = relu(x)
        elif kind == "pool":
            x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        elif kind == "flatten":
            x = x.reshape(len(x), -1)
        elif kind == "mean":
            x = x.mean((1, 2))
        elif kind == "norm":
            x = norm(x, p)
        else:
            x = block(kind, x, p, n[2])
    return x


def cross_entropy(network: str, parameters: list[Any], x: Any, y: Any) -> Any:
    z = jax.nn.log_softmax(logits(network, parameters, x))
    return -jnp.take_along_axis(z, y[:, None], 1).mean()


def update(rule: str, parameters: Any, gradients: Any, state: Any) -> tuple[Any, Any]:
    tree = jax.tree.map
    if rule == "sgd":
        return tree(lambda p, g: p - 0.01 * g, parameters, gradients), state
    if rule == "momentum":
        state = tree(lambda v, g: 0.9 * v + g, state, gradients)
        return tree(lambda p, v: p - 0.01 * v, parameters, state), state
    t, m, v = state
    t = t + 1
    m = tree(lambda m, g: 0.9 * m + 0.1 * g, m, gradients)
    v = tree(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradients)
    c1, c2 = 1 / (1 - 0.9**t), 1 / (1 - 0.999**t)
    new = tree(lambda p, m, v: p - 1e-3 * m * c1 / (jnp.sqrt(v * c2) + 1e-8), parameters, m, v)
    return new, (t, m, v)


def zeros(rule: str, parameters: Any) -> Any:
    def zero() -> Any:
        return jax.tree.map(jnp.zeros_like, parameters)

    if rule == "sgd":
        return ()
    return zero() if rule == "momentum" else (jnp.zeros(()), zero(), zero())


def training(work: Training, kind: str) -> Turn:
    """kind: "jit", a step compiled; "scan", a run of steps compiled."""
    x, y = map(jnp.asarray, work.data())

    def step(carry: Any, rows: Any) -> tuple[Any, Any]:
        parameters, state = carry
        loss = functools.partial(cross_entropy, work.network)
        gradients = jax.grad(loss)(parameters, x[rows], y[rows])
        return update(work.optimizer, parameters, gradients, state), None

    parameters = initial(work.network)
    carry = (parameters, zeros(work.optimizer, parameters))
    one = jax.jit(step, donate_argnums=0)
    many = jax.jit(lambda carry, rows: jax.lax.scan(step, carry, rows)[0], donate_argnums=0)

    def run(rows: np.ndarray) -> None:
        nonlocal carry
        if kind == "scan":
            carry = many(carry, rows)
        else:
            for batch in rows:
                carry, _ = one(carry, batch)
        jax.block_until_ready(carry)

    return work.turn(run, SCAN if kind == "scan" else 0)


def updates(work: Updates) -> Turn:
    """The rules of optax and optax.contrib, compiled."""
    import optax

    rule = {
        "adam": lambda: optax.adam(1e-3),
        "prodigy": lambda: optax.contrib.prodigy(),
        "d-adaptation": lambda: optax.contrib.dadapt_adamw(),
        "schedule-free": lambda: optax.contrib.schedule_free_adamw(0.0025),
    }[work.rule]()
    values, gradients = (list(map(jnp.asarray, arrays)) for arrays in work.arrays())
    # copies: what is given away must not share memory, as zeros of a fresh state may
    state = jax.tree.map(jnp.array, rule.init(values))

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(values: Any, state: Any) -> tuple[Any, Any]:
        change, state = rule.update(gradients, state, values)
        return optax.apply_updates(values, change), state

    def once() -> None:
        nonlocal values, state
        values, state = step(values, state)

    return work.turn(once, lambda: jax.block_until_ready(values))


def hypergradients(work: Columns, kind: str) -> Turn:
    """The recursion of FDS; kind: "vmap", of jvp of grad; "linearize" of grad, mapped."""
    x, y = map(jnp.asarray, work.data())
    tree = jax.tree.map

    @functools.partial(jax.jit, donate_argnums=0)
    def step(carry: Any, rows: Any) -> Any:
        p, v, z, c = carry
        gradient = jax.grad(lambda p: cross_entropy(work.network, p, x[rows], y[rows]))
        if kind == "linearize":
            g, product = jax.linearize(gradient, p)
            hz = jax.vmap(product)(z)
        else:
            g, hz = jax.vmap(lambda t: jax.jvp(gradient, (p,), (t,)), out_axes=(None, 0))(z)
        c = tree(
            lambda c, h, z, v, p: (work.MOMENTUM * c + h + work.DECAY * z).at[8].add(v).at[9].add(p),
            *(c, hz, z, v, p),
        )
        v = tree(lambda v, g, p: work.MOMENTUM * v + g + work.DECAY * p, v, g, p)
        z = tree(lambda z, c, v: (z - work.RATE * c).at[7].add(-v), z, c, v)
        return tree(lambda p, v: p - work.RATE * v, p, v), v, z, c

    parameters = initial(work.network)
    columns = [tree(lambda p: jnp.full((10, *p.shape), 1e-3), parameters) for _ in range(2)]
    carry = (parameters, tree(jnp.zeros_like, parameters), *columns)

    def run(rows: np.ndarray) -> None:
        nonlocal carry
        for batch in rows:
            carry = step(carry, batch)
        jax.block_until_ready(carry)

    return work.turn(run, 1)
