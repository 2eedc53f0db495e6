"""Passes of whole methods over the vectors of one tensor, in torch: any device, dtype and layout.

Each rule is the native library's of the same name, line by line; what the numbers of a pass mean is the
method's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ._native import product


class Pass(NamedTuple):
    """The numbers of one pass."""

    rate: float
    scale: float
    weight: float
    memory: float


class Constants(NamedTuple):
    """A direction's own at a step; correction: of Adam's second moment, to be without bias."""

    beta1: float = 0.0
    beta2: float = 0.0
    epsilon: float = 0.0
    momentum: float = 0.0
    decay: float = 0.0
    decoupled_decay: float = 0.0
    correction: float = 1.0


# a number on its device, or here
Sum = Tensor | float
Function = Callable[[Tensor, Tensor, Sequence[Tensor], Constants, Pass], Sequence[Sum]]


@dataclass(frozen=True)
class Rule:
    """names: of the vectors; from `copied_from` on they start as copies of the parameter, others as zeros.

    first, second: change the parameter and the vectors in place; the first returns up to three sums. None:
    the first has moved the parameter.
    """

    names: tuple[str, ...]
    first: Function
    second: Function | None = None
    copied_from: int = 4

    def start(self, p: Tensor) -> list[Tensor]:
        """The vectors of a tensor that has not taken part yet."""
        return [
            p.detach().clone() if i >= self.copied_from else torch.zeros_like(p, requires_grad=False)
            for i in range(len(self.names))
        ]


def _dot(a: Tensor, b: Tensor) -> Sum:
    a, b = (x.float() if x.dtype.itemsize < 4 else x for x in (a, b))
    return product(a.reshape(-1), b.reshape(-1))


def _length1(a: Tensor) -> Tensor:
    # of 2^24 numbers torch's float32 sum on the CPU is off by 2 %
    wide = torch.float64 if a.is_cpu else torch.float32 if a.dtype.itemsize < 4 else None
    return torch.linalg.vector_norm(a, 1, dtype=wide)


def _decayed(p: Tensor, g: Tensor, h: Constants) -> Tensor:
    return torch.add(g, p, alpha=h.decay) if h.decay != 0 else g


def _averages(g: Tensor, m: Tensor, v: Tensor, h: Constants, factor: float = 1.0) -> None:
    """Adam's moments of factor g for the first and of g for the second."""
    m.mul_(h.beta1).add_(g, alpha=(1 - h.beta1) * factor)
    v.mul_(h.beta2).addcmul_(g, g, value=1 - h.beta2)


def _dual_averaging(p: Tensor, g: Tensor, s: Sequence[Tensor], h: Constants, m: Pass) -> list[Sum]:
    g = _decayed(p, g, h)
    weighted, start = s
    first = _dot(g, weighted)
    weighted.add_(g, alpha=m.rate)
    point = start - weighted
    p.copy_(point + h.momentum * (p - point))
    return [first, _dot(weighted, weighted)]


def _d_adaptation_adam(p: Tensor, g: Tensor, s: Sequence[Tensor], h: Constants, m: Pass) -> list[Sum]:
    g = _decayed(p, g, h)
    average, squares, weighted = s
    first = _dot(g, weighted / (squares.sqrt() + h.epsilon))
    _averages(g, average, squares, h, m.rate)
    weighted.mul_(m.memory).add_(g, alpha=m.weight)
    p.sub_(average / (squares.sqrt() + h.epsilon) + (m.rate * h.decoupled_decay) * p)
    return [first, _length1(weighted)]


def _prodigy_first(p: Tensor, g: Tensor, s: Sequence[Tensor], h: Constants, m: Pass) -> list[Sum]:
    g = _decayed(p, g, h)
    average, squares, weighted, start = s
    _averages(m.scale * g, average, squares, h)
    weighted.mul_(m.memory).add_(g, alpha=m.weight)
    return [_dot(g, start - p), _length1(weighted)]


def _prodigy_second(p: Tensor, g: Tensor, s: Sequence[Tensor], h: Constants, m: Pass) -> list[Sum]:
    step = s[0] / (s[1].sqrt() + m.scale * h.epsilon) + h.decoupled_decay * p
    p.sub_(step, alpha=m.rate)
    return []


