"""Evaluations of the loss away from the parameters, which leave no trace."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..errors import DTypeError, warn
from ._traces import Gradients, traceless

RandomState = tuple[Tensor, "list[Tensor] | None"]


def random_state() -> RandomState:
    """Of torch's generators, the accelerators' too where they were used."""
    on_gpu = torch.cuda.is_available() and torch.cuda.is_initialized()
    return torch.get_rng_state(), torch.cuda.get_rng_state_all() if on_gpu else None


def set_random_state(state: RandomState) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state_all(state[1])


def same_state(a: RandomState, b: RandomState) -> bool:
    if (a[1] is None) != (b[1] is None) or not torch.equal(a[0], b[0]):
        return False
    pairs = zip(a[1] or [], b[1] or [], strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


class Starts:
    """Random states that the forward pass of the coming step may begin with.

    It is that of `zero_grad`, right before it, or that of the end of the step before, where `zero_grad`
    stands elsewhere or is the model's.
    """

    def __init__(self) -> None:
        self.cleared: RandomState | None = None
        self.ended = random_state()
        self._ended_first = self._told = False

    def states(self) -> list[RandomState]:
        """The likeliest first."""
        if self.cleared is None or same_state(self.cleared, self.ended):
            return [self.ended]
        both = [self.cleared, self.ended]
        if self._told:  # that the loop is not to be known
            return both[:1]
        return both[::-1] if self._ended_first else both

    def end(self, evaluation: Evaluation | None) -> None:
        """After a step. Learns which state it was; warns once where it was neither."""
        if evaluation is not None and evaluation.start is None and not self._told:
            self._told = True
            warn(
                "step: loss_closure did not draw the random numbers of the step itself, so trial points have "
                "other dropout masks; call optimizer.zero_grad() right before the forward pass, and draw no "
                "random numbers between that pass and step(), or use step(closure)"
            )
        elif evaluation is not None and evaluation.start == 1:
            self._ended_first = not self._ended_first
        self.cleared, self.ended = None, random_state()


def checked(loss: Any, name: str) -> Tensor | float:
    """A scalar loss; DTypeError otherwise."""
    if isinstance(loss, Tensor):
        if loss.numel() == 1 and not loss.is_complex():
            return loss
        raise DTypeError(
            f"step: {name}: got a tensor of shape {tuple(loss.shape)} and {loss.dtype}; "
            "allowed: a real scalar tensor or a number"
        )
    if isinstance(loss, numbers.Real) and not isinstance(loss, bool):
        return float(loss)
    several = isinstance(loss, (tuple, list, Mapping))
    where = f"{name}: " if name == "loss" else f"{name}: must return its loss alone, "
    what = f"{type(loss).__name__} of {len(loss)}" if several else type(loss).__name__
    raise DTypeError(f"step: {where}got {what}; allowed: a real scalar tensor or a number")


class Evaluation:
    """The loss of the step in progress, to be evaluated again.

    forward: loss_closure, forward only; closure: with its backward pass, as torch's optimizers take it.
    starts: random states that the step's own forward pass may have begun with, the likeliest first.
    reached: tensors whose gradients a closure adds to, as far as they are known. title: of the adapter.

    `start`: which of them it was: from it, the evaluation draws what the step has drawn, so that it ends at
    the random state of now; None where no one is. What draws nothing may begin anywhere.
    """

    def __init__(
        self,
        forward: Callable[[], Any] | None,
        closure: Callable[[], Any] | None,
        starts: Sequence[RandomState],
        reached: Sequence[Tensor],
        title: str,
    ) -> None:
        self.forward, self.closure, self.starts = forward, closure, starts
        self.reached, self.title = reached, title
        self.start: int | None = 0
        self._known = closure is not None

    def _evaluate(self, evaluate: Callable[[Gradients], Any]) -> Any:
        """evaluate() as the step's own evaluation was: at its random state, leaving no trace."""
        now = random_state()
        first = None
        for i in [self.start or 0] if self._known else range(len(self.starts)):
            gradients = Gradients()
            set_random_state(self.starts[i])
            try:
                with traceless(gradients if self.forward is None else None):
                    value = evaluate(gradients)
                end = random_state()
            finally:
                set_random_state(now)
            first = value if i == 0 else first
            if self._known or same_state(end, now) or same_state(end, self.starts[i]):
                self.start = i if not self._known else self.start
                self._known = True
                return value
        self.start, self._known = None, True
        return first

    def loss(self) -> Tensor | float:
        """At the parameters as they are; their gradients stay."""

        def evaluate(gradients: Gradients) -> Tensor | float:
            if self.forward is None:
                return checked(self._closed(gradients, [])[0], "closure")
            with torch.no_grad():
                return checked(self.forward(), "loss_closure")

        return self._evaluate(evaluate)

    def gradients(self, active: Sequence[Tensor]) -> tuple[Tensor | float, list[Tensor]]:
        """The loss and its gradients."""

        def evaluate(gradients: Gradients) -> tuple[Tensor | float, list[Tensor]]:
            if self.forward is None:
                return self._closed(gradients, active)
            with torch.enable_grad():
                loss = checked(self.forward(), "loss_closure")
                found = torch.autograd.grad(self._differentiable(loss), list(active), allow_unused=True)
            return loss, [torch.zeros_like(p) if g is None else g for p, g in zip(active, found, strict=True)]

        return self._evaluate(evaluate)

    def _closed(self, gradients: Gradients, active: Sequence[Tensor]) -> tuple[Any, list[Tensor]]:
        """closure() with gradients of its own, not those of the step."""
        assert self.closure is not None
        gradients.put_aside(self.reached)
        with torch.enable_grad():
            loss = self.closure()
        return loss, [torch.zeros_like(p) if p.grad is None else gradients.own(p.grad) for p in active]

    def curvature(self, active: Sequence[Tensor], directions: Sequence[Tensor]) -> Tensor:
        """d'Hd along the directions d."""
        if self.forward is None:
            raise DTypeError(
                f"step: loss_closure: not given; {self.title} needs second derivatives, which a closure that "
                "calls backward() has not; allowed: step(loss=loss, loss_closure=f)"
            )
        forward = self.forward

        @torch.enable_grad()
        def evaluate(_: Gradients) -> Tensor:
            loss = self._differentiable(checked(forward(), "loss_closure"))
            first = torch.autograd.grad(loss, list(active), create_graph=True, allow_unused=True)
            slope = sum((g * d).sum() for g, d in zip(first, directions, strict=True) if g is not None)
            if not isinstance(slope, Tensor) or not slope.requires_grad:
                return torch.zeros(())
            second = torch.autograd.grad(slope, list(active), allow_unused=True)
            terms = [(h.detach() * d).sum() for h, d in zip(second, directions, strict=True) if h is not None]
            return torch.stack(terms).sum() if terms else torch.zeros(())

        return self._evaluate(evaluate)

    def _differentiable(self, loss: Tensor | float) -> Tensor:
        if isinstance(loss, Tensor) and loss.requires_grad:
            return loss
        raise DTypeError(
            "step: loss_closure: its loss depends on no parameter that requires a gradient; allowed: a "
            "function that evaluates the model, without torch.no_grad() of its own"
        )
