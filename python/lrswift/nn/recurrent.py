"""LSTM and GRU, with PyTorch's names, layouts and parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..checks import check_fraction, check_whole
from ..errors import ShapeError
from ..tensors.activations import sigmoid, tanh
from ..tensors.creation import zeros
from ..tensors.functions import cat, stack
from ..tensors.operations import run
from ..tensors.tensor import Operand, Tensor
from . import functional as F
from . import init
from .module import Module

States = tuple[Tensor, ...]


def sequence(
    operation: str, x: Tensor, state: States, weights: Sequence[Any], backward: bool
) -> tuple[Tensor, States]:
    """All steps of one layer in one direction, as one operation.

    Args:
        operation: "lstm" or "gru".
        x: [T, N, inputs].
        state: before the first step, each [N, hidden].
        weights: of input and hidden state, then their biases or None.
        backward: whether steps go from the last to the first.

    Returns:
        (h after all steps [T, N, hidden], states after the last one taken).
    """
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    if bias_hh is None:
        bias_hh = zeros(weight_hh.shape[0], dtype=weight_hh.dtype)
    made = run(operation, (F.linear(x, weight_ih, bias_ih), weight_hh, bias_hh, *state), reverse=backward)
    end = 0 if backward else -1
    if len(state) == 1:
        return made, (made[end],)
    return made[0], (made[0, end], made[1, end])


class _Recurrent(Module):
    """Layers of cells, each over all time steps, in one direction or both."""

    gates: int
    states: int
    _operation: str

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.input_size = check_whole(input_size, f"{name}: input_size", 1)
        self.hidden_size = check_whole(hidden_size, f"{name}: hidden_size", 1)
        self.num_layers = check_whole(num_layers, f"{name}: num_layers", 1)
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = check_fraction(dropout, f"{name}: dropout", one=False)
        self.bidirectional = bidirectional
        rows = self.gates * self.hidden_size
        for layer in range(self.num_layers):
            width = self.input_size if layer == 0 else self.hidden_size * self._directions()
            for suffix in self._suffixes(layer):
                shapes: dict[str, tuple[int, ...]] = {
                    "weight_ih": (rows, width),
                    "weight_hh": (rows, self.hidden_size),
                }
                if bias:
                    shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
                for kind, shape in shapes.items():
                    setattr(self, kind + suffix, init.drawn(shape, self.hidden_size))

    def cell(self, x: Tensor, hidden: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The states after one step; x, hidden: what input and hidden state give the gates."""
        raise NotImplementedError

    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: self._directions()]

    def _run(self, x: Operand, given: Sequence[Operand] | None) -> tuple[Tensor, States]:
        name = type(self).__name__
        t = F.as_float(x, name, self._weights("_l0")[0])
        if t.ndim != 3 or t.shape[2] != self.input_size:
            axes = "batch, time" if self.batch_first else "time, batch"
            raise ShapeError(f"{name}: x: got shape {t.shape}; allowed: [{axes}, {self.input_size}]")
        time = 1 if self.batch_first else 0
        if t.shape[time] == 0:
            raise ShapeError(f"{name}: x: got shape {t.shape}; allowed: at least one time step")
        starts = self._starts(given, t.shape[1 - time], t.dtype)
        if self.batch_first:
            t = t.transpose(1, 0, 2)
        ends: list[States] = []
        for layer in range(self.num_layers):
            if layer > 0:
                t = F.dropout(t, self.dropout, self.training)
            each: list[Tensor] = []
            for suffix in self._suffixes(layer):
                outputs, end = self._pass(t, starts[len(ends)], suffix)
                each.append(outputs)
                ends.append(end)
            t = each[0] if len(each) == 1 else cat(each, -1)
        last = tuple(stack(list(part), 0) for part in zip(*ends, strict=True))
        return t.transpose(1, 0, 2) if self.batch_first else t, last

    def _pass(self, x: Tensor, state: States, suffix: str) -> tuple[Tensor, States]:
        """One layer in one direction, [T, N, inputs] to [T, N, hidden_size]; by `cell` if it is another's."""
        backward = suffix.endswith("reverse")
        weights = self._weights(suffix)
        if type(self).cell in (LSTM.cell, GRU.cell):
            return sequence(self._operation, x, state, weights, backward)
        weight_ih, weight_hh, bias_ih, bias_hh = weights
        times = range(x.shape[0])
        outputs = []
        for i in reversed(times) if backward else times:
            state = self.cell(
                F.linear(x[i], weight_ih, bias_ih), F.linear(state[0], weight_hh, bias_hh), state
            )
            outputs.append(state[0])
        return stack(outputs[::-1] if backward else outputs, 0), state

    def _weights(self, suffix: str) -> tuple[Any, ...]:
        return tuple(
            getattr(self, kind + suffix, None) for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )

    def _starts(self, given: Sequence[Operand] | None, batch: int, dtype: Any) -> list[tuple[Tensor, ...]]:
        count = self.num_layers * self._directions()
        shape = (count, batch, self.hidden_size)
        if given is None:
            return [(zeros(*shape[1:], dtype=dtype),) * self.states] * count
        parts = [F.as_float(part, f"{type(self).__name__}: state", self._weights("_l0")[0]) for part in given]
        if len(parts) != self.states or any(part.shape != shape for part in parts):
            raise ShapeError(
                f"{type(self).__name__}: state: got shapes {[part.shape for part in parts]}; "
                f"allowed: {self.states} of {shape}"
            )
        return [tuple(part[i] for part in parts) for i in range(count)]

    def extra_repr(self) -> str:
        """The settings, as they are passed."""
        text = f"{self.input_size}, {self.hidden_size}, num_layers={self.num_layers}"
        usual = {"bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}
        for name, default in usual.items():
            if getattr(self, name) != default:
                text += f", {name}={getattr(self, name)}"
        return text


class LSTM(_Recurrent):
    """Long short-term memory: layers of cells over all time steps, in one direction or both.

        c' = f c + i g,  h' = o tanh(c'),  gates in the order i, f, g, o

    Parameters of layer k, `_reverse` appended for the second direction: weight_ih_l{k} [4 hidden_size,
    inputs], weight_hh_l{k} [4 hidden_size, hidden_size], bias_ih_l{k} and bias_hh_l{k} [4 hidden_size]. All
    start as U(-1/sqrt(hidden_size), 1/sqrt(hidden_size)), as PyTorch's.

    Args:
        input_size: size of the last axis of x, at least 1.
        hidden_size: of h and c, at least 1.
        num_layers: layers, each fed by the one below; at least 1. Default 1.
        bias: whether the gates have biases. Default True.
        batch_first: whether x is [N, T, input_size]; False: [T, N, input_size]. Default False.
        dropout: probability between layers in train mode, 0 to below 1. Default 0.0.
        bidirectional: whether a second set of cells goes from the last step to the first. Default False.

    Raises:
        ArgumentError: a number is out of bounds.
        ArgumentTypeError: dropout is no number.

    Source:
        Hochreiter and Schmidhuber, "Long short-term memory" (1997); the forget gate: Gers, Schmidhuber and
        Cummins, "Learning to forget" (2000).
    """

    gates = 4
    states = 2
    _operation = "lstm"

    def forward(
        self, x: Operand, state: tuple[Operand, Operand] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Runs over all time steps.

        Args:
            x: [T, N, input_size], or [N, T, input_size] with batch_first; of the weights' dtype or uint8.
            state: (h, c) before the first step, each [num_layers directions, N, hidden_size]. None: zeros.
                Default None.

        Returns:
            (h of the last layer at all steps [T, N, directions hidden_size] in the order of x, (h, c) of all
            layers after the last step).

        Raises:
            ArgumentError: a value of x is masked.
            ArgumentTypeError: `dropout` was set to no number.
            DTypeError: x or the state is of another dtype.
            ShapeError: x or the state has another shape, or there is no time step.
        """
        outputs, (h, c) = self._run(x, state)
        return outputs, (h, c)

    def cell(self, x: Tensor, hidden: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Takes one step of the cells of one layer and direction.

        Args:
            x: what the input gives the gates, [N, 4 hidden_size].
            hidden: what the hidden state gives them, [N, 4 hidden_size].
            state: (h, c), each [N, hidden_size].

        Returns:
            (h, c) after the step.
        """
        n = self.hidden_size
        z = x + hidden
        i, f, o = (sigmoid(z[:, k * n : (k + 1) * n]) for k in (0, 1, 3))
        c = f * state[1] + i * tanh(z[:, 2 * n : 3 * n])
        return o * tanh(c), c


class GRU(_Recurrent):
    """Gated recurrent units: layers of cells over all time steps, in one direction or both.

        n = tanh(x_n + r h_n),  h' = (1 - z) n + z h,  gates in the order r, z, n

    The reset gate r comes after the product with the weight, as in PyTorch. Parameters of layer k, `_reverse`
    appended for the second direction: weight_ih_l{k} [3 hidden_size, inputs], weight_hh_l{k} [3 hidden_size,
    hidden_size], bias_ih_l{k} and bias_hh_l{k} [3 hidden_size]. All start as U(-1/sqrt(hidden_size),
    1/sqrt(hidden_size)).

    Args:
        input_size: size of the last axis of x, at least 1.
        hidden_size: of h, at least 1.
        num_layers: layers, each fed by the one below; at least 1. Default 1.
        bias: whether the gates have biases. Default True.
        batch_first: whether x is [N, T, input_size]; False: [T, N, input_size]. Default False.
        dropout: probability between layers in train mode, 0 to below 1. Default 0.0.
        bidirectional: whether a second set of cells goes from the last step to the first. Default False.

    Raises:
        ArgumentError: a number is out of bounds.
        ArgumentTypeError: dropout is no number.

    Source:
        Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014).
    """

    gates = 3
    states = 1
    _operation = "gru"

    def forward(self, x: Operand, state: Operand | None = None) -> tuple[Tensor, Tensor]:
        """Runs over all time steps.

        Args:
            x: [T, N, input_size], or [N, T, input_size] with batch_first; of the weights' dtype or uint8.
            state: h before the first step, [num_layers directions, N, hidden_size]. None: zeros. Default
                None.

        Returns:
            (h of the last layer at all steps [T, N, directions hidden_size] in the order of x, h of all
            layers after the last step).

        Raises:
            ArgumentError: a value of x is masked.
            ArgumentTypeError: `dropout` was set to no number.
            DTypeError: x or the state is of another dtype.
            ShapeError: x or the state has another shape, or there is no time step.
        """
        outputs, (h,) = self._run(x, None if state is None else (state,))
        return outputs, h

    def cell(self, x: Tensor, hidden: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Takes one step of the cells of one layer and direction.

        Args:
            x: what the input gives the gates, [N, 3 hidden_size].
            hidden: what the hidden state gives them, [N, 3 hidden_size].
            state: (h,), [N, hidden_size].

        Returns:
            (h,) after the step.
        """
        n = self.hidden_size
        z = sigmoid(x[:, n : 2 * n] + hidden[:, n : 2 * n])
        r = sigmoid(x[:, :n] + hidden[:, :n])
        new = tanh(x[:, 2 * n :] + r * hidden[:, 2 * n :])
        return (new + z * (state[0] - new),)
