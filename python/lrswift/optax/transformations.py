"""Rates of `lrswift.adapt` as optax transformations, in JAX alone, so that jit, vmap and scan take them.

    tx = optax.chain(optax.scale_by_adam(eps=1e-4), lr.optax.scale_by_l4())
    updates, state = tx.update(grads, state, params, value=loss, grad=grads)

What comes in is the direction d that the transformations before it made of the gradient; what leaves is
-rate d, the step (flip_sign=False: +rate d, for chains that have negated it already). Extra arguments:
value, the loss; value_fn(params) -> loss, for `scale_by_qlabgrad`; grad, the gradient itself, where d is
something else, taken to be d otherwise. Complex leaves count as their real and imaginary parts: <a, b> is
the real part of conj(a) b, and gradients are what optax's own take, conjugates of jax.grad's. A step whose
loss or gradient is not finite gives zero updates and changes no state of these transformations. States are
NamedTuples; `rate` in them is that of the last step. Each equals the native adapter of its name, step by
step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ..errors import ArgumentError, ArgumentTypeError, warn
from ..rates.adapters import HD, L4, SPS, TLR, QLABGrad
from ..rates.base import Adapter, arguments_of
from ..rates.cards import read_cards

__all__ = ["scale_by_hd", "scale_by_l4", "scale_by_qlabgrad", "scale_by_sps", "scale_by_tlr"]

# the direction of L4Mom
_AVERAGED = read_cards("directions")["ema"]

Tree = Any
_map = jax.tree_util.tree_map


def dot(a: Tree, b: Tree) -> jax.Array:
    """<a, b> over all leaves, in float64 where JAX has it; Re <conj a, b> of complex ones."""
    wide = jax.dtypes.canonicalize_dtype(jnp.float64)

    def product(x: jax.Array, y: jax.Array) -> jax.Array:
        real = jnp.vdot(jnp.real(x).astype(wide), jnp.real(y).astype(wide))
        if not (jnp.iscomplexobj(x) and jnp.iscomplexobj(y)):
            return real
        return real + jnp.vdot(jnp.imag(x).astype(wide), jnp.imag(y).astype(wide))

    products = _map(product, a, b)
    return sum(jax.tree_util.tree_leaves(products), jnp.zeros((), wide))


def _scalar(value: Any) -> jax.Array:
    return jnp.asarray(value, jax.dtypes.canonicalize_dtype(jnp.float64))


def _zeros(tree: Tree) -> Tree:
    return _map(jnp.zeros_like, tree)


def _where(condition: jax.Array, new: Tree, old: Tree) -> Tree:
    return _map(lambda a, b: jnp.where(condition, a, b), new, old)


def _scaled(rate: jax.Array, taken: jax.Array, direction: Tree) -> Tree:
    """-rate d, and zero where no step is taken, whatever d is."""
    return _map(lambda d: jnp.where(taken, -rate.astype(d.dtype) * d, jnp.zeros_like(d)), direction)


def _check(name: str, adapter: type[Adapter], **given: Any) -> None:
    """Against the bounds of the adapter; JAX's scalars are numbers, too, and traced ones have no value."""
    for key, value in given.items():
        if not isinstance(value, jax.core.Tracer):
            plain = value if isinstance(value, (bool, int, float, str)) else _item(value)
            arguments_of(adapter)[key].check(plain, name)


def _item(value: Any) -> Any:
    """The number in an array; optax.inject_hyperparams makes those of the dtype of the parameters."""
    number = np.asarray(value).astype(object).item() if np.size(value) == 1 else value
    return number.real if isinstance(number, complex) and number.imag == 0 else number


def _injected(*values: Any) -> tuple[Any, ...]:
    """Arguments to compute with: arrays, as optax.inject_hyperparams makes them, are real."""
    return tuple(jnp.real(value) if isinstance(value, jax.Array) else value for value in values)


class _Bound:
    """Warns once that a loss has fallen below its bound, where no step is taken, also from compiled code."""

    def __init__(self, name: str, remedy: str) -> None:
        self.text = f"{name}: the loss is below its bound, so no step is taken; {remedy}"
        self.told = False

    def watch(self, loss: jax.Array, bound: Any) -> None:
        def look(loss: Any) -> None:
            jax.debug.callback(self._tell, loss, bound)

        if not isinstance(loss, jax.core.Tracer) and not isinstance(bound, jax.core.Tracer):
            self._tell(loss, bound)
        else:
            jax.lax.cond(loss < bound, look, lambda _: None, loss)

    def _tell(self, loss: Any, bound: Any) -> None:
        # vmap runs both branches
        if not self.told and np.any(np.asarray(loss) < np.asarray(bound)):
            self.told = True
            warn(self.text)


