"""Evaluations of the loss away from the parameters, which leave no trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from ..errors import DTypeError

RandomState = tuple[Tensor, "list[Tensor] | None"]


def random_state() -> RandomState:
    """Of torch's generators, the accelerators' too where they were used."""
    on_gpu = torch.cuda.is_available() and torch.cuda.is_initialized()
    return torch.get_rng_state(), torch.cuda.get_rng_state_all() if on_gpu else None


def set_random_state(state: RandomState) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state_all(state[1])


@contextmanager
def untouched_buffers() -> Iterator[None]:
    """Buffers of every module that runs in the block, running statistics among them, are put back."""
    kept: dict[int, tuple[Tensor, Tensor]] = {}

    def keep(module: torch.nn.Module, _: Any) -> None:
        for buffer in module.buffers(recurse=False):
            if id(buffer) not in kept:
                kept[id(buffer)] = buffer, buffer.detach().clone()

    handle = torch.nn.modules.module.register_module_forward_pre_hook(keep)
    try:
        yield
    finally:
        handle.remove()
        with torch.no_grad():
            for buffer, value in kept.values():
                buffer.copy_(value)


def checked(loss: Any, name: str) -> Tensor | float:
    """A scalar loss; DTypeError otherwise."""
    if isinstance(loss, Tensor):
        if loss.numel() == 1 and not loss.is_complex():
            return loss
        raise DTypeError(
            f"step: {name}: got a tensor of shape {tuple(loss.shape)} and {loss.dtype}; "
            "allowed: a real scalar tensor or a number"
        )
    if isinstance(loss, (int, float)) and not isinstance(loss, bool):
        return float(loss)
    raise DTypeError(f"step: {name}: got {type(loss).__name__}; allowed: a real scalar tensor or a number")


class Evaluation:
    """The loss of the step in progress, to be evaluated again.

    forward: loss_closure, forward only; closure: with its backward pass, as torch's optimizers take it.
    before: the random state that the step's own forward pass began with.
    """

    def __init__(
        self, forward: Callable[[], Any] | None, closure: Callable[[], Any] | None, before: RandomState
    ) -> None:
        self.forward, self.closure, self.before = forward, closure, before

    @contextmanager
    def _same_randomness(self) -> Iterator[None]:
        after = random_state()
        set_random_state(self.before)
        try:
            with untouched_buffers():
                yield
        finally:
            set_random_state(after)

    def loss(self) -> Tensor | float:
        """At the parameters as they are; their gradients stay."""
        with self._same_randomness():
            if self.forward is not None:
                with torch.no_grad():
                    return checked(self.forward(), "loss_closure")
            return checked(self._closed([])[0], "closure")

    def gradients(self, active: Sequence[Tensor]) -> tuple[Tensor | float, list[Tensor]]:
        """The loss and its gradients."""
        with self._same_randomness():
            if self.forward is None:
                return self._closed(active)
            with torch.enable_grad():
                loss = checked(self.forward(), "loss_closure")
                found = torch.autograd.grad(self._differentiable(loss), list(active), allow_unused=True)
        return loss, [torch.zeros_like(p) if g is None else g for p, g in zip(active, found, strict=True)]

    def _closed(self, active: Sequence[Tensor]) -> tuple[Any, list[Tensor]]:
        """closure() with gradients of its own, not those of the step."""
        assert self.closure is not None
        parameters = self.parameters
        kept = [p.grad for p in parameters]
        try:
            for p in parameters:
                p.grad = None
            with torch.enable_grad():
                loss = self.closure()
            found = [torch.zeros_like(p) if p.grad is None else p.grad for p in active]
        finally:
            for p, gradient in zip(parameters, kept, strict=True):
                p.grad = gradient
        return loss, found

    #: all parameters, whose gradients a closure would overwrite
    parameters: Sequence[Tensor] = ()
    #: of the adapter, for errors
    title = "the adapter"

    def curvature(self, active: Sequence[Tensor], directions: Sequence[Tensor]) -> Tensor:
        """d'Hd along the directions d."""
        if self.forward is None:
            raise DTypeError(
                f"step: loss_closure: not given; {self.title} needs second derivatives, which a closure that "
                "calls backward() has not; allowed: step(loss=loss, loss_closure=f)"
            )
        with self._same_randomness(), torch.enable_grad():
            loss = self._differentiable(checked(self.forward(), "loss_closure"))
            first = torch.autograd.grad(loss, list(active), create_graph=True, allow_unused=True)
            slope = sum((g * d).sum() for g, d in zip(first, directions, strict=True) if g is not None)
            if not isinstance(slope, Tensor) or not slope.requires_grad:
                return torch.zeros(())
            second = torch.autograd.grad(slope, list(active), allow_unused=True)
        terms = [(h.detach() * d).sum() for h, d in zip(second, directions, strict=True) if h is not None]
        return torch.stack(terms).sum() if terms else torch.zeros(())

    def _differentiable(self, loss: Tensor | float) -> Tensor:
        if isinstance(loss, Tensor) and loss.requires_grad:
            return loss
        raise DTypeError(
            "step: loss_closure: its loss depends on no parameter that requires a gradient; allowed: a "
            "function that evaluates the model, without torch.no_grad() of its own"
        )
