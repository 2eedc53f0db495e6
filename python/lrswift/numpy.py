"""Optimizers for networks written by hand in NumPy: lists or dictionaries of arrays, updated in place."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .checks import shown, type_of
from .errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from .optim.directions import directions
from .optim.drive import drive
from .optim.optimizer import Optimizer
from .rates.base import Adapter
from .rates.codes import Request
from .tensors.dlpack import from_dlpack
from .tensors.operations import from_array
from .tensors.tensor import Tensor

Arrays = Mapping[str, np.ndarray] | Sequence[np.ndarray]


class Adapted:
    """A direction and a rate over NumPy arrays, by the native optimizer.

        optimizer = lr.numpy.Adapted(lr=lr.adapt.L4(), direction="adam")
        optimizer.update(params, grads, loss)          # params change in place

    Arrays are float32 or float64, of any layout. Steps are taken in the memory of row-major, aligned arrays,
    as long as they are the same objects from call to call; gradients of that layout and the parameter's dtype
    are read where they are. All others are copied in, and parameters back.

    Args:
        lr: a number of at least 0, a schedule, an adapter or its name. Default "l4".
        direction: what the rate multiplies: "sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "ema"
            (L4Mom's average of the gradient), or any other of the core's. Default "adam".
        **options: of the direction, as in `lrswift.optim`: momentum=0.9, eps=1e-4, ...

    Raises:
        ArgumentError: the direction is unknown, or an option is out of its bounds.
        ArgumentTypeError: an option is no number.
        DTypeError: `lr` is no rate.
        TypeError: an option is unknown.
    """

    def __init__(self, lr: Any = "l4", direction: str = "adam", **options: Any) -> None:
        known = directions()
        if direction not in known:
            raise ArgumentError(f"direction: got {shown(direction)}; allowed: {', '.join(known)}")
        self._direction: Callable[..., Optimizer] = known[direction]
        self._lr, self._options = lr, options
        self._names: list[str | int] = []
        self._tensors: list[Tensor] = []
        # the arrays in whose memory the tensors lie; None: a tensor with memory of its own
        self._held: list[np.ndarray | None] = []
        self._optimizer: Optimizer | None = None
        # what is wrong with them shows now, not at the first step
        self._make([from_array(np.zeros(1, np.float32), requires_grad=True)])

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        # no copy of a tensor lies in the memory of an array
        self._held = [None] * len(self._tensors)

    def update(
        self,
        params: Arrays,
        grads: Arrays,
        loss: float | None = None,
        loss_fn: Callable[..., Any] | None = None,
    ) -> float | dict[str, float]:
        """Takes one step, in place.

        Args:
            params: a list or a dictionary of float32 or float64 arrays, writeable, alike in names, shapes and
                dtypes from call to call.
            grads: of the same names and shapes.
            loss: what the gradients belong to; adapters need it. Default None.
            loss_fn: for adapters that evaluate the loss at trial points: loss_fn() or loss_fn(params) returns
                a number, with params changed in place meanwhile; for NaiveTLR (number, grads). Default None.

        Returns:
            The rate taken, or {name: rate} where they differ.

        Raises:
            ArgumentError: names differ, an array is read-only, or there is none. Nothing has changed then,
                nor at the errors below.
            ArgumentTypeError: what the adapter needs is not given, or loss_fn returns something else.
            BufferError: a gradient lies in another device's memory.
            DTypeError: an array is of another dtype.
            Diverged: the loss or a gradient was not finite in many steps in a row.
            ShapeError: an array has another shape.
        """
        values, gradients = self._checked(params, grads)
        if self._optimizer is None:
            self._start(params, values)
        optimizer = self._optimizer
        assert optimizer is not None
        if loss is None and isinstance(optimizer.rate, Adapter):
            name = type(optimizer.rate).__name__
            raise ArgumentTypeError(f"update: loss: not given; {name} needs it: update(params, grads, loss)")
        probes = bool(optimizer._core.get("probes"))
        if probes and loss_fn is None:
            name = type(optimizer.rate).__name__
            raise ArgumentTypeError(
                f"update: loss_fn: not given; {name} evaluates the loss at trial points: "
                "update(params, grads, loss, loss_fn=f) with f(params) -> number"
            )
        if any(h is not None and h is not v for h, v in zip(self._held, values, strict=True)):
            optimizer = self._part(optimizer, values)
        for tensor, value, gradient, held in zip(self._tensors, values, gradients, self._held, strict=True):
            if held is None:
                tensor.assign(from_array(value))
            tensor.grad = _read(gradient)
        before = [value.copy() for value in values] if probes else []
        core = optimizer._core

        def found() -> Any:
            self._write(values)
            assert loss_fn is not None
            return loss_fn(params) if _takes_argument(loss_fn) else loss_fn()

        evaluate = {
            Request.LOSS: lambda _: _loss(found()),
            Request.GRADIENT: lambda _: self._differentiated(params, found()),
            Request.CURVATURE: lambda _: _no_curvature(),
        }
        try:
            asked = core.begin(0.0 if loss is None else float(loss), probes)
            drive(asked, evaluate, core.answer, (Request.DONE,), core.abort)
        except BaseException:
            for value, old in zip(values, before, strict=False):
                value[...] = old
            raise
        self._write(values)
        return self.lr

    def _differentiated(self, params: Arrays, found: Any) -> float:
        """The loss; the tensors then hold its gradients."""
        if not isinstance(found, tuple) or len(found) != 2:
            raise ArgumentTypeError(
                f"loss_fn: got {type_of(found)}; NaiveTLR needs the gradients there, too: (loss, grads)"
            )
        for tensor, gradient in zip(self._tensors, self._checked(params, found[1])[1], strict=True):
            tensor.grad = _read(gradient)
        return float(found[0])

    def _write(self, values: list[np.ndarray]) -> None:
        for tensor, value, held in zip(self._tensors, values, self._held, strict=True):
            if held is None:
                value[...] = tensor.numpy()

    def _make(self, tensors: Sequence[Any]) -> Optimizer:
        return self._direction(tensors, lr=self._lr, **self._options)

    def _start(self, params: Arrays, values: list[np.ndarray]) -> None:
        self._names = list(params) if isinstance(params, Mapping) else list(range(len(values)))
        self._bind([(_shared(value), value) for value in values])

    def _part(self, optimizer: Optimizer, values: list[np.ndarray]) -> Optimizer:
        """Tensors with memory of their own from now on: the arrays are others than at first."""
        state = optimizer.state_dict()
        made = self._bind([(None, value) for value in values])
        made.load_state_dict(state)
        return made

    def _bind(self, pairs: list[tuple[Tensor | None, np.ndarray]]) -> Optimizer:
        self._held = [None if tensor is None else value for tensor, value in pairs]
        self._tensors = [from_array(v, requires_grad=True) if t is None else t for t, v in pairs]
        named = [
            (name if isinstance(name, str) else f"param.{name}", tensor)
            for name, tensor in zip(self._names, self._tensors, strict=True)
        ]
        self._optimizer = made = self._make(named)
        return made

    def _checked(self, params: Arrays, grads: Arrays) -> tuple[list[np.ndarray], list[np.ndarray]]:
        lists = isinstance(params, (list, tuple)) and isinstance(grads, (list, tuple))
        if not lists and not (isinstance(params, Mapping) and isinstance(grads, Mapping)):
            raise ArgumentTypeError(
                f"params, grads: got {type_of(params)} and {type(grads).__name__}; "
                "allowed: two lists or two dictionaries of arrays"
            )
        names: list[Any] = list(params) if isinstance(params, Mapping) else list(range(len(params)))
        if not names:
            raise ArgumentError("params: empty; allowed: at least one array")
        if self._names and names != self._names:
            raise ArgumentError(f"params: got {names}; allowed: {self._names}, as at the first step")
        given = list(grads) if isinstance(grads, Mapping) else list(range(len(grads)))
        if set(given) != set(names) or len(given) != len(names):
            raise ArgumentError(f"grads: got {given}; allowed: {names}, as params")
        values, gradients = [], []
        for i, name in enumerate(names):
            value, gradient = params[name], np.asarray(grads[name])
            where = f"params[{name!r}]"
            if not isinstance(value, np.ndarray) or value.dtype not in (np.float32, np.float64):
                got = value.dtype if isinstance(value, np.ndarray) else type(value).__name__
                raise DTypeError(f"{where}: got {got}; allowed: a NumPy array, float32 or float64")
            if not value.flags.writeable:
                raise ArgumentError(f"{where}: read-only; allowed: an array that can be changed in place")
            if gradient.shape != value.shape:
                raise ShapeError(f"grads[{name!r}]: got shape {gradient.shape}; allowed: {value.shape}")
            if gradient.dtype.kind not in "fiu":
                raise DTypeError(f"grads[{name!r}]: got {gradient.dtype}; allowed: real numbers")
            if self._tensors and self._tensors[i].shape != value.shape:
                raise ShapeError(f"{where}: got shape {value.shape}; allowed: {self._tensors[i].shape}")
            if self._tensors and self._tensors[i].dtype_name != value.dtype.name:
                raise DTypeError(f"{where}: got {value.dtype}; allowed: {self._tensors[i].dtype_name}")
            values.append(value)
            gradients.append(gradient.astype(value.dtype, copy=False))
        return values, gradients

    def finish(self, steps: int) -> None:
        """Lets a rate of lr="auto" fall to 0 over the next steps, whatever the run was to be.

        Args:
            steps: how many are left, at least 1.

        Raises:
            ArgumentError: `steps` is no whole number of at least 1, the search is not over, or the run is.
            ArgumentTypeError: the rate was not searched for.
        """
        if self._optimizer is None:
            raise ArgumentError("finish: no step was taken yet; allowed: after the search")
        self._optimizer.finish(steps)

    @property
    def lr(self) -> float | dict[str, float]:
        """Rate of the last step, or {name: rate} where they differ; 0 before any step."""
        return 0.0 if self._optimizer is None else self._optimizer.lr

    @property
    def skipped_steps(self) -> int:
        """How many steps were skipped because the loss or a gradient was not finite."""
        return 0 if self._optimizer is None else self._optimizer.skipped_steps

    def state_dict(self) -> dict[str, np.ndarray]:
        """The whole state, flat: name -> array; empty before the first step."""
        return {} if self._optimizer is None else self._optimizer.state_dict()

    def load_state_dict(self, state: Mapping[str, Any], params: Arrays | None = None) -> None:
        """Puts back what `state_dict` returned.

        Args:
            state: name -> array.
            params: as in `update`; needed before the first step. Default None.

        Raises:
            ArgumentError: the state is of another direction, rate or set of arrays.
            ArgumentTypeError: `params` is needed and not given.
            DTypeError: an array is of another dtype.
            ShapeError: an array has another shape.
        """
        if self._optimizer is None:
            if params is None:
                raise ArgumentTypeError("load_state_dict: params: not given; needed before the first step")
            values, _ = self._checked(params, params)
            self._start(params, values)
        assert self._optimizer is not None
        self._optimizer.load_state_dict(state)


def _shared(array: np.ndarray) -> Tensor | None:
    """A tensor in the memory of an array; None where its layout does not allow it."""
    try:
        tensor = from_dlpack(array, copy=False)
    except BufferError:
        return None
    tensor.requires_grad = True
    return tensor


def _read(array: np.ndarray) -> Tensor:
    """A tensor with the values of an array, in its memory where that can be."""
    # NumPy before 2.1 does not export what is read-only
    return from_dlpack(array) if array.flags.writeable else from_array(array)


def _loss(found: Any) -> float:
    return float(found[0] if isinstance(found, tuple) else found)


def _no_curvature() -> float:
    raise ArgumentTypeError("lr: Newton needs second derivatives; allowed: adapters that evaluate the loss")


def _takes_argument(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    required = [p for p in parameters if p.kind in positional and p.default is p.empty]
    return bool(required) or any(p.kind == inspect.Parameter.VAR_POSITIONAL for p in parameters)