def _given(name: str, argument: str, value: Any) -> Any:
    if value is None:
        raise ArgumentTypeError(f"{name}: {argument}: not given; allowed: update(..., {argument}=...)")
    return value


def _transformation(
    init: Callable[[Tree], Any],
    decide: Callable[..., tuple[jax.Array, jax.Array, Any]],
    flip_sign: bool,
    loss_of: Callable[[dict[str, Any]], Any],
) -> optax.GradientTransformationExtraArgs:
    """decide(d, state, params, gradient, loss, extras) -> (rate, whether to take it, next state)."""

    def update(updates: Tree, state: Any, params: Tree = None, **extras: Any) -> tuple[Tree, Any]:
        direction = updates if flip_sign else _map(jnp.negative, updates)
        gradient = extras.get("grad")
        gradient = direction if gradient is None else _masked(gradient, direction)
        loss = loss_of(extras)
        loss = _scalar(0.0) if loss is None else jnp.asarray(loss).astype(_scalar(0.0).dtype)
        finite = jnp.isfinite(loss) & jnp.isfinite(dot(gradient, gradient))
        rate, taken, after = decide(direction, state, params, gradient, loss, extras)
        taken = taken & finite & jnp.isfinite(rate)
        after = after._replace(rate=jnp.where(taken, rate, 0.0))
        return _scaled(rate, taken, direction), _where(finite, after, state)

    return optax.GradientTransformationExtraArgs(init, update)


def _masked(tree: Tree, like: Tree) -> Tree:
    """Without the leaves that optax.masked hides in `like`; extra arguments are not masked."""
    hidden = lambda x: isinstance(x, optax.MaskedNode)  # noqa: E731
    return _map(lambda d, x: d if hidden(d) else x, like, tree, is_leaf=hidden)


class L4State(NamedTuple):
    """rate: of the last step. lowest: the lowest loss, inflated; nan before any. average: of g."""

    rate: jax.Array
    lowest: jax.Array
    average: Tree
    steps: jax.Array


