"""LSTM, GRU and plain recurrent networks over all time steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..nn import functional as F
from ..nn.recurrent import sequence
from ..tensors.functions import cat, stack
from ..tensors.tensor import Tensor
from ._rules import Call, Rule
from ._values import Value

States = tuple[Tensor, ...]


@dataclass(frozen=True)
class Cell:
    """One step: what the gates get and the states before it, to the states after it.

    together: the gates get one sum of input and hidden state; else both apart. operation: which takes all
    steps at once.
    """

    step: Callable[..., States]
    together: bool = True
    operation: str | None = None


def lstm_step(z: Tensor, state: States) -> States:
    n = state[0].shape[-1]
    # i and f lie side by side
    both = F.sigmoid(z[:, : 2 * n])
    c = both[:, n:] * state[1] + both[:, :n] * F.tanh(z[:, 2 * n : 3 * n])
    return F.sigmoid(z[:, 3 * n :]) * F.tanh(c), c


def gru_step(x: Tensor, hidden: Tensor, state: States) -> States:
    n = state[0].shape[-1]
    both = F.sigmoid(x[:, : 2 * n] + hidden[:, : 2 * n])
    new = F.tanh(x[:, 2 * n :] + both[:, :n] * hidden[:, 2 * n :])
    return (new + both[:, n:] * (state[0] - new),)


LSTM = Cell(lstm_step, operation="lstm")
GRU = Cell(gru_step, together=False, operation="gru")
TANH = Cell(lambda z, state: (F.tanh(z),))
RELU = Cell(lambda z, state: (F.relu(z),))


def recurrent(cell: Cell) -> Rule:
    def rule(
        call: Call, x: Value, start: Any, weights: Sequence[Value], biases: bool, layers: int,
        dropout: float, train: bool, bidirectional: bool, batch_first: bool,
    ) -> list[Value]:  # fmt: skip
        t = call.given(x)
        alone = t.ndim == 2
        begins = [call.given(s) for s in (start if isinstance(start, (list, tuple)) else [start])]
        if alone:
            t = t.reshape(t.shape[0], 1, t.shape[1])
            begins = [s.reshape(s.shape[0], 1, s.shape[1]) for s in begins]
        elif batch_first:
            t = t.transpose(1, 0, 2)
        given = [call.given(w) for w in weights]
        each = 4 if biases else 2
        directions = 2 if bidirectional else 1
        ends: list[States] = []
        for layer in range(layers):
            if layer:
                t = F.dropout(t, dropout, train and call.training)
            sides = []
            for side in range(directions):
                at = len(ends)
                parts = given[each * at : each * (at + 1)]
                outputs, end = passed(cell, t, tuple(s[at] for s in begins), parts, bool(side))
                sides.append(outputs)
                ends.append(end)
            t = sides[0] if directions == 1 else cat(sides, -1)
        last = [stack(list(part), 0) for part in zip(*ends, strict=True)]
        if alone:
            t = t.reshape(t.shape[0], t.shape[2])
            last = [s.reshape(s.shape[0], s.shape[2]) for s in last]
        order = (1, 0, 2) if batch_first and not alone else None
        return [call.made(t, order), *(call.made(s) for s in last)]

    return rule


def passed(
    cell: Cell, t: Tensor, state: States, weights: Sequence[Tensor], backward: bool
) -> tuple[Tensor, States]:
    """One layer in one direction: [time, batch, width] to outputs at all times and the last states."""
    weight_ih, weight_hh = weights[:2]
    bias_ih, bias_hh = weights[2:] if len(weights) > 2 else (None, None)
    if cell.operation is not None:
        return sequence(cell.operation, t, state, (weight_ih, weight_hh, bias_ih, bias_hh), backward)
    times = range(t.shape[0])
    # one product of input and hidden state side by side, which needs no sum
    weight = cat([weight_ih, weight_hh], 1)
    bias = None if bias_ih is None else bias_ih + bias_hh
    outputs = []
    for time in reversed(times) if backward else times:
        state = cell.step(F.linear(cat([t[time], state[0]], 1), weight, bias), state)
        outputs.append(state[0])
    return stack(outputs[::-1] if backward else outputs, 0), state


def single(cell: Cell) -> Rule:
    """One step of one layer."""

    def rule(
        call: Call, x: Value, start: Any, weight_ih: Value, weight_hh: Value, bias_ih: Value | None = None,
        bias_hh: Value | None = None,
    ) -> Any:  # fmt: skip
        several = isinstance(start, (list, tuple))
        state = tuple(call.given(s) for s in (start if several else [start]))
        inputs = F.linear(call.given(x), call.given(weight_ih), call.given(bias_ih))
        hidden = F.linear(state[0], call.given(weight_hh), call.given(bias_hh))
        gates = (inputs + hidden,) if cell.together else (inputs, hidden)
        made = [call.made(s) for s in cell.step(*gates, state)]
        return made if several else made[0]

    return rule


RULES: dict[str, Rule] = {
    "aten.lstm.input": recurrent(LSTM),
    "aten.gru.input": recurrent(GRU),
    "aten.rnn_tanh.input": recurrent(TANH),
    "aten.rnn_relu.input": recurrent(RELU),
    "aten.lstm_cell.default": single(LSTM),
    "aten.gru_cell.default": single(GRU),
    "aten.rnn_tanh_cell.default": single(TANH),
    "aten.rnn_relu_cell.default": single(RELU),
}
