"""`find_lr` for torch models, with the model, its gradients and all random states left as they were."""

from __future__ import annotations

import copy
import hashlib
import itertools
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Unpack

import numpy as np
import torch
from torch import Tensor

from .._core import ALRS
from ..checks import check_number, type_of
from ..errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from ..loop.recorder import takes_model
from ..rates.codes import Scope
from ..records import takes
from ..search.find import FoundRate, attributes_of, checked_rule, concluded
from ..search.sbf_search import SBFSearch
from ..search.searches import DrivenSearch, ParameterSearch, driven
from ..search.signs import USUAL, SignFields, SignOptions
from ..search.untouched import warn_touched
from ._active import ActiveFinder, parameters
from ._criteria import check_loss, is_of_lrswift
from ._direction import Directions, check_base
from ._probing import random_state, set_random_state
from ._sources import Sources
from ._traces import Buffers


@takes(
    "model loss data optimizer batch_size start fraction search max_epochs seed rule reading window "
    "threshold restart count_first_zero",
    signs=SignOptions,
)
def find_lr(
    model: torch.nn.Module,
    loss: Callable[..., Tensor],
    data: Any,
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
    batch_size: int = 64,
    start: float = 1.0,
    fraction: float = 0.1,
    search: ParameterSearch | None = None,
    max_epochs: int = 5,
    seed: int = 0,
    rule: str | None = None,
    *,
    signs: SignOptions = USUAL,
    **_: Unpack[SignFields],
) -> FoundRate:
    """Finds a learning rate for a torch optimizer on a model, and leaves both as they were.

    It is `lrswift.find_lr` for models of torch; what it says of the paper's printed loop, and of the options
    that give that back, is true of this one.

    Args:
        model: its parameters, buffers, gradients and modes are put back bit for bit, like random states.
        loss: a function of (model(x), y), or of (model, *batch), that returns a scalar.
        data: (x, y) tensors or as many as the loss takes, a dict of tensors, or an iterable of such batches
            that can start anew, a DataLoader for one. Batches that are dicts, or anything but a tuple or
            list, are given whole: loss(model, batch).
        optimizer: a callable (params, lr=) that makes the optimizer. Default torch.optim.Adam.
        batch_size: rows of a batch, where data are tensors; a smaller last one is left out. Default 64.
        start: the first rate tried, above 0. Default 1.0.
        fraction: what of the value found is the rate to train with. Default 0.1.
        search: what signs drive: an `adapt.SBFSearch`, or any object with increase(), decrease(), done and
            value. None: an SBFSearch that begins at `start`. Default None.
        max_epochs: with "signs", at most so many passes over the data. Default 5.
        seed: of the order of batches and of random numbers. Default 0.
        rule: "trials", short training runs, which keep 32 batches in memory; or "signs". None: "signs" where
            `search` is given, else "trials". Default None.
        signs: a `SignOptions`, whose fields may be given one by one instead; for "signs" alone. None: its
            defaults.

    Returns:
        A `FoundRate`; its `lr` is the rate to train with. Its receipt holds sha256 digests before and after,
        of parameters, gradients, buffers, modes, random states (torch's on the CPU and CUDA devices, NumPy's,
        Python's) and "loader": generators, numbers, containers and small arrays in the attributes of the
        loader, its samplers and its data set. "not_covered" says in words what is not looked at.

    Raises:
        ArgumentError: a value is out of bounds, data are an iterator, or the model has no parameters that
            require a gradient.
        ArgumentTypeError: `start` or `fraction` is no number, or an argument is of a wrong type.
        DTypeError: data are no batches, or the optimizer is none of torch.
        ShapeError: tensors are of different lengths, or the loss is no scalar.

    Warns:
        UserWarning: the result is not reliable, every signal said decrease, the search did not settle in
            `max_epochs`, or something is not as it was.

    Source:
        "signs": the ALRS paper, with displacements of single steps ("reading B"). "trials": docs/find-lr.md.
    """
    check_number(fraction, "fraction")
    trained = checked_problem(model, loss, data, optimizer)
    kind = checked_rule(rule, search)
    signs.check(kind)
    chosen = driven(search if search is not None else SBFSearch(check_number(start, "start")))
    base = optimizer(trained, lr=1.0)
    check_base(base)
    with untouched(model, data) as receipt:
        torch.manual_seed(seed)
        hunt = _Hunt(model, loss, base, chosen, attributes_of(kind, _steps(data, batch_size), signs=signs))
        train_mode(model)
        if kind == "trials":
            hunt.trials(lambda: batches_of(data, batch_size))
        else:
            for _epoch in range(max_epochs):
                hunt.epoch(batches_of(data, batch_size))
                if chosen.done:
                    break
        if not hunt.values:
            raise ArgumentError("data: gave no batch; allowed: at least one")
    warn_touched(receipt)
    gradients, values = [np.array(hunt.gradients)], [np.array(hunt.values)]
    return concluded(chosen, kind, fraction, max_epochs, gradients, values, receipt)