def scale_by_l4(
    alpha: float = L4.alpha,
    gamma: float = L4.gamma,
    tau: float = L4.tau,
    gamma0: float = L4.gamma0,
    eps: float = L4.eps,
    lower_bound: float = L4.lower_bound,
    average: float = _AVERAGED["beta"].default,
    min_lr: float = L4.min_lr,
    max_lr: float = L4.max_lr,
    flip_sign: bool = True,
) -> optax.GradientTransformationExtraArgs:
    """Steps to a fixed fraction of the linear model's way down to the best loss seen.

        rate = alpha (L - gamma L_min) / (<g^, d> + eps)

    Needs value=, and grad= where d is not g. L4Mom: chain(optax.ema(0.9), scale_by_l4()); L4Adam:
    chain(optax.scale_by_adam(eps=1e-4), scale_by_l4()). A loss below lower_bound, which cannot raise under
    jit, is a step that stays, with one warning.

    Args:
        alpha: fraction of the step to the target.
        gamma: how far towards the lowest loss the target lies.
        tau: time scale in steps for forgetting the lowest loss.
        gamma0: first lowest loss, as a fraction of the first loss.
        eps: added to the slope.
        lower_bound: a value the loss never falls below.
        average: memory of g^, the bias-corrected average of the gradient, as in Adam; 0: g itself.
        min_lr: no rate is below it.
        max_lr: no rate is above it.
        flip_sign: what leaves is -rate d; False: +rate d, for chains that have negated d already.

    Returns:
        An optax transformation with extra arguments.

    Raises:
        ArgumentError: an argument is out of the bounds of `adapt.L4`.
        ArgumentTypeError: an argument is of another type, or `update` is called without value.

    Source:
        Rolinek and Martius 2018, L4 (arXiv 1802.05074), eq. 2-7.
    """
    _check(
        "scale_by_l4", L4, alpha=alpha, gamma=gamma, tau=tau, gamma0=gamma0, eps=eps, lower_bound=lower_bound,
        min_lr=min_lr, max_lr=max_lr,
    )  # fmt: skip
    if not isinstance(average, jax.core.Tracer) and not 0 <= _item(average) < 1:
        raise ArgumentError(f"scale_by_l4: average: got {average!r}; allowed: {_AVERAGED['beta'].allowed}")
    # whether there is an average is known before its memory is
    averages = isinstance(average, jax.Array) or average > 0
    alpha, gamma, tau, gamma0, eps, lower_bound, average, min_lr, max_lr = _injected(
        alpha, gamma, tau, gamma0, eps, lower_bound, average, min_lr, max_lr
    )
    below = _Bound("scale_by_l4", "pass lower_bound=b for a loss that is never below b")

    def init(params: Tree) -> L4State:
        kept = _zeros(params) if averages else ()
        return L4State(_scalar(0.0), _scalar(math.nan), kept, jnp.zeros((), jnp.int32))

    def decide(d: Tree, state: L4State, params: Tree, g: Tree, value: jax.Array, _: Any) -> Any:
        below.watch(value, lower_bound)
        loss = value - lower_bound
        lowest = jnp.where(jnp.isnan(state.lowest), gamma0 * loss, jnp.minimum(state.lowest, loss))
        count = state.steps + 1
        kept = state.average
        if averages:
            kept = _map(lambda m, x: (average * m + (1 - average) * x).astype(m.dtype), kept, g)
            slope = dot(kept, d) / (1 - jnp.power(_scalar(average), count))
        else:
            slope = dot(g, d)
        rate = jnp.clip(alpha * (loss - gamma * lowest) / (slope + eps), min_lr, max_lr)
        after = L4State(rate, lowest * (1 + 1 / tau), kept, count)
        return rate, (slope > 0) & (loss >= 0), _where(loss >= 0, after, state)

    return _transformation(init, decide, flip_sign, lambda e: _given("scale_by_l4", "value", e.get("value")))


class TLRState(NamedTuple):
    """rate: of the last step. own: the rate that the rule changes. start, gradient: of the window."""

    rate: jax.Array
    own: jax.Array
    start: Tree
    gradient: Tree
    steps: jax.Array


def scale_by_tlr(
    initial: float = TLR.initial,
    bound: float = TLR.bound,
    window: int = 1,
    min_lr: float = TLR.min_lr,
    max_lr: float = TLR.max_lr,
    flip_sign: bool = True,
) -> optax.GradientTransformationExtraArgs:
    """Multiplies the rate once in a window by how the gradients of two windows agree.

        rate *= 1 + I / max(4 (n - I), I / bound),  I = <u, u'>,  n = |u|^2

    A window of 1 uses grad= (d where it is not given) as u; longer ones the parameters' displacements, which
    needs params, and nothing after this one in the chain that changes the step.

    Args:
        initial: the first rate.
        bound: largest relative growth per window.
        window: in steps.
        min_lr: no rate is below it.
        max_lr: no rate is above it.
        flip_sign: what leaves is -rate d; False: +rate d, for chains that have negated d already.

    Returns:
        An optax transformation with extra arguments.

    Raises:
        ArgumentError: an argument is out of the bounds of `adapt.TLR`.
        ArgumentTypeError: an argument is of another type, or a longer window is updated without params.

    Source:
        The TLR paper, eq. 9 and Algorithm 2.
    """
    _check("scale_by_tlr", TLR, initial=initial, bound=bound, min_lr=min_lr, max_lr=max_lr)
    if not isinstance(window, jax.core.Tracer) and (_item(window) != int(window) or window < 1):
        raise ArgumentError(f"scale_by_tlr: window: got {window!r}; allowed: a whole number of at least 1")
    # one that is injected may change, so that all is kept which a long one needs
    injected = isinstance(window, jax.Array)
    initial, bound, window, min_lr, max_lr = _injected(initial, bound, window, min_lr, max_lr)

    def init(params: Tree) -> TLRState:
        start = _zeros(params) if injected or window > 1 else ()
        own = jnp.clip(_scalar(initial), min_lr, max_lr)
        return TLRState(own, own, start, _zeros(params), jnp.zeros((), jnp.int32))

    def decide(d: Tree, state: TLRState, params: Tree, g: Tree, value: jax.Array, _: Any) -> Any:
        if not injected and window == 1:
            now, start = g, state.start
            ends, opens = jnp.asarray(True), jnp.asarray(True)
        else:
            if params is None:
                raise ArgumentTypeError(
                    "scale_by_tlr: params: not given; a window that is above 1, or injected, needs "
                    "update(grads, state, params)"
                )
            opens = state.steps % window == 0
            # displacements by a rate of zero say nothing
            ends = opens & (state.steps > 0) & (state.rate != 0)
            now = _map(lambda a, b: (a - b) / state.rate.astype(a.dtype), state.start, params)
            if injected:
                single = window == 1
                ends = ends | single
                now = _map(lambda a, b: jnp.where(single, b.astype(a.dtype), a), now, g)
            start = _where(opens, params, state.start)
        inner, norm2 = dot(state.gradient, now), dot(now, now)
        largest = jnp.maximum(4 * (norm2 - inner), inner / bound)
        factor = 1 + inner / largest
        usable = ends & (largest != 0) & jnp.isfinite(factor)
        own = jnp.where(usable, jnp.clip(state.own * factor, min_lr, max_lr), state.own)
        after = TLRState(own, own, start, _where(ends, now, state.gradient), state.steps + 1)
        return own, jnp.asarray(True), after

    return _transformation(init, decide, flip_sign, lambda e: e.get("value"))


