"""The differentiable neural computer: a controller beside a memory that it writes and reads."""

from __future__ import annotations

import numpy as np

from .. import nn
from ..checks import check_positive, check_whole
from ..errors import ShapeError
from ..nn import functional as F
from ..tensors.activations import sigmoid, softplus, tanh
from ..tensors.creation import zeros
from ..tensors.functions import abs as absolute
from ..tensors.functions import cat, maximum, minimum, stack
from ..tensors.tensor import Operand, Tensor, as_tensor

# of usages, norms and products of norms, as in the authors' code
_EPSILON = 1e-6
# by which places of equal usage are told apart
_TIE = 1e-12


class DNC(nn.Module):
    """The differentiable neural computer; `gates`, `interface` and `output` are its Linear layers.

    Args:
        inputs: numbers of a step, at least 1.
        outputs: numbers of an answer, at least 1.
        hidden: units of the LSTM, at least 1. Default 64.
        slots: of the memory, at least 2. Default 16.
        width: numbers of a slot, at least 1. Default 16.
        heads: that read, at least 1. Default 4.
        clip: the largest size of an answer, above 0. Default 20.0.

    Raises:
        ArgumentError: a number is out of bounds.
        ArgumentTypeError: clip is no number.
        DTypeError: a number is no integer.
        ShapeError: a size is no shape of an array.

    Source:
        Graves et al., "Hybrid computing using a neural network with dynamic external memory" (2016).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        hidden: int = 64,
        slots: int = 16,
        width: int = 16,
        heads: int = 4,
        clip: float = 20.0,
    ) -> None:
        super().__init__()
        for name, value in (("inputs", inputs), ("outputs", outputs), ("hidden", hidden)):
            check_whole(value, f"dnc: {name}", 1)
        self.hidden = hidden
        self.slots = check_whole(slots, "dnc: slots", 2)
        self.width = check_whole(width, "dnc: width", 1)
        self.heads = check_whole(heads, "dnc: heads", 1)
        self.clip = check_positive(clip, "dnc: clip")
        read = heads * width
        self.gates = nn.Linear(inputs + read + hidden, 4 * hidden)
        self.interface = nn.Linear(hidden, read + 3 * width + 5 * heads + 3)
        self.output = nn.Linear(hidden + read, outputs)

    def forward(self, x: Operand) -> Tensor:
        """Answers at every step, from an empty memory.

        Args:
            x: floating [N, T, inputs].

        Returns:
            Tensor [N, T, outputs].

        Raises:
            ArgumentError: a value of x is masked in the sense of numpy.ma.
            DTypeError: x is of another dtype than the weights.
            ShapeError: x has not three axes, another last one, or no steps.
        """
        weight = self.gates.weight
        t = as_tensor(x, weight, "dnc: x")
        inputs = weight.shape[1] - self.heads * self.width - self.hidden
        if t.ndim != 3 or t.shape[2] != inputs or t.shape[1] < 1:
            raise ShapeError(f"dnc: x: got shape {t.shape}; allowed: [N, 1 or more, {inputs}]")
        state = _State(self, t.shape[0], weight)
        return stack([state.step(t[:, k]) for k in range(t.shape[1])], 1)


class _State:
    """What a computer remembers from step to step."""

    def __init__(self, own: DNC, rows: int, like: Tensor) -> None:
        def empty(*sizes: int) -> Tensor:
            return zeros(rows, *sizes, dtype=like.dtype)

        self.own = own
        self.h, self.c = empty(own.hidden), empty(own.hidden)
        self.memory = empty(own.slots, own.width)
        self.usage, self.written, self.precedence = (empty(own.slots) for _ in range(3))
        self.links = empty(own.slots, own.slots)
        self.weights = empty(own.heads, own.slots)
        self.reads = empty(own.heads * own.width)
        places = np.arange(own.slots)
        self.ties = as_tensor(_TIE * (places[:, None] - places[None]), like, "ties")
        self.apart = as_tensor(1.0 - np.eye(own.slots), like, "apart")

    def step(self, x: Tensor) -> Tensor:
        """The answer to one input of each row."""
        own = self.own
        rows, width, heads = x.shape[0], own.width, own.heads
        gates = own.gates(cat([x, self.reads, self.h], 1))
        take, forget, new, give = (gates[:, k * own.hidden : (k + 1) * own.hidden] for k in range(4))
        self.c = sigmoid(forget) * self.c + sigmoid(take) * tanh(new)
        self.h = sigmoid(give) * tanh(self.c)
        told = own.interface(self.h)
        at = 0

        def part(count: int) -> Tensor:
            nonlocal at
            at += count
            return told[:, at - count : at]

        read_keys = part(heads * width).reshape((rows, heads, width))
        read_strengths = 1 + softplus(part(heads))
        write_key, write_strength = part(width).reshape((rows, 1, width)), 1 + softplus(part(1))
        erase, write = sigmoid(part(width)), part(width)
        free = sigmoid(part(heads))
        allocates, writes = sigmoid(part(1)), sigmoid(part(1))
        modes = F.softmax(part(3 * heads).reshape((rows, heads, 3)))

        kept = _product(1 - free.reshape((rows, heads, 1)) * self.weights)
        self.usage = (self.usage + self.written - self.usage * self.written) * kept
        found = self._alike(write_key, write_strength)[:, 0]
        self.written = writes * (allocates * self._allocation() + (1 - allocates) * found)
        self._write(erase, write)
        backward = self.weights @ self.links
        forward = self.weights @ self.links.transpose(0, 2, 1)
        content = self._alike(read_keys, read_strengths)
        self.weights = modes[:, :, 0:1] * backward + modes[:, :, 1:2] * content + modes[:, :, 2:3] * forward
        self.reads = (self.weights @ self.memory).reshape((rows, heads * width))
        answer = own.output(cat([self.h, self.reads], 1))
        return maximum(minimum(answer, own.clip), -own.clip)

    def _alike(self, keys: Tensor, strengths: Tensor) -> Tensor:
        """How much each slot is like each key, [N, keys, slots], which add up to 1."""

        def norms(t: Tensor) -> Tensor:
            return ((t * t).sum(-1, keepdims=True) + _EPSILON).sqrt()

        products = keys @ self.memory.transpose(0, 2, 1)
        sizes = norms(keys) @ norms(self.memory).transpose(0, 2, 1)
        return F.softmax(products / (sizes + _EPSILON) * strengths.reshape((*strengths.shape, 1)))

    def _allocation(self) -> Tensor:
        """(1 - u_j) times the product of all usages below u_j: the first of sorted slots gets what is free.

        The order of slots has no derivative; it is found without a sort, so that the steps can be recorded.
        """
        usage = _EPSILON + (1 - _EPSILON) * self.usage
        rows, slots = usage.shape
        at = usage.detach()
        above = at.reshape((rows, slots, 1)) - at.reshape((rows, 1, slots)) + self.ties
        below = F.relu(above) / maximum(absolute(above), 1e-30)
        logs = (below @ usage.log().reshape((rows, slots, 1))).reshape((rows, slots))
        return (1 - usage) * logs.exp()

    def _write(self, erase: Tensor, write: Tensor) -> None:
        rows, slots = self.written.shape
        column, row = self.written.reshape((rows, slots, 1)), self.written.reshape((rows, 1, slots))
        self.memory = self.memory * (1 - column * erase.reshape((rows, 1, -1)))
        self.memory = self.memory + column * write.reshape((rows, 1, -1))
        before = self.precedence.reshape((rows, 1, slots))
        self.links = ((1 - column - row) * self.links + column * before) * self.apart
        self.precedence = (1 - self.written.sum(1, keepdims=True)) * self.precedence + self.written


def _product(factors: Tensor) -> Tensor:
    """Over the second axis."""
    total = factors[:, 0]
    for k in range(1, factors.shape[1]):
        total = total * factors[:, k]
    return total


def dnc(
    inputs: int,
    outputs: int,
    hidden: int = 64,
    slots: int = 16,
    width: int = 16,
    heads: int = 4,
    clip: float = 20.0,
) -> DNC:
    """The differentiable neural computer: an LSTM beside a memory, with one write head.

    Args:
        inputs: numbers of a step, at least 1.
        outputs: numbers of an answer, at least 1.
        hidden: units of the LSTM, at least 1. Default 64.
        slots: of the memory, at least 2. Default 16.
        width: numbers of a slot, at least 1. Default 16.
        heads: that read, at least 1. Default 4.
        clip: the largest size of an answer, above 0. Default 20.0.

    Returns:
        The network, [N, T, inputs] to [N, T, outputs].

    Raises:
        ArgumentError: a number is out of bounds.
        ArgumentTypeError: clip is no number.
        DTypeError: a number is no integer.
        ShapeError: a size is no shape of an array.

    Source:
        Graves et al., "Hybrid computing using a neural network with dynamic external memory" (2016); the
        defaults are those of the authors' code for repeat-copy.
    """
    return DNC(inputs, outputs, hidden, slots, width, heads, clip)


def bits_loss(model: nn.Module, x: Operand, target: Operand, mask: Operand) -> Tensor:
    """Cross-entropy of bits, summed over the steps that count; the mean of the rows.

    It is a loss for `fit`, which gives it the model; `data.repeat_copy` makes such data.

    Args:
        model: [N, T, inputs] to [N, T, bits], before the sigmoid.
        x: floating [N, T, inputs].
        target: numbers of 0 to 1, [N, T, bits].
        mask: 1 where a step counts and 0 elsewhere, [N, T].

    Returns:
        A scalar Tensor, in nats a row.

    Raises:
        ArgumentError: a value is masked in the sense of numpy.ma.
        DTypeError: an input is of another dtype than the weights.
        ShapeError: shapes do not fit.
    """
    answers = model(x)
    wanted, counts = as_tensor(target, answers, "target"), as_tensor(mask, answers, "mask")
    if wanted.shape != answers.shape or counts.shape != answers.shape[:2]:
        raise ShapeError(
            f"bits_loss: got target {wanted.shape} and mask {counts.shape}; "
            f"allowed: {answers.shape} and {answers.shape[:2]}"
        )
    each = (softplus(answers) - answers * wanted).sum(-1)
    return (each * counts).sum() / answers.shape[0]
