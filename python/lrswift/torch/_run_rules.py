"""The update rules of `lrswift.optim` as arithmetic of torch, which differentiates them: steps of whole runs.

All parameters of a run are one vector theta [D], and so is each state vector.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..optim.rules import FAMILIES, run_rule

State = tuple[Tensor, ...]


class Hyper(NamedTuple):
    """The hyperparameters of a step in the order of FAMILIES: scalars, the rate also [layers]."""

    rate: Tensor
    momentum: Tensor
    decay: Tensor
    beta2: Tensor
    epsilon: Tensor


# (g, state, hyperparameters, t counted from 1) -> direction, new state; g has the coupled decay in it
Direction = Callable[[Tensor, State, Hyper, int], tuple[Tensor, State]]


@dataclass(frozen=True)
class RunRule:
    """A rule. slots: how many state vectors, zeros at first; decoupled: what weight decay is."""

    direction: Direction
    slots: int
    decoupled: bool = False

    def take(
        self, theta: Tensor, g: Tensor, state: State, h: Hyper, t: int, layers: Tensor | None
    ) -> tuple[Tensor, State]:
        """Parameters and state after step t, counted from 1. layers: of each element, with rates [layers]."""
        coupled = g if self.decoupled else g + h.decay * theta
        d, state = self.direction(coupled, state, h, t)
        if self.decoupled:
            d = d + h.decay * theta
        rate = h.rate if layers is None else h.rate[layers].to(theta.dtype)
        return theta - rate * d, state


def _root(x: Tensor) -> Tensor:
    """The root; its derivative at 0 is taken as 0, as by the core: Adam on pixels that are always dark."""
    positive = x > 0
    return torch.where(positive, torch.where(positive, x, 1.0).sqrt(), 0.0)


def _momentum(g: Tensor, state: State, h: Hyper, t: int) -> tuple[Tensor, State]:
    v = h.momentum * state[0] + g
    return v, (v,)


def _nesterov(g: Tensor, state: State, h: Hyper, t: int) -> tuple[Tensor, State]:
    v = h.momentum * state[0] + g
    return g + h.momentum * v, (v,)


def _average(g: Tensor, state: State, h: Hyper, t: int) -> tuple[Tensor, State]:
    average = h.momentum * state[0] + (1 - h.momentum) * g
    return average / (1 - h.momentum**t), (average,)


def _adam(g: Tensor, state: State, h: Hyper, t: int) -> tuple[Tensor, State]:
    average = h.momentum * state[0] + (1 - h.momentum) * g
    square = h.beta2 * state[1] + (1 - h.beta2) * g * g
    scale = _root(square / (1 - h.beta2**t)) + h.epsilon
    return average / (1 - h.momentum**t) / scale, (average, square)


def _rmsprop(g: Tensor, state: State, h: Hyper, t: int) -> tuple[Tensor, State]:
    square = h.beta2 * state[0] + (1 - h.beta2) * g * g
    v = h.momentum * state[1] + g / (_root(square) + h.epsilon)
    return v, (square, v)


def _adagrad(g: Tensor, state: State, h: Hyper, t: int) -> tuple[Tensor, State]:
    total = state[0] + g * g
    return g / (_root(total) + h.epsilon), (total,)


def _adadelta(g: Tensor, state: State, h: Hyper, t: int) -> tuple[Tensor, State]:
    square = h.beta2 * state[0] + (1 - h.beta2) * g * g
    d = _root(state[1] + h.epsilon) / _root(square + h.epsilon) * g
    return d, (square, h.beta2 * state[1] + (1 - h.beta2) * d * d)


RULES: Mapping[str, RunRule] = {
    "sgd": RunRule(_momentum, 1),
    "nesterov": RunRule(_nesterov, 1),
    "ema": RunRule(_average, 1),
    "adam": RunRule(_adam, 2),
    "adamw": RunRule(_adam, 2, decoupled=True),
    "rmsprop": RunRule(_rmsprop, 2),
    "adagrad": RunRule(_adagrad, 1),
    "adadelta": RunRule(_adadelta, 2),
}


def defaults(optimizer: str) -> tuple[float, ...]:
    """By family, what an argument is of which no values are given; 0 where the rule has none."""
    held = run_rule(optimizer).families
    return tuple(held.get(family, 0.0) for family in FAMILIES)