class HDState(NamedTuple):
    """rate: of the last step. own: the rate that the rule changes. previous: the last direction."""

    rate: jax.Array
    own: jax.Array
    previous: Tree
    steps: jax.Array


def scale_by_hd(
    initial: float = HD.initial,
    meta_lr: float = HD.meta_lr,
    multiplicative: bool = HD.multiplicative,
    min_lr: float = HD.min_lr,
    max_lr: float = HD.max_lr,
    flip_sign: bool = True,
) -> optax.GradientTransformationExtraArgs:
    """Follows the derivative of the loss with respect to the rate of the step before.

        additive        rate += meta_lr <g, d'>
        multiplicative  rate *= 1 + meta_lr <g, d'> / (|g| |d'|)

    d' is the direction of the step before.

    Args:
        initial: the first rate.
        meta_lr: the learning rate of the learning rate.
        multiplicative: change the rate in proportion to itself.
        min_lr: no rate is below it.
        max_lr: no rate is above it.
        flip_sign: what leaves is -rate d; False: +rate d, for chains that have negated d already.

    Returns:
        An optax transformation with extra arguments.

    Raises:
        ArgumentError: an argument is out of the bounds of `adapt.HD`.
        ArgumentTypeError: an argument is of another type.

    Source:
        Baydin et al. 2018, Online learning rate adaptation with hypergradient descent (arXiv 1703.04782).
    """
    _check(
        "scale_by_hd", HD, initial=initial, meta_lr=meta_lr, multiplicative=multiplicative, min_lr=min_lr,
        max_lr=max_lr,
    )  # fmt: skip

    initial, meta_lr, min_lr, max_lr = _injected(initial, meta_lr, min_lr, max_lr)

    def init(params: Tree) -> HDState:
        own = jnp.clip(_scalar(initial), min_lr, max_lr)
        return HDState(own, own, _zeros(params), jnp.zeros((), jnp.int32))

    def decide(d: Tree, state: HDState, params: Tree, g: Tree, value: jax.Array, _: Any) -> Any:
        h = dot(g, state.previous)
        if multiplicative:
            lengths = jnp.sqrt(dot(g, g) * dot(state.previous, state.previous))
            changed = state.own * (1 + meta_lr * h / lengths)
        else:
            changed = state.own + meta_lr * h
        usable = (state.steps > 0) & jnp.isfinite(changed)
        own = jnp.where(usable, jnp.clip(changed, min_lr, max_lr), state.own)
        return own, jnp.asarray(True), HDState(own, own, d, state.steps + 1)

    return _transformation(init, decide, flip_sign, lambda e: e.get("value"))


class SPSState(NamedTuple):
    """rate: of the last step. own: what the next rate may grow from."""

    rate: jax.Array
    own: jax.Array