def _move(y: Tensor, z: Tensor, d: Tensor, m: Pass) -> None:
    y.add_(z - y, alpha=m.weight).add_(d, alpha=m.scale)
    z.sub_(d, alpha=m.rate)


def _schedule_free(p: Tensor, g: Tensor, s: Sequence[Tensor], h: Constants, m: Pass) -> list[Sum]:
    _move(p, s[0], _decayed(p, g, h), m)
    return []


def _schedule_free_adamw(p: Tensor, g: Tensor, s: Sequence[Tensor], h: Constants, m: Pass) -> list[Sum]:
    squares, base = s
    squares.mul_(h.beta2).addcmul_(g, g, value=1 - h.beta2)
    scaled = g / ((squares * h.correction).sqrt() + h.epsilon)
    _move(p, base, scaled + h.decoupled_decay * p, m)
    return []


def _shrinkage(h: Constants, m: Pass) -> float:
    return 1 / (1 + m.scale * (h.decay + h.decoupled_decay))


def _momo_first(p: Tensor, g: Tensor, s: Sequence[Tensor], h: Constants, m: Pass) -> list[Sum]:
    (average,) = s
    average.mul_(m.memory).add_(g, alpha=m.weight)
    shrunk = _shrinkage(h, m) * average
    return [_dot(g, p), _dot(shrunk, p), _dot(shrunk, average)]


def _momo_second(p: Tensor, g: Tensor, s: Sequence[Tensor], h: Constants, m: Pass) -> list[Sum]:
    p.mul_(_shrinkage(h, m)).sub_(s[0], alpha=m.rate)
    return []


def _metric_direction(s: Sequence[Tensor], h: Constants) -> Tensor:
    return s[0] / ((s[1] * h.correction).sqrt() + h.epsilon)


def _momo_adam_first(p: Tensor, g: Tensor, s: Sequence[Tensor], h: Constants, m: Pass) -> list[Sum]:
    _averages(g, s[0], s[1], h)
    shrunk = _shrinkage(h, m) * s[0]
    return [_dot(g, p), _dot(shrunk, p), _dot(shrunk, _metric_direction(s, h))]


def _momo_adam_second(p: Tensor, g: Tensor, s: Sequence[Tensor], h: Constants, m: Pass) -> list[Sum]:
    p.mul_(_shrinkage(h, m)).sub_(_metric_direction(s, h), alpha=m.rate)
    return []


def _yellowfin_first(p: Tensor, g: Tensor, s: Sequence[Tensor], h: Constants, m: Pass) -> list[Sum]:
    s[0].mul_(m.memory).add_(g, alpha=m.weight)
    return [_dot(s[0], s[0])]


def _yellowfin_second(p: Tensor, g: Tensor, s: Sequence[Tensor], h: Constants, m: Pass) -> list[Sum]:
    s[1].mul_(m.memory).add_(g, alpha=m.scale).add_(p, alpha=h.decay)
    p.sub_(s[1], alpha=m.rate)
    return []


_D_ADAM = Rule(("average", "square_average", "weighted_gradient_sum"), _d_adaptation_adam)
_PRODIGY = Rule(
    ("average", "square_average", "weighted_gradient_sum", "first_point"), _prodigy_first, _prodigy_second, 3
)
_MOMO_ADAM = Rule(("average", "square_average"), _momo_adam_first, _momo_adam_second)

# rate, direction -> the recursion
RULES: dict[tuple[str, str], Rule] = {
    ("d_adaptation", "sgd"): Rule(("weighted_gradient_sum", "first_point"), _dual_averaging, None, 1),
    ("d_adaptation", "adam"): _D_ADAM,
    ("d_adaptation", "adamw"): _D_ADAM,
    ("prodigy", "adam"): _PRODIGY,
    ("prodigy", "adamw"): _PRODIGY,
    ("schedule_free", "sgd"): Rule(("base_point",), _schedule_free, None, 0),
    ("schedule_free", "adamw"): Rule(("square_average", "base_point"), _schedule_free_adamw, None, 1),
    ("yellowfin", "sgd"): Rule(("gradient_average", "momentum"), _yellowfin_first, _yellowfin_second),
    ("momo", "sgd"): Rule(("average",), _momo_first, _momo_second),
    ("momo", "adam"): _MOMO_ADAM,
    ("momo", "adamw"): _MOMO_ADAM,
}
