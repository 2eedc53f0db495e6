"""One training run in torch, differentiated with respect to its hyperparameters, where the vectors are.

Of n values of a hyperparameter, step t of T, counted from 0, uses number floor(n t / T). With theta the
parameters, s the rule's state, H the Hessian of the training loss and (theta', s') = step(theta, s, g, x),
the tangent (Z, C) of a value x, a column, and the adjoint (a, b) are carried by

    (Z', C') = d step (Z, C, H Z, e)        forward, e: 1 for the column's own value where it is in force
    (a, b, c, h) = (d step)^T (a', b'),  a += H c,  dL/dx += h        reverse

where torch differentiates the step itself. These are the recursions of FDS (Micaelli and Storkey, arXiv
2007.07869, equation 4) for SGD.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import grad, grad_and_value, jvp, vjp, vmap

from .._core import Episode as CoreEpisode
from .._core import replay_distance
from ..checks import shown
from ..errors import ArgumentError, Diverged, Error, RecordingError
from ..hypergradients.episode import MOST_MEMORY, room
from ..hypergradients.layers import layer_names, layer_numbers
from ..hypergradients.options import HypergradientOptions
from ..optim.rules import FAMILIES
from ..progress import Progress
from ..tensors.creation import zeros
from ._run_batches import Batch, Source
from ._run_loss import FlatLoss, repeatable
from ._run_rules import RULES, Hyper, State, defaults

# losses are read so many at once, as each reading waits for the device
READ_EVERY = 50


class Run:
    """A run of `steps` steps from the parameters that `module` has, on a copy of it in `dtype`.

    values: by name of FAMILIES, as for the native episode. columns: numbers of the values to differentiate
    by, None: all. `mode`, `cost` and `replays` are as there.

    Use: `train` up to a point, `validate` there, `collect`; again until the end; `results`.
    """

    def __init__(
        self,
        module: Any,
        loss: Callable[..., Any],
        steps: int,
        values: Mapping[str, np.ndarray],
        options: HypergradientOptions,
        tile: int,
        dtype: torch.dtype,
        columns: Sequence[int] | None,
    ) -> None:
        if options.curvature != "hessian":
            raise ArgumentError(
                f"curvature: got {shown(options.curvature)}; allowed: 'hessian'; others natively, by "
                "lrswift.hypergradient of lrswift.from_torch(module, x)"
            )
        self.loss = FlatLoss(module, loss, dtype)
        self.steps, self.options, self.tile = steps, options, tile
        layered = values["learning_rates"].ndim == 2
        self.layer_count = len(layer_names(module, options.per)) if layered else 1
        self.rule = RULES[options.optimizer]
        self.theta = self.loss.start
        snapshots = self._snapshots()
        core = _checked(
            steps, values, options, tile, columns, self.layer_count if layered else None,
            snapshots * (1 + self.rule.slots),
        )  # fmt: skip
        self.mode = "reverse" if core.get("reverse") else "forward"
        self.cost, self.replays = core.get("cost"), int(core.get("replays"))
        self.state: State = tuple(torch.zeros_like(self.theta) for _ in range(self.rule.slots))
        device = self.theta.device
        # numbers in double precision, as the core has them, where the device can
        self.wide = torch.float32 if device.type == "mps" else torch.float64
        given = zip(FAMILIES, defaults(options.optimizer), strict=True)
        # by family [windows], rates by layer [layers, windows]
        self.values = [self._numbers(values[name], default) for name, default in given]
        self.counts = [int(values[name].size) for name in FAMILIES]
        self.layers: Tensor | None = None
        if layered:
            numbers = torch.tensor(layer_numbers(module, options.per), device=device)
            self.layers = numbers.repeat_interleave(torch.tensor(self.loss.sizes, device=device))
        self.losses: list[float] = []
        self.hypergradients = [torch.zeros_like(v) for v in self.values]
        self._unread: list[Tensor] = []
        self._collected = self.step = 0
        self._validation: tuple[Tensor, Tensor, int] | None = None
        tracked = range(sum(self.counts)) if columns is None else columns
        self._chosen = np.zeros(sum(self.counts), bool)
        self._chosen[list(tracked)] = True
        self.differentiated = bool(self._chosen.any())
        self._columns: _Columns | None = None
        self._trajectory: _Trajectory | None = None
        if self.differentiated and self.mode == "forward":
            self._columns = _Columns(self, list(tracked))
        elif self.differentiated:
            self._trajectory = _Trajectory(self, snapshots, options.horizon or steps)

    # ---- the run ---------------------------------------------------------------------------------------
    def train(self, batches: Source, low: int, high: int, bar: Progress) -> None:
        """Steps low to high - 1 of `batches`. Diverged where a loss is not finite."""
        with torch.no_grad(), repeatable(self.loss.has_recurrence):
            for t in range(low, high):
                batch = batches.at(t)
                self.loss.check(batch)
                if self._trajectory is not None:
                    self._trajectory.keep(t)
                if self._columns is not None:
                    g, loss = self._columns.advance(t, batch)
                else:
                    g, loss = self.gradient(self.theta, batch)
                self._unread.append(loss)
                self.theta, self.state = self.take(self.theta, self.state, self.clipped(g), t)
                self.step = t + 1
                if len(self._unread) == READ_EVERY or self.step == high:
                    bar.advance(len(self._unread), loss=self._read())

    def validate(self, batches: Source) -> None:
        """The example-weighted mean of all of `batches` at this point, and its gradient."""
        loss, total, rows = torch.zeros((), dtype=self.wide, device=self.theta.device), None, 0
        with torch.no_grad(), repeatable(self.loss.has_recurrence):
            for i in range(len(batches)):
                batch = batches.at(i)
                count = len(batch[0])
                if self.differentiated:
                    g, value = self.gradient(self.theta, batch)
                    total = g * count if total is None else total.add_(g, alpha=count)
                else:
                    value = self.loss(self.theta, batch)
                loss, rows = loss + count * value.to(self.wide), rows + count
        total = torch.zeros_like(self.theta) if total is None else total / rows
        self._validation = loss / rows, total, rows

    def collect(self, batches: Source, bar: Progress) -> float:
        """Ends a horizon here; the mean validation loss. batches: those trained on, for reverse mode."""
        assert self._validation is not None
        mean, gradient, _ = self._validation
        loss = float(mean)
        if not math.isfinite(loss):
            raise _diverged("the validation loss", loss, f"after step {self.step}", self.step, self.steps)
        if self._columns is not None:
            self._columns.collect(gradient)
        elif self._trajectory is not None:
            with torch.no_grad(), repeatable(self.loss.has_recurrence):
                self._retreat(self._trajectory, gradient, batches, bar)
        self._collected = self.step
        return loss

    def results(self) -> dict[str, Any]:
        """The hypergradients so far by family, float64, of the shape of its values."""
        found = {}
        ends = np.cumsum([0, *self.counts])
        flat = torch.cat([h.reshape(-1) for h in self.hypergradients]).double().cpu().numpy()
        starts = np.cumsum([0, *(h.numel() for h in self.hypergradients)])
        for i, (name, count) in enumerate(zip(FAMILIES, self.counts, strict=True)):
            part = flat[starts[i] : starts[i] + count] * self._chosen[ends[i] : ends[i + 1]]
            found[name] = part.reshape(self.values[i].shape) if count else part
        return found

    # ---- a step ----------------------------------------------------------------------------------------
    def gradient(self, theta: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Of the loss, and the loss."""
        found: tuple[Tensor, Tensor] = _derived(lambda: grad_and_value(self.loss)(theta, batch))
        return found

    def take(self, theta: Tensor, state: State, g: Tensor, t: int) -> tuple[Tensor, State]:
        """Step t, counted from 0."""
        return self.rule.take(theta, g, state, self.hyper(t), t + 1, self.layers)

    def hyper(self, t: int) -> Hyper:
        """The values in force at step t."""
        return Hyper(*(v[..., self.window(i, t)] for i, v in enumerate(self.values)))

    def window(self, family: int, t: int) -> int:
        """The number of the value of a family in force at step t."""
        return self.values[family].shape[-1] * t // self.steps

    def clipped(self, g: Tensor) -> Tensor:
        """A gradient as it is trained with."""
        limit = self.options.clip_gradient
        return g if limit is None else g.clamp(-limit, limit)

    def within(self, g: Tensor, product: Tensor) -> Tensor:
        """A derivative of the gradient g as one of the clipped one."""
        limit = self.options.clip_gradient
        return product if limit is None else torch.where(g.abs() <= limit, product, 0.0)

    # ---- backwards -------------------------------------------------------------------------------------
    def _retreat(self, kept: _Trajectory, adjoint: Tensor, batches: Source, bar: Progress) -> None:
        of_state: State = tuple(torch.zeros_like(s) for s in self.state)
        for t in range(self.step - 1, self._collected - 1, -1):
            theta, state = kept.at(t, batches)
            adjoint, of_state = self._step_back(t, theta, state, batches.at(t), adjoint, of_state)
            if (self.step - t) % READ_EVERY == 0 or t == self._collected:
                bar.advance((self.step - t - 1) % READ_EVERY + 1)

    def _step_back(
        self, t: int, theta: Tensor, state: State, batch: Batch, adjoint: Tensor, of_state: State
    ) -> tuple[Tensor, State]:
        """The adjoints before step t of those after it; adds to the hypergradients of its values."""

        def step(theta: Tensor, g: Tensor, state: State, hyper: Hyper) -> Any:
            return self.rule.take(theta, g, state, hyper, t + 1, self.layers)

        def gradient(theta: Tensor) -> Any:
            return grad(self.loss)(theta, batch)

        g, products = _derived(lambda: vjp(gradient, theta))
        pull: Any = vjp(step, theta, self.clipped(g), state, self.hyper(t))[1]
        of_theta, of_gradient, of_state, of_hyper = pull((adjoint, of_state))
        (product,) = _derived(lambda: products(self.within(g, of_gradient)))
        for i, h in enumerate(of_hyper):
            self.hypergradients[i][..., self.window(i, t)] += h
        return of_theta + product, of_state

    def _snapshots(self) -> int:
        """How many fit into the memory that they may take."""
        size = (1 + self.rule.slots) * self.theta.nbytes
        memory = self.options.memory
        if memory is None and self.theta.device.type == "cuda":
            memory = max(min(torch.cuda.mem_get_info(self.theta.device)[0] // 4, MOST_MEMORY), 3 * size)
        elif memory is None:
            memory = room(self.theta.nbytes)
        least = min(3, self.options.horizon or self.steps)
        if memory < least * size and self.options.mode == "reverse":
            raise ArgumentError(
                f"memory: got {memory} bytes; allowed: at least {least * size}, for {least} snapshots of "
                f"{size} bytes"
            )
        return memory // size

    # ---- numbers ---------------------------------------------------------------------------------------
    def _numbers(self, values: np.ndarray, default: float) -> Tensor:
        held = values if values.size else np.array([default])
        return torch.tensor(held, dtype=self.wide, device=self.theta.device)

    def _read(self) -> float:
        """The losses of the last steps, in one transfer."""
        found = torch.stack(self._unread).tolist()
        first = self.step - len(found)
        self._unread = []
        for t, loss in enumerate(found, first):
            if not math.isfinite(loss):
                raise _diverged("the training loss", loss, f"at step {t}", t, self.steps)
        self.losses += found
        return float(found[-1])


class _Columns:
    """Forward mode: a tangent [K, D] of parameters and state for every value, in the order of the starts."""

    def __init__(self, run: Run, tracked: Sequence[int]) -> None:
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
            found, products = self._products(batch, z)
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

            moved, states = vmap(tangent)(z, products, tuple(c), self._units(t, part))
            for kept, new in zip(self.tangents, (moved, *states), strict=True):
                kept[part] = new
        return known or run.gradient(theta, batch)

    def _products(self, batch: Batch, z: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """((g, loss), H Z): forward over reverse, or twice reverse where torch has no forward derivatives."""
        run = self.run
        # by column, but for tiles of one
        many: Any = vmap if run.tile > 1 else _single

        def gradient(theta: Tensor) -> tuple[Tensor, Tensor]:
            return grad_and_value(run.loss)(theta, batch)

        def forward(z: Tensor) -> Any:
            moved: Any = jvp(gradient, (run.theta,), (z,))
            found, (product, _) = moved
            return found, product

        def reverse() -> Any:
            pulled: Any = vjp(gradient, run.theta, has_aux=True)
            g, pull, loss = pulled
            return (g, loss), many(lambda t: pull(t)[0])(z)

        if not self.by_reverse:
            try:
                found: tuple[tuple[Tensor, Tensor], Tensor] = many(forward, out_dims=((None, None), 0))(z)
                return found
            except RuntimeError as error:
                if isinstance(error, (Error, torch.OutOfMemoryError)):
                    raise
                self.by_reverse = True
        known: tuple[tuple[Tensor, Tensor], Tensor] = _derived(reverse)
        return known

    def _units(self, t: int, part: slice) -> Hyper:
        """By column, the tangents of the values in force."""
        run = self.run
        windows = [run.window(family, t) for family in range(len(run.values))]
        if windows != self._windows:
            self._windows = windows
            units = [np.zeros((len(self.places), *v.shape[:-1])) for v in run.values]
            for row, (_, family, layer, window) in enumerate(self.places):
                units[family][row if layer is None else (row, layer)] = window == windows[family]
            self.units = [torch.tensor(unit, dtype=run.wide, device=run.theta.device) for unit in units]
        return Hyper(*(unit[part] for unit in self.units))

    def collect(self, gradient: Tensor) -> None:
        """Adds the validation gradient times the tangents, and drops them."""
        products = (self.tangents[0] @ gradient).to(self.run.wide)
        for (_, family, layer, window), product in zip(self.places, products, strict=True):
            index = window if layer is None else (layer, window)
            self.run.hypergradients[family][index] += product
        for tangent in self.tangents:
            tangent.zero_()


class _Trajectory:
    """Reverse mode: parameters and state at the best places for so many snapshots, to replay from there."""

    def __init__(self, run: Run, snapshots: int, horizon: int) -> None:
        self.run, self.snapshots, self.horizon = run, snapshots, horizon
        # by step, the first one first
        self.kept: dict[int, tuple[Tensor, State]] = {}
        self.next = self.end = 0

    def keep(self, t: int) -> None:
        """The run is before step t, for the first time."""
        if not self.kept:
            self.next, self.end = t, min(t + self.horizon, self.run.steps) + 1
        self._keep(t, self.run.theta, self.run.state)

    def _keep(self, t: int, theta: Tensor, state: State) -> None:
        if t == self.next and len(self.kept) < self.snapshots:
            self.kept[t] = theta, state
            self._aim(t)

    def _aim(self, t: int) -> None:
        """Where the snapshot after the one before step t will be."""
        left, points = self.snapshots - len(self.kept) + 1, self.end - t
        self.next = t + replay_distance(left, points) if left > 1 and points > 1 else -1

    def at(self, t: int, batches: Source) -> tuple[Tensor, State]:
        """What there was before step t, which is forgotten."""
        run = self.run
        last = max(self.kept)
        theta, state = self.kept[last]
        if last == t:
            del self.kept[t]
            return theta, state
        self.end = t + 1
        self._aim(last)
        for s in range(last, t):
            self._keep(s, theta, state)
            g, _ = run.gradient(theta, batches.at(s))
            theta, state = run.take(theta, state, run.clipped(g), s)
        return theta, state


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


def _single(function: Callable[..., Any], out_dims: Any = 0) -> Callable[[Tensor], Any]:
    """As vmap over one row, without it."""

    def called(z: Tensor) -> Any:
        found = function(z[0])
        return found[None] if out_dims == 0 else (found[0], found[1][None])

    return called


def _derived(function: Callable[[], Any]) -> Any:
    """A derivative, or one of one; RecordingError where torch.func has none."""
    try:
        return function()
    except RuntimeError as error:
        if isinstance(error, (Error, torch.OutOfMemoryError)):
            raise
        raise RecordingError(
            f"loss: torch.func cannot differentiate it twice: {error}; allowed: operations with second "
            "derivatives (tile=1 needs none of vmap), or lrswift.hypergradient of "
            "lrswift.from_torch(module, x), which has its own"
        ) from error


def _diverged(what: str, loss: float, where: str, step: int, steps: int) -> Diverged:
    shown = "nan" if math.isnan(loss) else "inf" if loss > 0 else "-inf"
    error = Diverged(f"{what} is {shown} {where} of {steps}")
    error.step = step
    return error


def _checked(
    steps: int,
    values: Mapping[str, np.ndarray],
    options: HypergradientOptions,
    tile: int,
    columns: Sequence[int] | None,
    layers: int | None,
    room: int,
) -> CoreEpisode:
    """An episode of a number a layer: the core's own checks, and its choice of the mode.

    room: how many vectors of all parameters snapshots may take.
    """
    attributes: dict[str, Any] = {
        "optimizer": options.optimizer, "mode": options.mode, "steps": steps, "tile": tile,
    }  # fmt: skip
    attributes.update((name, v.ravel().tolist()) for name, v in values.items() if v.size)
    if layers is not None:
        attributes["layers"] = list(range(layers))
    numbers = [zeros(1, requires_grad=True) for _ in range(layers or 1)]
    absent = {
        "columns": columns, "clip_gradient": options.clip_gradient, "clip_hvp": options.clip_hvp,
        "horizon": options.horizon, "memory": max(1, room * sum(n.numpy().nbytes for n in numbers)),
    }  # fmt: skip
    attributes.update((name, value) for name, value in absent.items() if value is not None)
    return CoreEpisode(numbers, attributes)