def scale_by_sps(
    c: float = SPS.c,
    f_star: float = SPS.f_star,
    mode: str = SPS.mode,
    gamma: float = SPS.gamma,
    max_lr: float = SPS.max_lr,
    min_lr: float = SPS.min_lr,
    steps_per_epoch: int = 500,
    flip_sign: bool = True,
) -> optax.GradientTransformationExtraArgs:
    """Takes the stochastic Polyak step.

        max     min(max_lr, (L - f_star) / (c <g, d>))
        smooth  min(gamma^(1/N) times the rate before, L / (c <g, d>))

    Needs value=. The smooth mode knows neither f_star nor max_lr, as `adapt.SPS`. A loss below f_star, or
    below 0 in the smooth mode, is a step that stays, with one warning.

    Args:
        c: the fraction of the gap that a step aims at is 1/c.
        f_star: the lowest value of a batch's loss.
        mode: "smooth" or "max".
        gamma: largest growth per epoch in the smooth mode.
        max_lr: no rate is above it in the mode max.
        min_lr: no rate is below it.
        steps_per_epoch: N.
        flip_sign: what leaves is -rate d; False: +rate d, for chains that have negated d already.

    Returns:
        An optax transformation with extra arguments.

    Raises:
        ArgumentError: an argument is out of the bounds of `adapt.SPS`.
        ArgumentTypeError: an argument is of another type, or `update` is called without value.

    Source:
        Loizou et al. 2021, Stochastic Polyak step-size for SGD (arXiv 2002.10542).
    """
    _check(
        "scale_by_sps", SPS, c=c, f_star=f_star, mode=mode, gamma=gamma, max_lr=max_lr, min_lr=min_lr,
        steps_per_epoch=steps_per_epoch,
    )  # fmt: skip
    c, f_star, gamma, max_lr, min_lr, steps_per_epoch = _injected(
        c, f_star, gamma, max_lr, min_lr, steps_per_epoch
    )
    smooth = mode == "smooth"
    below = _Bound(
        "scale_by_sps", "pass mode='max', a max_lr and f_star=b, with b a lower bound of every batch's loss"
    )
    bound, high = (0.0, math.inf) if smooth else (f_star, max_lr)

    def init(params: Tree) -> SPSState:
        return SPSState(_scalar(1.0), _scalar(1.0))

    def decide(d: Tree, state: SPSState, params: Tree, g: Tree, loss: jax.Array, _: Any) -> Any:
        below.watch(loss, bound)
        slope = dot(g, d)
        own = (loss - bound) / (c * slope + 1e-8)
        if smooth:
            own = jnp.minimum(gamma ** (1 / steps_per_epoch) * state.own, own)
        taken = (slope > 0) & (jnp.sqrt(slope) >= 1e-8) & (loss >= bound)
        rate = jnp.clip(own, min_lr, high)
        return rate, taken, SPSState(rate, jnp.where(taken, own, state.own))

    return _transformation(init, decide, flip_sign, lambda e: _given("scale_by_sps", "value", e.get("value")))


class QLABGradState(NamedTuple):
    """rate: of the last step. trial: the trial rate. count: steps taken."""

    rate: jax.Array
    trial: jax.Array
    steps: jax.Array


# the native machine's constants: see the deviations in its source
_SEARCHES, _ROUNDING, _DECREASE = 64, 8.0, 0.4


