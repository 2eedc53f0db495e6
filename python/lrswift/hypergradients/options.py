"""How training runs are differentiated: the options that `hypergradient` and `learn_schedule` share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from ..checks import check_number, check_whole
from ..errors import ArgumentError
from ..optim.rules import run_rules
from ..records import Record
from .layers import SCOPES

OPTIMIZERS = tuple(run_rules())
MODES = ("auto", "forward", "reverse")
CURVATURES = ("hessian", "gauss_newton")


@dataclass(frozen=True, kw_only=True, repr=False)
class HypergradientOptions(Record):
    """How a training run is done and differentiated: what `hypergradient` and `learn_schedule` share.

    Both take the record as `options`, or its fields one by one; a field given beside it replaces its own.

    Args:
        optimizer: an update rule of `lrswift.optim` by the core's name: "sgd" with momentum and weight decay
            as PyTorch's, "nesterov" its Nesterov form, and, which `learn_schedule` does not take, "ema",
            "adam", "adamw", "rmsprop", "adagrad", "adadelta". Adam's averages are corrected by the betas of
            the step; arguments of no family keep their defaults. Default "sgd".
        mode: "forward" carries a tangent of parameters and state per value, in memory that does not
            depend on the number of steps; "reverse" goes back over the run, at a cost that does not depend
            on the number of values. Both are exact. "auto": the one that is predicted to cost less;
            `clip_hvp` wants "forward". Default "auto".
        memory: bytes that the snapshots of reverse mode may take, of parameters and state each; what lies
            between them is computed a second time, or more often, which changes no bit. None: a quarter of
            the memory that is free, at most 1 GiB. Default None.
        horizon: every so many steps, and at the end, the gradient of the validation loss at that point is
            added and the tangents are dropped; 1 is greedy. Where it does not divide the steps the last one
            is shorter. None: once, at the end. Default None.
        clip_gradient: bound of each element of the gradient, above 0, trained with and differentiated:
            elements beyond it have derivative 0, as those of PyTorch's clamp. None: no bound. Default None.
        clip_hvp: bound of each element of the Hessian products, above 0, in forward mode alone; the
            result is then inexact. None: no bound. Default None.
        per: "layer" gives every module that holds parameters learning rates of its own, "tensor" every
            parameter; "all": one for all. Default "all".
        curvature: the matrix that carries tangents. "hessian" is exact; "gauss_newton" is J' H J, J of the
            model's outputs and H of the loss in them, plus what the loss makes of parameters directly. It
            leaves out the network's own second derivatives and has no negative directions where the loss
            is convex in the outputs; the result is exact only for models that are linear in their
            parameters. Default "hessian".
        tile: how many Hessian products forward mode takes at once, from 1 to 256; in torch by vmap, 1 without
            it. Default 8.

    Raises:
        ArgumentError: a value is out of bounds.
        ArgumentTypeError: a bound is no number.
    """

    optimizer: str = "sgd"
    mode: str = "auto"
    memory: int | None = None
    horizon: int | None = None
    clip_gradient: float | None = None
    clip_hvp: float | None = None
    per: str = "all"
    curvature: str = "hessian"
    tile: int = 8

    def __post_init__(self) -> None:
        choices = {"optimizer": OPTIMIZERS, "mode": MODES, "per": SCOPES, "curvature": CURVATURES}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ArgumentError(f"{name}: got {getattr(self, name)!r}; allowed: {', '.join(allowed)}")
        for name in ("clip_gradient", "clip_hvp"):
            value = getattr(self, name)
            if value is not None and check_number(value, name, infinite=True) <= 0:
                raise ArgumentError(f"{name}: got {value!r}; allowed: None, or a number above 0")
        if self.memory is not None:
            check_whole(self.memory, "memory", 1)
        if self.clip_hvp is not None and self.mode == "reverse":
            raise ArgumentError(
                f"clip_hvp: got {self.clip_hvp!r} in reverse mode; allowed: None, as it bounds the Hessian "
                "products of forward mode, of which reverse mode has none"
            )
        if self.horizon is not None:
            check_whole(self.horizon, "horizon", 1)
        check_whole(self.tile, "tile", 1, 256)


class HypergradientFields(TypedDict, total=False):
    """The fields of the record, for type checkers and editors."""

    optimizer: str
    mode: str
    memory: int | None
    horizon: int | None
    clip_gradient: float | None
    clip_hvp: float | None
    per: str
    curvature: str
    tile: int
