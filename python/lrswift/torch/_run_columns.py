"""Forward mode of a run in torch: a tangent of parameters and state for every value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import grad, grad_and_value, jvp, vjp, vmap

from ..errors import Error
from ..optim.rules import FAMILIES
from ._run_batches import Batch
from ._run_loss import derived
from ._run_rules import Hyper, State


class Columns:
    """Forward mode: a tangent [K, D] of parameters and state for every value, in the order of the starts."""

    def __init__(self, run: Any, tracked: Sequence[int]) -> None:
        self.run = run
        places = [place for place in _places(run.counts, run.layer_count) if place[0] in set(tracked)]
        starts = [self._start(family, window) for _, family, _, window in places]
        order = sorted(range(len(places)), key=starts.__getitem__)
        # (number, family, layer, window) of a column
        self.places, self.starts = [places[i] for i in order], [starts[i] for i in order]
        shape = len(places), run.theta.numel()
        self.tangents = [
            torch.zeros(shape, dtype=run.theta.dtype, device=run.theta.device)
            for _ in range(1 + run.rule.slots)
        ]
        # by family and column, 1 where its own value is in force
        self.units: list[Tensor] = []
        self._windows: list[int] = []
        self.by_reverse = False

    def _start(self, family: int, window: int) -> int:
        """The first step that uses it."""
        return -(-window * self.run.steps // self.run.values[family].shape[-1])

    def advance(self, t: int, batch: Batch) -> tuple[Tensor, Tensor]:
        """The tangents after step t; gradient and loss before it."""
        run = self.run
        theta, state, hyper = run.theta, run.state, run.hyper(t)
        known: Any = None
        active = sum(start <= t for start in self.starts)
        for low in range(0, active, run.tile):
            part = slice(low, min(low + run.tile, active))
            z, *c = (tangent[part] for tangent in self.tangents)
            hyper_units, scalar_units = self._units(t, part)
            found, products = self._products(t, batch, z, scalar_units)
            known = known or found
            if run.options.clip_hvp is not None:
                products = products.clamp(-run.options.clip_hvp, run.options.clip_hvp)
            g = known[0]
            products = run.within(g, products)
            clipped = run.clipped(g)

            def step(theta: Tensor, g: Tensor, state: State, hyper: Hyper) -> Any:
                return run.rule.take(theta, g, state, hyper, t + 1, run.layers)

            def tangent(z: Tensor, hz: Tensor, c: State, e: Hyper, at: Tensor = clipped) -> Any:
                return jvp(step, (theta, at, state, hyper), (z, hz, c, e))[1]

            moved, states = vmap(tangent)(z, products, tuple(c), hyper_units)
            for kept, new in zip(self.tangents, (moved, *states), strict=True):
                kept[part] = new
        return known or run.gradient(theta, batch, run.scalars(t))

    def _products(
        self, t: int, batch: Batch, z: Tensor, units: tuple[Tensor, ...]
    ) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """((g, loss), H Z + dg/dy e), y what the loss reads, e its units: forward over reverse.

        Twice reverse where torch has no forward derivatives.
        """
        run = self.run
        # by column, but for tiles of one
        many: Any = vmap if run.tile > 1 else _single
        scalars = run.scalars(t)

        def gradient(theta: Tensor, *read: Tensor) -> tuple[Tensor, Tensor]:
            return grad_and_value(run.loss)(theta, batch, dict(zip(scalars, read, strict=True)))

        def forward(z: Tensor, *e: Tensor) -> Any:
            moved: Any = jvp(gradient, (run.theta, *scalars.values()), (z, *e))
            found, (product, _) = moved
            return found, product

        def by_scalar(theta: Tensor, place: int) -> Any:
            def alone(read: Tensor) -> Tensor:
                values = list(scalars.values())
                values[place] = read
                return run.loss(theta, batch, dict(zip(scalars, values, strict=True)))

            return grad(alone)(list(scalars.values())[place])

        def reverse() -> Any:
            pulled: Any = vjp(lambda theta: gradient(theta, *scalars.values()), run.theta, has_aux=True)
            g, pull, loss = pulled
            products = many(lambda t: pull(t)[0])(z)
            for place, e in enumerate(units):
                if bool(e.any()):
                    products = products + e[:, None] * grad(by_scalar)(run.theta, place)
            return (g, loss), products

        if not self.by_reverse:
            try:
                found: tuple[tuple[Tensor, Tensor], Tensor] = many(forward, out_dims=((None, None), 0))(
                    z, *units
                )
                return found
            except RuntimeError as error:
                if isinstance(error, (Error, torch.OutOfMemoryError)):
                    raise
                self.by_reverse = True
        known: tuple[tuple[Tensor, Tensor], Tensor] = derived(reverse)
        return known

    def _units(self, t: int, part: slice) -> tuple[Hyper, tuple[Tensor, ...]]:
        """By column, the tangents of the values in force, and of what the loss reads."""
        run = self.run
        windows = [run.window(family, t) for family in range(len(run.values))]
        if windows != self._windows:
            self._windows = windows
            units = [np.zeros((len(self.places), *v.shape[:-1])) for v in run.values]
            for row, (_, family, layer, window) in enumerate(self.places):
                units[family][row if layer is None else (row, layer)] = window == windows[family]
            self.units = [torch.tensor(unit, dtype=run.wide, device=run.theta.device) for unit in units]
        now, count = [unit[part] for unit in self.units], len(FAMILIES)
        return Hyper(*now[:count]), tuple(unit.to(run.theta.dtype) for unit in now[count:])

    def collect(self, gradient: Tensor) -> None:
        """Adds the validation gradient times the tangents, and drops them."""
        products = (self.tangents[0] @ gradient).to(self.run.wide)
        for (_, family, layer, window), product in zip(self.places, products, strict=True):
            index = window if layer is None else (layer, window)
            self.run.hypergradients[family][index] += product
        for tangent in self.tangents:
            tangent.zero_()


def _places(counts: Sequence[int], layers: int) -> list[tuple[int, int, int | None, int]]:
    """(number, family, layer, window) of all values, in the order in which they are counted."""
    found: list[tuple[int, int, int | None, int]] = []
    for family, count in enumerate(counts):
        rows = layers if family == 0 else 1
        windows = count // rows
        for i in range(count):
            layer = i // windows if rows > 1 else None
            found.append((len(found), family, layer, i % windows))
    return found


def _single(function: Callable[..., Any], out_dims: Any = 0) -> Callable[..., Any]:
    """As vmap over one row, without it."""

    def called(*rows: Tensor) -> Any:
        found = function(*(part[0] for part in rows))
        return found[None] if out_dims == 0 else (found[0], found[1][None])

    return called