def scale_by_qlabgrad(
    trial: float = QLABGrad.trial,
    find_trial: bool = QLABGrad.find_trial,
    refind_every: int = QLABGrad.refind_every,
    max_ratio: float = QLABGrad.max_ratio,
    min_lr: float = QLABGrad.min_lr,
    max_lr: float = QLABGrad.max_lr,
    flip_sign: bool = True,
    check: float | None = QLABGrad.check,
) -> optax.GradientTransformationExtraArgs:
    """Steps to the minimum of a parabola through the loss, its slope, and the loss at a trial rate.

    Needs params, value= and value_fn=, a function of params in JAX; and grad= where d is not g. FindPLR at
    the start and every `refind_every` steps; far rates are checked, as by `adapt.QLABGrad`.

    Args:
        trial: the trial rate, or where its search starts.
        find_trial: search for the trial rate (FindPLR).
        refind_every: steps between searches.
        max_ratio: largest rate, as a multiple of the trial rate.
        min_lr: no rate is below it.
        max_lr: no rate is above it.
        flip_sign: what leaves is -rate d; False: +rate d, for chains that have negated d already.
        check: trial rates beyond which a rate is checked. None: never, which is the paper's rule.

    Returns:
        An optax transformation with extra arguments.

    Raises:
        ArgumentError: an argument is out of the bounds of `adapt.QLABGrad`.
        ArgumentTypeError: an argument is of another type, or `update` lacks params, value or value_fn.

    Source:
        The QLABGrad paper, eq. 10 and FindPLR.
    """
    _check(
        "scale_by_qlabgrad", QLABGrad, trial=trial, find_trial=find_trial, refind_every=refind_every,
        max_ratio=max_ratio, min_lr=min_lr, max_lr=max_lr, check=check,
    )  # fmt: skip
    trusted = math.inf if check is None else check

    trial, refind_every, max_ratio, min_lr, max_lr = _injected(trial, refind_every, max_ratio, min_lr, max_lr)

    def init(params: Tree) -> QLABGradState:
        return QLABGradState(_scalar(0.0), _scalar(trial), jnp.zeros((), jnp.int32))

    def decide(d: Tree, state: QLABGradState, params: Tree, g: Tree, loss: jax.Array, extras: Any) -> Any:
        value_fn = _given("scale_by_qlabgrad", "value_fn", extras.get("value_fn"))
        if params is None:
            raise ArgumentTypeError(
                "scale_by_qlabgrad: params: not given; allowed: update(grads, state, params, ...)"
            )
        slope = dot(g, d)
        narrow = any(jnp.finfo(x.dtype).bits < 64 for x in jax.tree_util.tree_leaves(params))
        precision = float(jnp.finfo(jnp.float32 if narrow else jnp.float64).eps)

        def at(length: jax.Array) -> jax.Array:
            found = value_fn(_map(lambda p, x: p - length.astype(p.dtype) * x, params, d))
            found = jnp.asarray(found).astype(loss.dtype)
            return jnp.where(jnp.isfinite(found), found, jnp.inf)

        def bracket(length: jax.Array, ahead: jax.Array) -> jax.Array:
            found = ahead - loss + length * slope
            if check is None:
                return found
            resolution = _ROUNDING * precision * jnp.maximum(jnp.abs(loss), jnp.abs(ahead))
            sure = (found > resolution) | ~jnp.isfinite(ahead)
            return jnp.where(sure, found, -jnp.maximum(jnp.abs(found), resolution))

        def search(factor: float, goes_on: Callable[..., jax.Array], start: Any) -> Any:
            def again(carry: Any) -> Any:
                length, _, tries = carry
                return length * factor, at(length * factor), tries + 1

            carry = (*start, jnp.zeros((), jnp.int32))
            going = lambda c: goes_on(c[0], c[1]) & (c[2] < _SEARCHES)  # noqa: E731
            return jax.lax.while_loop(going, again, carry)[:2]

        seeks = jnp.asarray(find_trial) & (state.steps % refind_every == 0)
        first = jnp.minimum(state.trial, max_lr)
        found = first, at(first)
        found = search(2.0, lambda a, v: seeks & (bracket(a, v) < 0) & (slope > 0) & (2 * a <= max_lr), found)
        found = search(0.5, lambda a, v: seeks & (v > loss), found)
        length, ahead = search(0.5, lambda a, v: ~jnp.isfinite(v), found)
        gap = bracket(length, ahead)
        best = slope * length * length / (2 * gap)
        best = jnp.where((gap > 0) & jnp.isfinite(best), jnp.minimum(best, max_ratio * length), length)
        best = jnp.clip(best, min_lr, max_lr)

        def too_far(rate: jax.Array) -> jax.Array:
            falls = at(rate) <= loss - _DECREASE * rate * slope
            return ~falls

        def keeps_halving(rate: jax.Array) -> jax.Array:
            return jax.lax.cond(rate > trusted * length, too_far, lambda _: jnp.asarray(False), rate)

        best = jax.lax.while_loop(keeps_halving, lambda rate: rate / 2, best)
        taken = jnp.isfinite(ahead)
        rate = jnp.clip(best, min_lr, max_lr)
        return rate, taken, QLABGradState(rate, length, state.steps + taken)

    name = "scale_by_qlabgrad"
    return _transformation(init, decide, flip_sign, lambda e: _given(name, "value", e.get("value")))
