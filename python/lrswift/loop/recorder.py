"""Recording a loss function once per kind of batch, for replay by the core."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import random
from .._core import record_abort, record_begin, record_end
from ..checks import type_of
from ..errors import ArgumentError, ArgumentTypeError, RecordingError, ShapeError, warn
from ..tensors.autograd import no_grad
from ..tensors.modes import frozen_statistics
from ..tensors.operations import from_array
from ..tensors.tensor import Tensor
from .feed import Batch


def takes_model(loss: Callable[..., Any], arrays: int) -> bool:
    """Whether `loss` is called as loss(model, *batch): it has 1 + arrays required positional parameters.

    Otherwise it is called as loss(model(x), y), which needs batches of two arrays (ArgumentError).
    """
    if isinstance(loss, type) or not callable(loss):
        raise ArgumentTypeError(f"loss: got {type_of(loss)}; allowed: a function that returns a scalar")
    try:
        parameters = inspect.signature(loss).parameters.values()
        required = sum(
            p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
            for p in parameters
        )
    except (TypeError, ValueError):
        required = 2
    if required == 1 + arrays:
        return True
    if arrays != 2:
        raise ArgumentError(
            f"loss: takes {required} arguments for batches of {arrays} arrays; "
            f"allowed: loss(model, *batch), or batches (x, y) for loss(model(x), y)"
        )
    return False


class RecordingWarning(UserWarning):
    """A loss is run anew for every batch, which is slower: it cannot be recorded, or its record is wrong.

    `warnings.simplefilter("error", RecordingWarning)` makes it an error, raised before the step is taken.
    """


class Recorder:
    """The loss of one model as programs, one per shapes and dtypes of the batch, modes and parameters.

    After a RecordingError `eager` is True: the loss reads values while it is computed, so it is run anew
    for every batch. keep_outputs: Tensors that the model returns are outputs of the program, too, after
    the loss; the model's class changes.
    """

    def __init__(self, model: Any, loss: Callable[..., Any], keep_outputs: bool = False) -> None:
        self.model = model
        self._outputs = _outputs_of(model) if keep_outputs else []
        self.loss = loss
        self.eager = False
        self._programs: dict[Any, Any] = {}

    def __call__(self, *batch: Tensor) -> Tensor:
        """The loss of a batch, checked to be a scalar Tensor."""
        if takes_model(self.loss, len(batch)):
            value = self.loss(self.model, *batch)
        else:
            value = self.loss(self.model(batch[0]), batch[1])
        if not isinstance(value, Tensor):
            raise ArgumentTypeError(f"loss: returned {type(value).__name__}; allowed: a scalar Tensor")
        if value.size != 1:
            raise ShapeError(f"loss: returned a Tensor of shape {value.shape}; allowed: a scalar")
        return value

    def program(self, tensors: Batch, batch: int) -> Any:
        """The program for `batch` rows of `tensors`; None when it must run eagerly."""
        if self.eager:
            return None
        key = (batch, *((t.shape[1:], t.dtype_name) for t in tensors), self._modes())
        if key not in self._programs:
            self._programs[key] = self._record(tensors, batch)
        for parameter in self._parameters():
            # what another program left on a parameter that is frozen by now must move it no more
            if not parameter.requires_grad and parameter.grad is not None:
                parameter.grad = None
        return self._programs[key]

    def agrees(self, program: Any, tensors: Batch, numbers: np.ndarray) -> bool:
        """Whether `program` gives the loss that Python gives for these rows, to the bit; leaves no trace.

        What a program cannot see stays as it was when it was recorded: Python numbers, arrays of NumPy,
        buffers that a loss replaces.
        """
        state, kept = random.get_state(), Buffers(self.model)
        try:
            with no_grad(), frozen_statistics():
                expected = np.float64(self(*rows(tensors, numbers)).item())
            kept.restore()
            random.set_state(state)
            _, losses, _ = program.run(None, tensors, np.ascontiguousarray(numbers[None]), np.inf)
            found = np.frombuffer(losses)[0]
            return bool(found == expected or (np.isnan(found) and np.isnan(expected)))
        finally:
            kept.restore()
            random.set_state(state)

    def distrust(self, why: str) -> None:
        """Runs the loss anew for every batch from here on, with a RecordingWarning that says why."""
        warn(f"the loss is run anew for every batch: {why}", RecordingWarning)
        self.eager = True

    def _parameters(self) -> list[Tensor]:
        return list(self.model.parameters()) if hasattr(self.model, "parameters") else []

    def _modes(self) -> tuple[Any, ...]:
        if not hasattr(self.model, "modules"):
            return ()
        modes = tuple(module.training for module in self.model.modules())
        return (modes, tuple((id(p), p.requires_grad) for p in self.model.parameters()))

    def _record(self, tensors: Batch, batch: int) -> Any:
        inputs = rows(tensors, np.arange(batch))
        # recording evaluates the loss once, which must leave no trace
        state, kept = random.get_state(), Buffers(self.model)
        record_begin(inputs)
        try:
            self._outputs.clear()
            program = record_end((self(*inputs), *self._outputs))
            if (name := kept.replaced()) is None:
                return program
            self.distrust(f"it replaces the buffer {name}, which would stand still in a record of it")
            return None
        except RecordingError as error:
            record_abort()
            self.distrust(f"it cannot be recorded, as {error}")
            return None
        except BaseException:
            record_abort()
            raise
        finally:
            random.set_state(state)
            kept.restore()


class Buffers:
    """The registered buffers of a model, objects and values, to put them back."""

    def __init__(self, model: Any) -> None:
        self._kept = []
        if not hasattr(model, "named_buffers"):
            return
        modules = dict(model.named_modules())
        for called, buffer in model.named_buffers():
            path, _, name = called.rpartition(".")
            self._kept.append((modules[path], called, name, buffer, from_array(buffer.numpy())))

    def replaced(self) -> str | None:
        """The name of a buffer that is another object by now; None where there is none."""
        for module, called, name, buffer, _ in self._kept:
            if getattr(module, name) is not buffer:
                return called
        return None

    def restore(self) -> None:
        """Objects under their names again, and values in them."""
        for module, _, name, buffer, value in self._kept:
            buffer.assign(value)
            if getattr(module, name) is not buffer:
                module.register_buffer(name, buffer)


def rows(tensors: Batch, numbers: np.ndarray) -> Batch:
    """Copies of the rows of each tensor."""
    return tuple(from_array(t.numpy()[numbers]) for t in tensors)


@contextmanager
def watched(model: Any) -> Iterator[list[Any]]:
    """Within: a list to which the module `model` adds what it returns, call by call."""
    kind, found = type(model), _watch(model)
    try:
        yield found
    finally:
        object.__setattr__(model, "__class__", kind)


def _outputs_of(model: Any) -> list[Tensor]:
    """A list to which `model`, from now on, adds every Tensor that it returns."""
    return _watch(model, lambda made: [part for part in _parts(made) if isinstance(part, Tensor)])


def _parts(made: Any) -> Any:
    return made if isinstance(made, (tuple, list)) else [made]


def _watch(model: Any, kept: Callable[[Any], list[Any]] = lambda made: [made]) -> list[Any]:
    found: list[Any] = []
    kind: Any = type(model)

    # a subclass, since a special method is looked up there and the loss may do with its model what it likes
    class Watched(kind):  # type: ignore[misc]
        def __call__(self, *inputs: Any, **options: Any) -> Any:
            made = super().__call__(*inputs, **options)
            found.extend(kept(made))
            return made

    object.__setattr__(model, "__class__", Watched)
    return found


class Modes:
    """Keeps every module's train/eval mode, to put it back."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self._kept = [(m, m.training) for m in model.modules()] if hasattr(model, "modules") else []

    def train(self) -> None:
        """Train mode, but for modules found in eval mode inside a model in train mode: they are frozen."""
        if hasattr(self.model, "train"):
            self.model.train()
        if getattr(self.model, "training", False) and any(m is self.model and on for m, on in self._kept):
            for module, training in self._kept:
                module.training = training

    def restore(self) -> None:
        """Puts the modes back."""
        for module, training in self._kept:
            module.training = training
