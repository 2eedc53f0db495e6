"""One training run on a copy of a model, differentiated with respect to its hyperparameters by the core."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._core import Episode as CoreEpisode
from ..checks import refuse_torch
from ..errors import ArgumentError, ArgumentTypeError, RecordingError, ShapeError
from ..loop.digests import digest
from ..loop.feed import Batch, feed
from ..loop.recorder import Recorder
from ..loop.steps import CHUNK_SECONDS
from ..optim.rules import FAMILIES
from ..progress import Progress
from ..tensors.autograd import enable_grad
from ..tensors.creation import tensor, zeros
from ..tensors.dtypes import as_dtype
from ..tensors.modes import frozen_statistics, without_dropout
from ..tensors.tensor import Tensor
from .course import joined, number, numbers
from .layers import layer_numbers
from .options import HypergradientOptions
from .scalars import Scalars

MOST_MEMORY = 1 << 30
# of a point: a parameter and the state of its rule
MOST_VECTORS = 3
# (arrays, rows of them int64 [batches, batch size]): a stretch of batches of one shape
Stretch = tuple[Batch, np.ndarray]


class IndexedBatches:
    """Batches as rows of whole arrays: `indices` int64 [T, batch] of `arrays`, cast once and copied never.

    A list of batches does as well wherever these are accepted; this form is for long runs over few data.
    """

    def __init__(self, arrays: Sequence[Any], indices: Any, dtype: Any = np.float64) -> None:
        data = feed(tuple(arrays), "train_batches", as_dtype(dtype), 1)
        self.arrays: Batch = data.tensors  # type: ignore[union-attr]
        self.indices = np.ascontiguousarray(indices, np.int64)
        if self.indices.ndim != 2:
            raise ShapeError(f"indices: got {self.indices.ndim} axes; allowed: [steps, batch]")

    def __len__(self) -> int:
        return len(self.indices)

    def stretches(self, low: int, high: int, backwards: bool = False) -> Iterator[Stretch]:
        """The steps low to high - 1."""
        part = self.indices[low:high]
        yield self.arrays, np.ascontiguousarray(part[::-1] if backwards else part)

    def digest(self) -> str:
        """Of all of them."""
        return digest([*(array.numpy() for array in self.arrays), self.indices])


class _ListedBatches:
    """A list of batches, each converted when its turn comes."""

    def __init__(self, batches: Any, name: str, dtype: np.dtype) -> None:
        if isinstance(batches, (str, bytes, dict)) or not hasattr(batches, "__len__"):
            raise ArgumentTypeError(
                f"{name}: got {type(batches).__name__}; allowed: a sequence of batches, each (x, y, ...)"
            )
        self.batches = batches if hasattr(batches, "__getitem__") else list(batches)
        self.name = name
        self.dtype = dtype
        if len(self.batches) == 0:
            raise ArgumentError(f"{name}: no batch given; allowed: at least 1")

    def __len__(self) -> int:
        return len(self.batches)

    def stretches(self, low: int, high: int, backwards: bool = False) -> Iterator[Stretch]:
        order = range(high - 1, low - 1, -1) if backwards else range(low, high)
        for t in order:
            (stretch,) = feed([tuple(self.batches[t])], f"{self.name}: step {t}", self.dtype).epoch(0)
            yield stretch

    def digest(self) -> str:
        """Of the first and the last one."""
        ends = sorted({0, len(self) - 1})
        return digest(a.numpy() for t in ends for tensors, _ in self.stretches(t, t + 1) for a in tensors)


Source = IndexedBatches | _ListedBatches


def source(batches: Any, name: str, dtype: np.dtype) -> Source:
    """`batches` as something to take stretches of."""
    return batches if isinstance(batches, IndexedBatches) else _ListedBatches(batches, name, dtype)


def room(size: int) -> int:
    """Bytes for snapshots where nobody says how many: at least those of three points of `size` parameters."""
    try:
        text = Path("/proc/meminfo").read_text()
        free = 1024 * int(text.partition("MemAvailable:")[2].split()[0])
    except (OSError, ValueError, IndexError):
        free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(min(free // 4, MOST_MEMORY), 3 * MOST_VECTORS * size)


def cheaper_mode(
    options: HypergradientOptions, steps: int, values: Mapping[str, Any], layers: int = 0
) -> str:
    """The mode of `options`, and for "auto" the one that is chosen where memory is no bound.

    values: by family; layers: whose rates these are, row by row; 0: of all.
    """
    if options.mode != "auto":
        return options.mode
    attributes: dict[str, Any] = {"optimizer": options.optimizer, "mode": "auto", "steps": steps}
    attributes.update((name, v) for name, v in values.items() if len(v))
    told = {"layers": list(range(layers)) or None, "clip_hvp": options.clip_hvp, "horizon": options.horizon}
    attributes.update((name, value) for name, value in told.items() if value is not None)
    core = CoreEpisode([zeros(1, requires_grad=True) for _ in range(layers or 1)], attributes)
    return "reverse" if core.get("reverse") else "forward"


def _cast_copy(model: Any, dtype: np.dtype) -> Any:
    refuse_torch(model, "model", "an nn.Module; lrswift.torch.hypergradient takes modules of torch")
    if not hasattr(model, "parameters"):
        raise ArgumentTypeError(f"model: got {type(model).__name__}; allowed: an nn.Module")
    made = copy.deepcopy(model).to(dtype)
    return made.train()


class Episode:
    """A run of `steps` training steps from the parameters that `model` has, on a copy of it in `dtype`.

    values: by name of FAMILIES, the numbers that floor(n t / steps) chooses from; rates [layers, n] are those
    of each layer. mode: "plain" is training alone, None that of `options`. columns: numbers of the values to
    differentiate by, counted through the families in order; by default all. Batch-norm uses batch statistics,
    dropout is off. `mode`, `cost` and `replays` are what was chosen, the predicted cost of a step in plain
    steps, and how many steps are taken again.

    Use: `train` up to a point, `validate` there, `collect`, `go_back`; again until the end; `results`.
    """

    def __init__(
        self,
        model: Any,
        loss: Callable[..., Tensor],
        steps: int,
        values: Mapping[str, Any],
        options: HypergradientOptions = HypergradientOptions(),
        mode: str | None = None,
        dtype: Any = np.float64,
        columns: Sequence[int] | None = None,
        hyperparameters: Mapping[str, Any] | None = None,
    ) -> None:
        self.dtype = as_dtype(dtype)
        self.model = _cast_copy(model, self.dtype)
        self.values = {name: np.asarray(values.get(name, ()), np.float64) for name in FAMILIES}
        keeps = options.curvature != "hessian"
        self._scalars = Scalars(loss, hyperparameters or {}, self.dtype)
        self._recorder = Recorder(self.model, self._scalars.told, keep_outputs=keeps)
        self._validated = self._recorder
        if self._scalars.tensors:
            self._validated = Recorder(self.model, loss)
        attributes: dict[str, Any] = {
            "optimizer": options.optimizer, "mode": mode or options.mode, "curvature": options.curvature,
            "steps": steps, "tile": options.tile,
        }  # fmt: skip
        attributes.update((name, v.ravel().tolist()) for name, v in self.values.items() if v.size)
        if self.values["learning_rates"].ndim == 2:
            attributes["layers"] = layer_numbers(self.model, options.per)
        attributes.update(self._scalars.attributes)
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        memory = options.memory
        if memory is None:
            memory = room(sum(p.numpy().nbytes for p in parameters))
        absent = {
            "columns": columns, "clip_gradient": options.clip_gradient, "clip_hvp": options.clip_hvp,
            "horizon": options.horizon, "memory": memory,
        }  # fmt: skip
        attributes.update((name, value) for name, value in absent.items() if value is not None)
        self._core = CoreEpisode([*parameters, *self._scalars.tensors.values()], attributes)
        self.mode = "reverse" if self._core.get("reverse") else "forward"
        self.cost, self.replays = self._core.get("cost"), int(self._core.get("replays"))
        self.step = self.collected = 0
        self.losses: list[np.ndarray] = []
        self.valid_loss = float("nan")
        # called whenever there is something to save
        self.after: Callable[[], None] = lambda: None

    def train(self, batches: Source, low: int, high: int, bar: Progress) -> None:
        """Steps low to high - 1 of `batches`. Diverged where a loss is not finite."""
        for losses in self._each(self._core.train, batches.stretches(low, high)):
            self._scalars.check_read()
            self.losses.append(losses)
            self.step += len(losses)
            bar.advance(len(losses), loss=losses[-1])
            self.after()

    def validate(self, batches: Source) -> None:
        """Adds all of `batches` to the validation loss of this point, and their gradient."""
        for _ in self._each(self._core.validate, batches.stretches(0, len(batches)), self._validated):
            pass

    def collect(self) -> None:
        """Ends a horizon here; `valid_loss` is then the mean validation loss."""
        self.valid_loss, self.collected = self._core.collect(), self.step

    def go_back(self, batches: Source, bar: Progress) -> None:
        """Over the horizon that was collected, in reverse mode. batches: those trained on."""
        while (stretch := self._core.stretch()) is not None:
            again, low, high = stretch
            run = self._core.replay if again else self._core.retreat
            for losses in self._each(run, batches.stretches(low, high, backwards=not again)):
                bar.advance(len(losses))
                self.after()

    def saved(self) -> dict[str, np.ndarray]:
        """All that the run has made; not between `validate` and `collect`."""
        state: Any = self._core.save()
        return {
            "state": state.numpy(), "losses": joined(self.losses),
            "collected": np.array(self.collected), "valid_loss": np.array([self.valid_loss]),
        }  # fmt: skip

    def load(self, arrays: Mapping[str, np.ndarray]) -> int:
        """Goes on from what was saved; how many of the bar's steps that is. ValueError for another run's."""
        losses = arrays["losses"]
        step, collected = len(losses), number(arrays, "collected", len(losses))
        valid_loss = numbers(arrays, "valid_loss", 1)[0]
        self._core.load(tensor(arrays["state"]))
        self.step, self.collected, self.valid_loss = step, collected, float(valid_loss)
        self.losses = [numbers(arrays, "losses", step)]
        stretch = self._core.stretch()
        return step + (0 if self.mode == "forward" else collected - (stretch[2] if stretch else 0))

    def results(self) -> dict[str, Any]:
        """The hypergradients so far, by family: float64, of the shape of its values."""
        flat = self._flat()[: sum(v.size for v in self.values.values())]
        parts = np.split(flat, np.cumsum([v.size for v in self.values.values()])[:-1])
        return {
            name: part.reshape(v.shape).copy()
            for (name, v), part in zip(self.values.items(), parts, strict=True)
        }

    def _flat(self) -> np.ndarray:
        return np.frombuffer(self._core.hypergradients())

    @property
    def scalar_values(self) -> dict[str, np.ndarray]:
        """What the training loss is given, by name."""
        return self._scalars.values

    def hyperparameters(self) -> dict[str, np.ndarray]:
        """Those by what the training loss reads, of the shapes that were given."""
        return self._scalars.parted(self._flat()[sum(v.size for v in self.values.values()) :])

    def initial_scales(self) -> dict[str, float]:
        """Derivatives by a factor on each parameter at the start, by name; none in forward mode."""
        names = [name for name, p in self.model.named_parameters() if p.requires_grad]
        found = np.frombuffer(self._core.scales())
        return {name: float(s) for name, s in zip(names, found, strict=True) if self.mode == "reverse"}

    def parameters(self) -> dict[str, np.ndarray]:
        """Copies of the parameters and buffers where the run stands."""
        state: dict[str, np.ndarray] = self.model.state_dict()
        return state

    def _each(
        self, run: Callable[..., Any], stretches: Iterator[Stretch], recorder: Recorder | None = None
    ) -> Iterator[np.ndarray]:
        for tensors, indices in stretches:
            program = self._program(recorder or self._recorder, tensors, indices.shape[1])
            done = 0
            while done < len(indices):
                steps, losses = run(program, tensors, indices[done:], CHUNK_SECONDS)
                done += steps
                yield np.frombuffer(losses)

    def _program(self, recorder: Recorder, tensors: Batch, batch: int) -> Any:
        with enable_grad(), without_dropout(), frozen_statistics():
            program = recorder.program(tensors, batch)
        if program is None:
            raise RecordingError(
                "loss: reads values while it is computed, so it cannot be recorded and differentiated twice; "
                "allowed: a loss made of tensor operations alone"
            )
        return program
