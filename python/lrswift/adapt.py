"""Rates that choose themselves: descriptions of the native rate adapters, for `lr=` of any optimizer.

    optimizer = lr.optim.SGD(model.parameters(), lr=lr.adapt.QLABGrad(trial=0.1), momentum=0.9)

A description holds a name and its arguments; types are checked at once, bounds by the native card when
an optimizer is made of it. Every adapter also takes `min_lr` (default 0) and `max_lr` (default inf),
between which each rate is clamped. One optimizer may be made from a description or many.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from . import _core
from .errors import ArgumentError, DTypeError

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = ["L4", "TLR", "Adapter", "NaiveTLR", "QLABGrad", "SBFSearch", "find_trial_rate"]

# the core spells out what the papers abbreviate
_SPELLED = {"eps": "epsilon"}


def check_number(value: Any, name: str, *, infinite: bool = False) -> float:
    """`value` as a float. DTypeError for no number, ArgumentError for nan (and inf unless `infinite`)."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise DTypeError(f"{name}: got {value!r} ({type(value).__name__}); allowed: a number")
    if math.isnan(value) or (math.isinf(value) and not infinite):
        raise ArgumentError(f"{name}: got {value!r}; allowed: a finite number")
    return float(value)


@dataclass(frozen=True)
class Adapter:
    """What all rate adapters share."""

    rate: ClassVar[str]
    texts: ClassVar[dict[str, tuple[str, ...]]] = {}

    _: KW_ONLY
    min_lr: float = 0.0
    max_lr: float = math.inf

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            where = f"{type(self).__name__}: {f.name}"
            if f.name in self.texts:
                if value not in self.texts[f.name]:
                    raise ArgumentError(f"{where}: got {value!r}; allowed: {', '.join(self.texts[f.name])}")
            elif isinstance(f.default, bool):
                if not isinstance(value, bool):
                    raise DTypeError(f"{where}: got {value!r}; allowed: True, False")
            elif not (value is None and f.default is None):
                check_number(value, where, infinite=f.name.startswith("max_"))
        if self.min_lr > self.max_lr:
            raise ArgumentError(
                f"{type(self).__name__}: min_lr: got {self.min_lr}; allowed: at most max_lr, {self.max_lr}"
            )

    @property
    def core_name(self) -> str:
        """What the core calls this method."""
        return self.rate

    def attributes(self) -> dict[str, Any]:
        """The arguments as the core names them; what is None or infinite is left out."""
        values = {_SPELLED.get(f.name, f.name): getattr(self, f.name) for f in fields(self)}
        return {key: value for key, value in values.items() if value is not None and value != math.inf}


@dataclass(frozen=True)
class L4(Adapter):
    """Step to a fixed fraction of the linear model's way down to the best loss seen.

    rate = alpha (L - gamma L_min) / (<g, v> + eps), with L_min inflated by 1 + 1/tau every step and
    started at gamma0 times the first loss. Losses must not fall below `lower_bound`.
    alpha 0.15, gamma 0.9, tau 1000, gamma0 0.75, eps 1e-12.
    Source: Rolinek and Martius, "L4: Practical loss-based stepsize adaptation for deep learning"
    (arXiv 1802.05074), eq. 2-6.
    """

    rate: ClassVar[str] = "l4"
    alpha: float = 0.15
    gamma: float = 0.9
    tau: float = 1000.0
    gamma0: float = 0.75
    eps: float = 1e-12
    lower_bound: float = 0.0


@dataclass(frozen=True)
class TLR(Adapter):
    """Trainable learning rate, the efficient variant: one multiplication of the rate per window.

    With the displacements of two consecutive windows divided by their rates, u and u', and
    I = <u, u'>: rate *= 1 + I / max(4 (|u|^2 - I), I / bound), so by a factor of 3/4 to 1 + bound.
    initial: first rate, 0.01. bound: 1/4. window: an int is a number of steps, a float a fraction of an
    epoch (1/3; `fit` supplies the epoch's length, elsewhere pass `steps_per_epoch` or an int).
    per: one rate for "all", per "group" or per "tensor". variant: "paper", or "ntlr" for the rule of
    the authors' released code, kept positive.
    Source: the TLR paper, eq. 7-9 and Algorithm 2.
    """

    rate: ClassVar[str] = "tlr"
    texts: ClassVar[dict[str, tuple[str, ...]]] = {
        "per": ("all", "group", "tensor"),
        "variant": ("paper", "ntlr"),
    }
    initial: float = 0.01
    bound: float = 0.25
    window: float = 1 / 3
    per: Literal["all", "group", "tensor"] = "all"
    variant: Literal["paper", "ntlr"] = "paper"
    steps_per_epoch: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        whole = isinstance(self.window, numbers.Integral)
        if self.window <= 0 or (not whole and self.window > 1):
            raise ArgumentError(
                f"TLR: window: got {self.window!r}; "
                "allowed: an int of at least 1 (steps) or 0 < float <= 1 (of an epoch)"
            )
        if self.steps_per_epoch is not None and self.steps_per_epoch < 1:
            raise ArgumentError(f"TLR: steps_per_epoch: got {self.steps_per_epoch!r}; allowed: at least 1")

    @property
    def core_name(self) -> str:
        return "ntlr" if self.variant == "ntlr" else self.rate

    def attributes(self) -> dict[str, Any]:
        values = super().attributes()
        values["scope"] = self.texts["per"].index(values.pop("per"))
        values.pop("variant")
        if self.variant == "ntlr":
            del values["bound"]
        # 1 (a step) and 1.0 (an epoch) look the same to the core, which takes numbers only
        if isinstance(self.window, numbers.Integral):
            values["window_steps"] = int(values.pop("window"))
        return values


