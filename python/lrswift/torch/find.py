"""`find_lr` for torch models: ALRS, with the model, its gradients and all random states left as they were."""

from __future__ import annotations

import copy
import hashlib
import math
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._core import ALRS
from ..checks import check_number
from ..errors import ArgumentError, DTypeError
from ..rates.codes import Scope
from ..search.find import FoundRate, signals_of
from ..search.sbf_search import SBFSearch
from ._active import Finder, parameters
from ._direction import Directions, check_base
from ._probing import random_state, set_random_state


def find_lr(
    model: torch.nn.Module,
    loss: Callable[..., Tensor],
    data: Any,
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
    batch_size: int = 64,
    start: float = 1.0,
    fraction: float = 0.1,
    search: SBFSearch | None = None,
    max_epochs: int = 5,
    seed: int = 0,
) -> FoundRate:
    """Finds a learning rate for `optimizer` on `model` and leaves both as they were; see `lrswift.find_lr`.

    loss: a function of (model(x), y). data: (x, y) tensors, or an iterable of such batches, a DataLoader for
    one. optimizer: a callable (params, lr=). The receipt holds sha256 digests before and after.
    Source: the ALRS paper, with displacements of single steps ("reading B").
    """
    check_number(fraction, "fraction")
    if isinstance(data, Iterator):
        raise ArgumentError("data: got an iterator, which cannot start anew; allowed: (x, y) or a DataLoader")
    trained = [p for p in model.parameters() if p.requires_grad]
    if not trained:
        raise ArgumentError("model: has no parameters that require a gradient")
    chosen = search if search is not None else SBFSearch(check_number(start, "start"))
    base = optimizer(trained, lr=1.0)
    check_base(base)
    with _untouched(model) as receipt:
        torch.manual_seed(seed)
        # an epoch of unknown length gets the window of a short one
        hunt = _Hunt(model, loss, base, chosen, window=max(1, _steps(data, batch_size) // 50))
        _train(model)
        for _ in range(max_epochs):
            hunt.epoch(_batches(data, batch_size))
            if chosen.done:
                break
    return FoundRate(
        lr=fraction * chosen.value,
        value=chosen.value,
        done=chosen.done,
        steps=len(hunt.values),
        signals=signals_of(np.array(hunt.values), chosen.value),
        gradients=np.array(hunt.gradients),
        values=np.array(hunt.values),
        receipt=receipt,
    )


def _train(model: torch.nn.Module) -> None:
    """Train mode, but for modules that are in eval mode inside a model in train mode: frozen on purpose."""
    modes = [(m, m.training) for m in model.modules()]
    model.train()
    if modes[0][1]:
        for module, mode in modes:
            module.training = mode


def _is_whole(data: Any) -> bool:
    """(x, y), to be cut into batches here."""
    return isinstance(data, (tuple, list)) and len(data) == 2 and isinstance(data[0], Tensor)


def _steps(data: Any, size: int) -> int:
    """Batches of an epoch; 0 where that is not known."""
    # a smaller last batch would only add noise
    return max(1, len(data[0]) // size) if _is_whole(data) else len(data) if hasattr(data, "__len__") else 0


def _batches(data: Any, size: int) -> Any:
    if not _is_whole(data):
        if not isinstance(data, Iterable):
            raise DTypeError(f"data: got {type(data).__name__}; allowed: (x, y) or an iterable of batches")
        return data
    x, y = data
    order = torch.randperm(len(x))
    parts = (order[k * size : (k + 1) * size] for k in range(_steps(data, size)))
    return [(x[i], y[i]) for i in parts]


class _Hunt:
    """Gradients by the rate at displaced parameters, fed to ALRS with the search."""

    def __init__(
        self,
        model: torch.nn.Module,
        loss: Callable[..., Tensor],
        base: torch.optim.Optimizer,
        search: SBFSearch,
        window: int,
    ) -> None:
        self.model, self.loss, self.search = model, loss, search
        self.alrs = ALRS(search._core, {"window": window})
        self.base, self.directions, self.finder = base, Directions(base), Finder(base, Scope.ALL)
        # in the order of the base's groups
        self.parameters = parameters(base)
        self.origins = [p.detach().clone() for p in self.parameters]
        self.displacement: list[Tensor] | None = None
        self.gradients: list[float] = []
        self.values: list[float] = []

    def epoch(self, batches: Iterable[Any]) -> None:
        for x, y in batches:
            self._observe(x, y)
            if self.search.done:
                return

    def _observe(self, x: Tensor, y: Tensor) -> None:
        displacement = self.displacement
        if displacement is not None:
            with torch.no_grad():
                torch._foreach_add_(self.parameters, displacement)
        loss = self.loss(self.model(x), y)
        found = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        with torch.no_grad():
            torch._foreach_copy_(self.parameters, self.origins)
            pairs_found = zip(self.parameters, found, strict=True)
            gradients = [torch.zeros_like(p) if g is None else g for p, g in pairs_found]
            for p, g in zip(self.parameters, gradients, strict=True):
                p.grad = g
            terms = [loss.detach().double()]
            if displacement is not None:
                pairs = zip(gradients, displacement, strict=True)
                terms.append(sum((torch.sum(g * a) for g, a in pairs), torch.zeros(())).double())
            active = self.finder.find()
            formed = self.directions.form(active, active.sums(), keeps=False)
            self.displacement = list(torch._foreach_mul(formed.directions, -self.search.value))
            terms += [torch.linalg.vector_norm(a).double() for a in self.displacement]
            numbers = torch.stack([term.to(terms[0].device) for term in terms]).tolist()
        self.values.append(self.search.value)
        derivative = 0.0 if displacement is None else numbers[1]
        finite = bool(np.isfinite(numbers).all())
        counted, _, starts_anew = self.alrs.observe(derivative if finite else math.inf)
        self.gradients.append(counted)
        if starts_anew:
            self._forget()

    def _forget(self) -> None:
        self.displacement = None
        self.base.state.clear()
        self.directions = Directions(self.base)


@contextmanager
def _untouched(model: torch.nn.Module) -> Iterator[dict[str, Any]]:
    """Puts parameters, gradients, buffers, modes and random states back; the receipt is filled in then."""
    before = _digests(model)
    values = [(t, t.detach().clone()) for t in [*model.parameters(), *model.buffers()]]
    gradients = [(p, p.grad) for p in model.parameters()]
    modes = [(m, m.training) for m in model.modules()]
    states = random_state(), np.random.get_state(), random.getstate()
    receipt: dict[str, Any] = {}
    try:
        yield receipt
    finally:
        with torch.no_grad():
            for tensor, value in values:
                tensor.copy_(value)
        for p, gradient in gradients:
            p.grad = gradient
        for module, mode in modes:
            module.training = mode
        set_random_state(states[0])
        np.random.set_state(states[1])
        random.setstate(states[2])
    after = _digests(model)
    receipt.update(before=before, after=after, untouched=before == after)


def _digests(model: torch.nn.Module) -> dict[str, str]:
    """sha256 of what training depends on."""
    return {
        "parameters": _digest(model.parameters()),
        "gradients": _digest(p.grad for p in model.parameters()),
        "buffers": _digest(model.buffers()),
        "modes": _bytes(repr([m.training for m in model.modules()]).encode()),
        "random": _bytes(torch.get_rng_state().numpy().tobytes()),
        "numpy_random": _bytes(repr(copy.deepcopy(np.random.get_state())).encode()),
        "python_random": _bytes(repr(random.getstate()).encode()),
    }


def _digest(tensors: Iterable[Tensor | None]) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        if tensor is None:
            digest.update(b"none")
            continue
        digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
        whole = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(whole.view(torch.uint8).numpy().tobytes() if whole.numel() else b"")
    return digest.hexdigest()


def _bytes(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