def checked_problem(model: Any, loss: Any, data: Any, optimizer: Any) -> list[torch.nn.Parameter]:
    """What is trained of the model; raises what `find_lr` says of arguments of another kind."""
    _check_kinds(model, loss, optimizer)
    if isinstance(data, Iterator):
        raise ArgumentError("data: got an iterator, which cannot start anew; allowed: (x, y) or a DataLoader")
    if not isinstance(data, Iterable):
        raise DTypeError(
            f"data: got {type_of(data)}; allowed: (x, y), a dict of tensors, or an iterable of batches"
        )
    if isinstance(data, tuple) and any(isinstance(part, np.ndarray) for part in data):
        raise DTypeError("data: got arrays of NumPy; allowed: tensors, such as torch.from_numpy(x)")
    if any(map(torch.nn.parameter.is_lazy, model.parameters())):
        raise ArgumentError("model: has parameters without a shape; allowed: a model that has seen a batch")
    trained = [p for p in model.parameters() if p.requires_grad]
    if not trained:
        raise ArgumentError("model: has no parameters that require a gradient")
    return trained


def _check_kinds(model: Any, loss: Any, optimizer: Any) -> None:
    if not isinstance(model, torch.nn.Module):
        raise ArgumentTypeError(
            f"model: got {type_of(model)}; allowed: a torch.nn.Module (lrswift.find_lr takes others)"
        )
    if is_of_lrswift(loss):
        raise ArgumentTypeError(
            "loss: got one of lrswift, which takes its own tensors; allowed: one of torch, such as "
            "torch.nn.functional.cross_entropy"
        )
    if not callable(optimizer) or isinstance(optimizer, torch.optim.Optimizer):
        raise ArgumentTypeError(
            f"optimizer: got {type_of(optimizer)}; allowed: a callable (params, lr=), such as "
            "torch.optim.Adam"
        )


def train_mode(model: torch.nn.Module) -> None:
    """Train mode, but for modules that are in eval mode inside a model in train mode: frozen on purpose."""
    modes = [(m, m.training) for m in model.modules()]
    model.train()
    if modes[0][1]:
        for module, mode in modes:
            module.training = mode


def _is_whole(data: Any) -> bool:
    """Tensors, to be cut into batches here."""
    if isinstance(data, Mapping):
        return all(isinstance(value, Tensor) for value in data.values())
    if isinstance(data, list):
        return len(data) == 2 and isinstance(data[0], Tensor)
    return isinstance(data, tuple) and len(data) > 0 and all(isinstance(value, Tensor) for value in data)


def _parts(data: Any) -> list[Tensor]:
    parts = list(data.values() if isinstance(data, Mapping) else data)
    if any(len(part) != len(parts[0]) for part in parts):
        raise ShapeError(f"data: tensors of {[len(part) for part in parts]} rows; allowed: as many in each")
    return parts