@dataclass(frozen=True)
class NaiveTLR(Adapter):
    """Trainable learning rate by a second evaluation per step: rate += meta_lr <g(w - rate g), g(w)>.

    initial: first rate, 0.01. meta_lr: required.
    Source: the TLR paper, eq. 7 and Algorithm 1.
    """

    rate: ClassVar[str] = "naive_tlr"
    initial: float = 0.01
    meta_lr: float = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.meta_lr is None:
            raise DTypeError("NaiveTLR: meta_lr: not given; allowed: a number above 0")
        super().__post_init__()


@dataclass(frozen=True)
class QLABGrad(Adapter):
    """The minimum of a parabola through the loss, its slope, and the loss after a trial step.

    rate = <g, d> trial^2 / (2 (L(trial) - L + trial <g, d>)); where that is not positive, the trial rate.
    One more evaluation of the loss per step, so the optimizer must be driven by `minimize` or `fit`.
    trial: trial rate, 0.1. find_trial: adapt it first by FindPLR, and again every `refind_every` (100)
    steps. max_ratio: largest rate in units of the trial rate, inf.
    Source: the QLABGrad paper, eq. 10 and FindPLR.
    """

    rate: ClassVar[str] = "qlabgrad"
    trial: float = 0.1
    find_trial: bool = True
    refind_every: int = 100
    max_ratio: float = math.inf


def find_trial_rate(closure: Callable[[], Tensor], params: Iterable[Tensor], trial: float = 0.1) -> float:
    """A trial rate for `QLABGrad` at the present parameters: FindPLR from `trial` on.

    Doubles it while the parabola opens downwards, then halves it while the loss after the trial step is
    larger than before. closure() -> scalar Tensor. Parameters, gradients, running statistics and the
    random state are left as they were.
    Source: the QLABGrad paper, FindPLR.
    """
    from . import random
    from ._modes import frozen_statistics
    from .optim import SGD

    tensors = list(params)
    optimizer = SGD(tensors, lr=QLABGrad(trial))
    kept = [(t, t.detach().clone(), t.grad) for t in tensors]
    state = random.get_state()
    try:
        with frozen_statistics():
            optimizer.minimize(closure)
    finally:
        random.set_state(state)
        for tensor, value, grad in kept:
            tensor.assign(value)
            tensor.grad = grad
    return float(optimizer.state_dict()["rate.0.trial"])


class SBFSearch:
    """Soft binary search followed by a fine search, by signals "increase" and "decrease" alone.

    start: first value, 1.0. rho: memory of the signals' average, 0.8. gate: least agreement with that
    average before the opposite limit softens, 0.2. max_signals: end of the binary search, 100.
    final_signals: length of the fine search, 20.
    Source: the ALRS paper, section 4.
    """

    def __init__(
        self,
        start: float = 1.0,
        rho: float = 0.8,
        gate: float = 0.2,
        max_signals: int = 100,
        final_signals: int = 20,
    ) -> None:
        given = {
            "start": start,
            "rho": rho,
            "gate": gate,
            "max_signals": max_signals,
            "final_signals": final_signals,
        }
        self._core = _core.Search(
            **{key: check_number(value, f"SBFSearch: {key}") for key, value in given.items()}
        )

    def increase(self) -> None:
        """The value should grow."""
        self._core.signal(+1)

    def decrease(self) -> None:
        """The value should shrink."""
        self._core.signal(-1)

    @property
    def value(self) -> float:
        """The value to try next."""
        return self._core.get("value")

    @property
    def done(self) -> bool:
        """Whether both phases are over."""
        return bool(self._core.get("done"))

    @property
    def signals(self) -> int:
        """How many signals were given."""
        return int(self._core.get("signals"))
