"""A rate that the first batches of a run find, and the plan of that run, as a schedule of optax."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from .._core import Machine as CoreMachine
from ..checks import check_whole
from ..errors import ArgumentError, ArgumentTypeError
from ..optim.attributes import rate_card
from ..optim.searched import chosen
from ..rates.adapters import Auto
from ..rates.codes import Decision
from .transformations import Tree, dot


@dataclass(frozen=True)
class FoundSchedule:
    """step -> rate: a rise, a level and a fall to 0, under jit, too. What `auto` returns.

    Attributes:
        rate: the level.
        steps: of the run that follows the search; from there on the rate is 0.
        warmup: steps of the rise.
        decay: steps of the fall.
        searched: batches that the search took.
        reliable: whether they could tell; else the rate is a usual one.
        losses: float64 [searched], of those batches, before each step.
        account: the text that `explain` returns.
    """

    rate: float
    steps: int
    warmup: int
    decay: int
    searched: int
    reliable: bool
    losses: np.ndarray = field(repr=False)
    account: str = field(repr=False)

    def __call__(self, step: Any) -> jax.Array:
        """The rate of the step with this number, from 0 on; steps: an int or an array of any shape."""
        t = jnp.asarray(step)
        share = jnp.ones_like(t, jnp.result_type(float))
        if self.warmup:
            share = jnp.minimum(share, (t + 1) / self.warmup)
        if self.decay:
            share = jnp.minimum(share, (self.steps - t) / self.decay)
        return self.rate * jnp.maximum(share, 0)

    def explain(self) -> str:
        """Says what was chosen and why, in some lines.

        Returns:
            The text.
        """
        return self.account


def auto(
    loss: Callable[[Tree, Any], Any],
    params: Tree,
    batches: Iterable[Any],
    steps: int,
    direction: optax.GradientTransformation | None = None,
    search: float = Auto.search,
    prior: float = Auto.prior,
    warmup: float = Auto.warmup,
    decay: float = Auto.decay,
) -> FoundSchedule:
    """Finds a rate on the first batches of a run, and plans the rest: nothing to choose.

        schedule = lr.optax.auto(loss, params, batches, steps=1000)
        tx = optax.adamw(schedule, b2=0.99, weight_decay=0.1)

    The rate grows by the same factor at every step until <g, d'> says that steps are too long: g is the
    gradient after a step along d'. It is the search of `lrswift.adapt.Auto`, over copies: `params` stay as
    they are, and the schedule is for the steps that are left of the budget.

    Args:
        loss: (params, batch) -> a scalar, to be differentiated and jitted.
        params: a tree of arrays of real or complex floats.
        batches: what can be iterated over; if it ends, it is begun anew. An iterator loses the batches that
            the search takes, 60 at most.
        steps: of the whole run, those of the search included, at least 1.
        direction: what the rate will multiply, of a descent: what it makes of gradients points uphill, as
            with `optax.scale_by_adam`. None: `scale_by_adam(b2=0.99)` and `add_decayed_weights(0.1)`.
            Default None.
        search: share of the run that the search takes at most, from 0 to below 1; 0: none. Default 0.06.
        prior: the rate of a run of 600 steps or more where there is no search, or none that could tell; above
            0. Default 0.01.
        warmup: share of the steps over which the rate rises, 0 to 1. Default 0.05.
        decay: share of the steps over which it falls to 0, 0 to 1. Default 0.6.

    Returns:
        A `FoundSchedule`, for the `steps - searched` steps after the search.

    Raises:
        ArgumentError: a number is out of bounds, `params` are empty, or the batches ended and do not begin
            anew.
        ArgumentTypeError: an argument is no number, or `batches` cannot be iterated over.
        DTypeError: an argument is no text or number of its kind.

    Source:
        docs/auto.md.
    """
    count = check_whole(steps, "steps", 1)
    machine = CoreMachine(*rate_card(Auto(count, search, prior, warmup, decay)))
    if not callable(loss):
        raise ArgumentTypeError(f"loss: got {type(loss).__name__}; allowed: a function (params, batch)")
    if not isinstance(batches, Iterable):
        raise ArgumentTypeError(f"batches: got {type(batches).__name__}; allowed: what can be iterated over")
    if not jax.tree_util.tree_leaves(params):
        raise ArgumentError("params: empty; allowed: at least one array")
    if direction is None:
        direction = optax.chain(optax.scale_by_adam(b2=0.99), optax.add_decayed_weights(0.1))
    losses = _search(machine, loss, params, batches, direction) if machine.get("searching") else []
    # the plan's first step, which settles the rate where there was no search
    machine.begin({"loss": 0.0, "precision": 1.0, "slope": 1.0, "gradient_norm2": 1.0})
    searched = int(machine.get("searched"))
    return FoundSchedule(
        rate=machine.get("found"),
        steps=count - searched,
        warmup=int(machine.get("run_warmup")),
        decay=int(machine.get("run_decay")),
        searched=searched,
        reliable=bool(machine.get("reliable")),
        losses=np.array(losses, np.float64),
        account="\n".join(chosen(machine)),
    )


def _search(
    machine: CoreMachine,
    loss: Callable[[Tree, Any], Any],
    params: Tree,
    batches: Iterable[Any],
    direction: optax.GradientTransformation,
) -> list[float]:
    """The losses of the batches that it took; the machine then holds the rate."""
    entries = sum(2 * x.size if jnp.iscomplexobj(x) else x.size for x in jax.tree_util.tree_leaves(params))

    @jax.jit
    def looked(at: Tree, state: Any, before: Tree, batch: Any) -> Any:
        value, raw = jax.value_and_grad(loss)(at, batch)
        # optax takes conjugates of jax.grad's; of real numbers they are the same
        g = jax.tree_util.tree_map(jnp.conj, raw)
        d, moved = direction.update(g, state, at)
        sums = [value, dot(g, d), dot(g, g), dot(g, before), dot(before, before)]
        return jnp.stack([jnp.asarray(s, sums[-1].dtype) for s in sums]), d, moved

    @jax.jit
    def stepped(at: Tree, d: Tree, rate: Any) -> Tree:
        return jax.tree_util.tree_map(lambda p, v: p - (rate * v).astype(p.dtype), at, d)

    losses: list[float] = []
    at, state, before = params, direction.init(params), None
    for batch in _endless(batches):
        zeros = jax.tree_util.tree_map(jnp.zeros_like, at) if before is None else before
        numbers, d, state = looked(at, state, zeros, batch)
        value, slope, norm2, turned, length2 = (float(v) for v in np.asarray(numbers))
        losses.append(value)
        view = {"loss": value, "slope": slope, "gradient_norm2": norm2, "entries": float(entries)}
        if before is not None:
            view |= {"previous_dot": turned, "previous_direction_norm2": length2}
        kind, rate = machine.begin({"precision": _precision(params), **view})
        if kind == Decision.PUT_BACK:
            if not machine.get("searching"):
                break
            at, state, before = params, direction.init(params), None
        else:
            at, before = stepped(at, d, rate), d
    return losses


def _precision(params: Tree) -> float:
    return max(float(jnp.finfo(x.dtype).eps) for x in jax.tree_util.tree_leaves(params))


def _endless(batches: Iterable[Any]) -> Iterator[Any]:
    """The batches, again and again."""
    while True:
        empty = True
        for batch in batches:
            empty = False
            yield batch
        if empty:
            raise ArgumentError("batches: ended before the search did; allowed: more, or what begins anew")
