"""One training run in torch, differentiated with respect to its hyperparameters, where the vectors are.

Of n values of a hyperparameter, step t of T, counted from 0, uses number floor(n t / T). With theta the
parameters, s the rule's state, H the Hessian of the training loss and (theta', s') = step(theta, s, g, x),
the tangent (Z, C) of a value x, a column, and the adjoint (a, b) are carried by

    (Z', C') = d step (Z, C, H Z, e)        forward, e: 1 for the column's own value where it is in force
    (a, b, c, h) = (d step)^T (a', b'),  a += H c,  dL/dx += h        reverse

where torch differentiates the step itself; with numbers y that the loss reads, H Z + (d g / d y) e and
dL/dy += (d g / d y)^T c. These are the recursions of FDS (Micaelli and Storkey, arXiv
2007.07869, equation 4) for SGD.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import grad_and_value, vjp

from .._core import Episode as CoreEpisode
from ..checks import shown
from ..errors import ArgumentError, Diverged
from ..hypergradients.course import number, numbers
from ..hypergradients.episode import MOST_MEMORY, room
from ..hypergradients.layers import layer_names, layer_numbers
from ..hypergradients.options import HypergradientOptions
from ..hypergradients.scalars import scalar_values
from ..optim.rules import FAMILIES
from ..progress import Progress
from ..tensors.creation import zeros
from ._run_batches import Batch, Source
from ._run_columns import Columns
from ._run_loss import FlatLoss, derived, repeatable
from ._run_rules import RULES, Hyper, State, defaults
from ._run_trajectory import Back, Trajectory

# losses are read so many at once, as each reading waits for the device
READ_EVERY = 50


class Run:
    """A run of `steps` steps from the parameters that `module` has, on a copy of it in `dtype`.

    values: by name of FAMILIES, as for the native episode. columns: numbers of the values to differentiate
    by, None: all. `mode`, `cost` and `replays` are as there.

    Use: `train` up to a point, `validate` there, `collect`, `go_back`; again until the end; `results`.
    """

    def __init__(
        self,
        module: Any,
        loss: Callable[..., Any],
        steps: int,
        values: Mapping[str, np.ndarray],
        options: HypergradientOptions,
        dtype: torch.dtype,
        columns: Sequence[int] | None,
        hyperparameters: Mapping[str, Any] | None = None,
    ) -> None:
        if options.curvature != "hessian":
            raise ArgumentError(
                f"curvature: got {shown(options.curvature)}; allowed: 'hessian'; others natively, by "
                "lrswift.hypergradient of lrswift.from_torch(module, x)"
            )
        self.loss = FlatLoss(module, loss, dtype)
        self.scalar_values = scalar_values(loss, hyperparameters or {})
        self.steps, self.options, self.tile = steps, options, options.tile
        layered = values["learning_rates"].ndim == 2
        self.layer_count = len(layer_names(module, options.per)) if layered else 1
        self.rule = RULES[options.optimizer]
        self.theta = self.loss.start
        snapshots = self._snapshots()
        core = _checked(
            steps, values, options, columns, self.layer_count if layered else None,
            snapshots * (1 + self.rule.slots), self.scalar_values,
        )  # fmt: skip
        self.mode = "reverse" if core.get("reverse") else "forward"
        self.cost, self.replays = core.get("cost"), int(core.get("replays"))
        self.state: State = tuple(torch.zeros_like(self.theta) for _ in range(self.rule.slots))
        device = self.theta.device
        # numbers in double precision, as the core has them, where the device can
        self.wide = torch.float32 if device.type == "mps" else torch.float64
        given = zip(FAMILIES, defaults(options.optimizer), strict=True)
        # by family [windows], rates by layer [layers, windows]; then by scalar [windows]
        self.values = [self._numbers(values[name], default) for name, default in given]
        self.values += [self._numbers(v.reshape(-1), 0.0) for v in self.scalar_values.values()]
        self.counts = [int(values[name].size) for name in FAMILIES]
        self.counts += [v.size for v in self.scalar_values.values()]
        self.layers: Tensor | None = None
        if layered:
            numbers = torch.tensor(layer_numbers(module, options.per), device=device)
            self.layers = numbers.repeat_interleave(torch.tensor(self.loss.sizes, device=device))
        self.losses: list[float] = []
        self.hypergradients = [torch.zeros_like(v) for v in self.values]
        self.scales: Tensor | None = None
        self._unread: list[Tensor] = []
        # losses of steps that were taken again, by step
        self._again: list[tuple[int, Tensor]] = []
        self.collected = self.step = 0
        self.valid_loss = math.nan
        self.after: Callable[[], None] = lambda: None
        self._validation: tuple[Tensor, Tensor, int] | None = None
        self._back: Back | None = None
        tracked = range(sum(self.counts)) if columns is None else columns
        self._chosen = np.zeros(sum(self.counts), bool)
        self._chosen[list(tracked)] = True
        self.differentiated = bool(self._chosen.any())
        self._columns: Columns | None = None
        self._trajectory: Trajectory | None = None
        if self.differentiated and self.mode == "forward":
            self._columns = Columns(self, list(tracked))
        elif self.differentiated:
            self._trajectory = Trajectory(self, snapshots, options.horizon or steps)

    # ---- the run ---------------------------------------------------------------------------------------
    def train(self, batches: Source, low: int, high: int, bar: Progress) -> None:
        """Steps low to high - 1 of `batches`. Diverged where a loss is not finite."""
        with torch.no_grad(), repeatable(self.loss.has_recurrence):
            for t in range(low, high):
                batch = batches.at(t)
                self.loss.check(batch, self.scalars(t))
                if self._trajectory is not None:
                    self._trajectory.keep(t)
                if self._columns is not None:
                    g, loss = self._columns.advance(t, batch)
                else:
                    g, loss = self.gradient(self.theta, batch, self.scalars(t))
                self._unread.append(loss)
                self.theta, self.state = self.take(self.theta, self.state, self.clipped(g), t)
                self.step = t + 1
                if len(self._unread) == READ_EVERY or self.step == high:
                    bar.advance(len(self._unread), loss=self._read())
                    self.after()

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

    def collect(self) -> None:
        """Ends a horizon here; `valid_loss` is then the mean validation loss."""
        assert self._validation is not None
        mean, gradient, _ = self._validation
        loss = float(mean)
        if not math.isfinite(loss):
            raise _diverged("the validation loss", loss, f"after step {self.step}", self.step, self.steps)
        if self._columns is not None:
            self._columns.collect(gradient)
        elif self._trajectory is not None and self.step > self.collected:
            state: State = tuple(torch.zeros_like(s) for s in self.state)
            self._back = Back(self.step, self.collected, gradient, state)
        self.valid_loss, self.collected, self._validation = loss, self.step, None

    def go_back(self, batches: Source, bar: Progress) -> None:
        """Over the horizon that was collected, in reverse mode. batches: those trained on."""
        if self._back is None or self._trajectory is None:
            return
        with torch.no_grad(), repeatable(self.loss.has_recurrence):
            while self._back.step > self._back.first:
                t = self._back.step - 1
                theta, state = self._trajectory.at(t, batches)
                self._step_back(t, theta, state, batches.at(t), self._back)
                if (self.collected - t) % READ_EVERY == 0 or t == self._back.first:
                    self.check_again()
                    bar.advance((self.collected - t - 1) % READ_EVERY + 1)
                    self.after()
        self._back = None

    def check_again(self) -> None:
        """ArgumentError where a step that was taken again had another loss than the first time."""
        if not self._again:
            return
        found = torch.stack([loss for _, loss in self._again]).tolist()
        for (t, _), loss in zip(self._again, found, strict=True):
            if loss != self.losses[t]:
                raise ArgumentError(
                    f"the loss of step {t} was {self.losses[t]!r} and is {loss!r} when the step is taken "
                    "again: reverse mode needs a loss and batches that are the same each time"
                )
        self._again = []

    def taken_again(self, t: int, loss: Tensor) -> None:
        """A step has been; its loss is looked at when others are."""
        self._again.append((t, loss))

    # ---- as arrays -------------------------------------------------------------------------------------
    def saved(self) -> dict[str, np.ndarray]:
        """All that the run has made; not between `validate` and `collect`."""
        back = self._back
        vectors = {"theta": self.theta, **_numbered("state", self.state)}
        if self._columns is not None:
            vectors |= _numbered("tangents", self._columns.tangents)
        if self._trajectory is not None and self._trajectory.kept:
            theta, state = self._trajectory.kept[self._first()]
            vectors |= {"first.theta": theta, **_numbered("first.state", state)}
        if back is not None:
            vectors |= {"adjoint": back.adjoint, **_numbered("adjoint.state", back.state)}
        scales = [math.nan] * len(self.loss.sizes) if self.scales is None else self.scales.tolist()
        return {
            **{name: vector.cpu().numpy() for name, vector in vectors.items()},
            "losses": np.array(self.losses, np.float64), "collected": np.array(self.collected),
            "valid_loss": np.array([self.valid_loss]), "scales": np.array(scales),
            "hypergradients": torch.cat([h.reshape(-1) for h in self.hypergradients]).double().cpu().numpy(),
            "back": np.array([-1, -1] if back is None else [back.step, back.first]),
        }  # fmt: skip

    def load(self, arrays: Mapping[str, np.ndarray]) -> int:
        """Goes on from what was saved; how many of the bar's steps that is. ValueError for another run's."""
        step = len(arrays["losses"])
        collected = number(arrays, "collected", min(step, self.steps))
        at, first = arrays["back"].tolist()
        returning = at >= 0
        if step > self.steps or (returning and not 0 <= first < at <= collected == step):
            raise ValueError(f"{step} steps, {collected} collected, back from {at} to {first}")
        sizes = [h.numel() for h in self.hypergradients]
        flat = torch.from_numpy(numbers(arrays, "hypergradients", sum(sizes)).copy())
        vectors = {
            name: self._vector(arrays, name, like)
            for name, like in {"theta": self.theta, **_numbered("state", self.state)}.items()
        }
        self.losses = numbers(arrays, "losses", step).tolist()
        self.valid_loss = float(numbers(arrays, "valid_loss", 1)[0])
        scales = torch.from_numpy(numbers(arrays, "scales", len(self.loss.sizes)).copy())
        self.scales = None if bool(scales.isnan().all()) else scales
        self.hypergradients = [
            part.to(h).reshape(h.shape)
            for part, h in zip(flat.split(sizes), self.hypergradients, strict=True)
        ]
        theta, *state = vectors.values()
        self.theta, self.state, self.step, self.collected = theta, tuple(state), step, collected
        if self._columns is not None:
            self._columns.tangents = [
                self._vector(arrays, name, like)
                for name, like in _numbered("tangents", self._columns.tangents).items()
            ]
        elif self._trajectory is not None:
            adjoint, *of_state = self._point(arrays, "adjoint", "adjoint.state") if returning else (None,)
            self._back = Back(at, first, adjoint, tuple(of_state)) if adjoint is not None else None
            if self._first() < (at if returning else step):
                theta, *state = self._point(arrays, "first.theta", "first.state")
                self._trajectory.begin(self._first(), theta, tuple(state), not returning)
        return step + (0 if self.mode == "forward" else collected - at if returning else collected)

    def _first(self) -> int:
        """Where the horizon in work began."""
        return self.collected if self._back is None else self._back.first

    def _point(self, arrays: Mapping[str, np.ndarray], theta: str, state: str) -> list[Tensor]:
        likes = {theta: self.theta, **_numbered(state, self.state)}
        return [self._vector(arrays, name, like) for name, like in likes.items()]

    def _vector(self, arrays: Mapping[str, np.ndarray], name: str, like: Tensor) -> Tensor:
        found = torch.from_numpy(arrays[name].copy())
        if found.shape != like.shape or found.dtype != like.dtype:
            raise ValueError(f"{name} of {found.dtype} and shape {list(found.shape)}")
        return found.to(like.device)

    def results(self) -> dict[str, Any]:
        """The hypergradients so far by family, float64, of the shape of its values."""
        return {name: part for name, part in self.derivatives().items() if name in FAMILIES}

    def derivatives(self) -> dict[str, Any]:
        """The same, and by scalar."""
        found = {}
        ends = np.cumsum([0, *self.counts])
        flat = torch.cat([h.reshape(-1) for h in self.hypergradients]).double().cpu().numpy()
        starts = np.cumsum([0, *(h.numel() for h in self.hypergradients)])
        for i, (name, count) in enumerate(zip((*FAMILIES, *self.scalar_values), self.counts, strict=True)):
            part = flat[starts[i] : starts[i] + count] * self._chosen[ends[i] : ends[i + 1]]
            found[name] = part.reshape(self.values[i].shape) if count else part
        return found

    def hyperparameters(self) -> dict[str, np.ndarray]:
        """Those by what the training loss reads, of the shapes that were given."""
        found = self.derivatives()
        return {name: found[name].reshape(v.shape) for name, v in self.scalar_values.items()}

    def initial_scales(self) -> dict[str, float]:
        """Derivatives by a factor on each parameter at the start, by name; none in forward mode."""
        names = [name.removeprefix("model.") for name in self.loss.names]
        return {} if self.scales is None else dict(zip(names, self.scales.tolist(), strict=True))

    # ---- a step ----------------------------------------------------------------------------------------
    def gradient(
        self, theta: Tensor, batch: Batch, scalars: Mapping[str, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Of the loss, and the loss."""
        found: tuple[Tensor, Tensor] = derived(lambda: grad_and_value(self.loss)(theta, batch, scalars))
        return found

    def scalars(self, t: int) -> dict[str, Tensor]:
        """What the loss reads at step t, by name, in the dtype of the run."""
        first, dtype = len(FAMILIES), self.theta.dtype
        return {
            name: self.values[first + i][self.window(first + i, t)].to(dtype)
            for i, name in enumerate(self.scalar_values)
        }

    def take(self, theta: Tensor, state: State, g: Tensor, t: int) -> tuple[Tensor, State]:
        """Step t, counted from 0."""
        return self.rule.take(theta, g, state, self.hyper(t), t + 1, self.layers)

    def hyper(self, t: int) -> Hyper:
        """The values in force at step t."""
        values = self.values[: len(FAMILIES)]
        return Hyper(*(v[..., self.window(i, t)] for i, v in enumerate(values)))

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
    def _step_back(self, t: int, theta: Tensor, state: State, batch: Batch, back: Back) -> None:
        """Makes adjoints those before step t; adds to the hypergradients of its values."""
        scalars = self.scalars(t)

        def step(theta: Tensor, g: Tensor, state: State, hyper: Hyper) -> Any:
            return self.rule.take(theta, g, state, hyper, t + 1, self.layers)

        def gradient(theta: Tensor, *read: Tensor) -> Any:
            return grad_and_value(self.loss)(theta, batch, dict(zip(scalars, read, strict=True)))

        pulled: Any = derived(lambda: vjp(gradient, theta, *scalars.values(), has_aux=True))
        g, products, loss = pulled
        self.taken_again(t, loss)
        pull: Any = vjp(step, theta, self.clipped(g), state, self.hyper(t))[1]
        of_theta, of_gradient, of_state, of_hyper = pull((back.adjoint, back.state))
        product, *mixed = derived(lambda: products(self.within(g, of_gradient)))
        for i, h in enumerate((*of_hyper, *mixed)):
            self.hypergradients[i][..., self.window(i, t)] += h
        back.step, back.adjoint, back.state = t, of_theta + product, of_state
        if t == 0:
            parts = zip(back.adjoint.split(self.loss.sizes), theta.split(self.loss.sizes), strict=True)
            self.scales = torch.stack([a @ p for a, p in parts]).double().cpu()

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