def _steps(data: Any, size: int) -> int:
    """Batches of an epoch; 0 where that is not known."""
    # a smaller last batch would only add noise
    if _is_whole(data):
        return max(1, len(_parts(data)[0]) // size)
    try:
        return len(data)
    except TypeError:  # a loader of a stream has the method, but no length
        return 0


def _rows(batch: Any) -> int | None:
    """Of the first tensor in a batch."""
    parts = batch.values() if isinstance(batch, Mapping) else batch
    parts = parts if isinstance(parts, (tuple, list)) or isinstance(batch, Mapping) else [parts]
    return next((len(part) for part in parts if isinstance(part, Tensor) and part.ndim > 0), None)


def batches_of(data: Any, size: int) -> Any:
    """A pass over the data, in a new order where they are tensors."""
    if not _is_whole(data):
        return data
    order = torch.randperm(len(_parts(data)[0]))
    cuts = [order[k * size : (k + 1) * size] for k in range(_steps(data, size))]
    if isinstance(data, Mapping):
        return [{name: value[i] for name, value in data.items()} for i in cuts]
    return [tuple(value[i] for value in data) for i in cuts]


def loss_of(model: torch.nn.Module, loss: Callable[..., Any], batch: Any) -> Tensor:
    """The loss of a batch, checked to be a scalar that depends on parameters."""
    check_loss(loss)
    if not isinstance(batch, (tuple, list)):
        try:
            value = loss(model, batch)
        except (TypeError, AttributeError, KeyError, IndexError) as error:
            named = f" of {', '.join(map(repr, batch))}" if isinstance(batch, Mapping) else ""
            raise ArgumentError(
                f"data: a batch is a {type(batch).__name__}{named}, so the loss is called as "
                f"loss(model, batch), which raised {type(error).__name__}: {error}; allowed: a loss of these "
                "two, or batches (x, y) for loss(model(x), y)"
            ) from error
    elif takes_model(loss, len(batch)):
        value = loss(model, *batch)
    else:
        value = loss(model(batch[0]), batch[1])
    if not isinstance(value, Tensor) or not value.requires_grad:
        given = "a Tensor without a gradient" if isinstance(value, Tensor) else type(value).__name__
        raise DTypeError(f"loss: returned {given}; allowed: a scalar Tensor that depends on the parameters")
    if value.numel() != 1:
        raise ShapeError(f"loss: returned a Tensor of shape {tuple(value.shape)}; allowed: a scalar")
    return value.reshape(())


class _Hunt:
    """Derivatives with respect to the rate at displaced parameters, fed to ALRS with the search."""

    def __init__(
        self,
        model: torch.nn.Module,
        loss: Callable[..., Tensor],
        base: torch.optim.Optimizer,
        search: SBFSearch | DrivenSearch,
        attributes: dict[str, Any],
    ) -> None:
        self.model, self.loss, self.search = model, loss, search
        self.alrs = ALRS(search._core, attributes)
        self.accumulates = attributes["rule"] == "trials" or bool(attributes["accumulate"])
        self.base, self.directions, self.finder = base, Directions(base), ActiveFinder(base, Scope.ALL)
        # in the order of the base's groups
        self.parameters = parameters(base)
        self.origins = [p.detach().clone() for p in self.parameters]
        self.displacement: list[Tensor] | None = None
        self.restart, self.restarted_at = float(attributes.get("restart", math.inf)), search.value
        self.gradients: list[float] = []
        self.values: list[float] = []

    def epoch(self, batches: Iterable[Any]) -> None:
        for batch in batches:
            self._observe(batch)
            if self.search.done:
                return

    def trials(self, epoch: Callable[[], Iterable[Any]]) -> None:
        """Runs over the same batches, kept for it, with the same random numbers; none of an empty epoch."""
        search, state = self.search._core, random_state()
        length, kept = int(search.get("length")), list[Any]()
        while len(kept) < length:
            before = len(kept)
            kept += itertools.islice(epoch(), length - before)
            if len(kept) == before:
                return
        self.alrs = ALRS(search, attributes_of("trials", None, _rows(kept[0])))
        while not self.search.done:
            position = int(search.get("position"))
            if position == 0:
                set_random_state(state)
            self._observe(kept[position])

    def _observe(self, batch: Any) -> None:
        displacement = self.displacement
        if displacement is not None:
            with torch.no_grad():
                torch._foreach_add_(self.parameters, displacement)
        loss = loss_of(self.model, self.loss, batch)
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
            assert active is not None
            formed = self.directions.form(active, active.sums(), keeps=False)
            if not self.values:
                self._see(active.gradients, formed.directions)
            steps = list(torch._foreach_mul(formed.directions, -self.search.value))
            if self.accumulates and displacement is not None:
                torch._foreach_add_(steps, displacement)
            self.displacement = steps
            terms += [torch.linalg.vector_norm(a).double() for a in self.displacement]
            numbers = torch.stack([term.to(terms[0].device) for term in terms]).tolist()
        self.values.append(self.search.value)
        derivative = 0.0 if displacement is None else numbers[1]
        finite = bool(np.isfinite(numbers).all())
        counted, _, starts_anew = self.alrs.observe(derivative if finite else math.inf, numbers[0])
        self.gradients.append(counted)
        self.search.follow()
        if starts_anew or self._restarts():
            self._forget()

    def _restarts(self) -> bool:
        """Whether a search that says its value after the signal has moved it so far that all begins anew."""
        if not isinstance(self.search, DrivenSearch) or self.search.done:
            return False
        moved = self.search.value / self.restarted_at
        if 1 / self.restart < moved < self.restart:
            return False
        self.restarted_at = self.search.value
        # the core finds the same before it looks at the number
        return self.alrs.observe(0.0)[2]

    def _see(self, gradients: Sequence[Tensor], directions: Sequence[Tensor]) -> None:
        """Tells the search what the first direction is like beside its gradient."""
        sums = [
            torch.stack([(a * b).sum().double().cpu() for a, b in zip(left, right, strict=True)]).sum()
            for left, right in ((gradients, gradients), (gradients, directions), (directions, directions))
        ]
        gradient2, slope, direction2 = map(float, sums)
        self.alrs.see(gradient2, slope, direction2, float(sum(d.numel() for d in directions)))

    def _forget(self) -> None:
        self.displacement = None
        self.base.state.clear()
        self.directions = Directions(self.base)


@contextmanager
def untouched(model: torch.nn.Module, data: Any) -> Iterator[dict[str, Any]]:
    """Puts parameters, gradients, buffers, modes, random states and the loader back.

    The receipt is filled in then.
    """
    sources, buffers = Sources(data, model.modules()), Buffers()
    before = _digests(model, sources)
    buffers.keep(model)
    values = [(p, p.detach().clone()) for p in model.parameters()]
    gradients = [(p, p.grad) for p in model.parameters()]
    modes = [(m, m.training) for m in model.modules()]
    states = random_state(), np.random.get_state(), random.getstate()
    receipt: dict[str, Any] = {}
    try:
        yield receipt
    finally:
        for module, mode in modes:
            module.training = mode
            buffers.compare(module)
        buffers.restore()
        with torch.no_grad():
            for tensor, value in values:
                tensor.copy_(value)
        for p, gradient in gradients:
            p.grad = gradient
        sources.restore()
        set_random_state(states[0])
        np.random.set_state(states[1])
        random.setstate(states[2])
    after = _digests(model, sources)
    receipt.update(before=before, after=after, untouched=before == after, not_covered=sources.not_covered)


def _digests(model: torch.nn.Module, sources: Sources) -> dict[str, str]:
    """sha256 of what training depends on."""
    cpu, cuda = random_state()
    return {
        "parameters": _digest(model.parameters()),
        "gradients": _digest(p.grad for p in model.parameters()),
        "buffers": _digest(model.buffers()),
        "modes": _bytes(repr([m.training for m in model.modules()]).encode()),
        "random": _digest([cpu, *(cuda or [])]),
        "numpy_random": _bytes(repr(copy.deepcopy(np.random.get_state())).encode()),
        "python_random": _bytes(repr(random.getstate()).encode()),
        "loader": sources.digest(),
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