def _numbered(name: str, vectors: Sequence[Tensor]) -> dict[str, Tensor]:
    return {f"{name}.{i}": vector for i, vector in enumerate(vectors)}


def _diverged(what: str, loss: float, where: str, step: int, steps: int) -> Diverged:
    shown = "nan" if math.isnan(loss) else "inf" if loss > 0 else "-inf"
    error = Diverged(f"{what} is {shown} {where} of {steps}")
    error.step = step
    return error


def _checked(
    steps: int,
    values: Mapping[str, np.ndarray],
    options: HypergradientOptions,
    columns: Sequence[int] | None,
    layers: int | None,
    room: int,
    scalars: Mapping[str, np.ndarray],
) -> CoreEpisode:
    """An episode of a number a layer: the core's own checks, and its choice of the mode.

    room: how many vectors of all parameters snapshots may take.
    """
    attributes: dict[str, Any] = {
        "optimizer": options.optimizer, "mode": options.mode, "steps": steps, "tile": options.tile,
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
    if scalars:
        parts = [v.reshape(-1) for v in scalars.values()]
        attributes |= {"scalars": [p.size for p in parts], "scalar_values": np.concatenate(parts).tolist()}
    return CoreEpisode([*numbers, *(zeros(1, requires_grad=True) for _ in scalars)], attributes)
