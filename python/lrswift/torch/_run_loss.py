"""The loss of a run as a function of one vector of parameters, by a copy of a module."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..checks import type_of
from ..errors import ArgumentError, ArgumentTypeError, DTypeError, Error, RecordingError, ShapeError
from ..hypergradients.scalars import never_read
from ..loop.recorder import takes_model
from ._criteria import check_loss, is_of_lrswift, is_of_torch
from ._probing import random_state, same_state, set_random_state
from ._run_batches import Batch


class _Whole(nn.Module):
    """A module and its loss, called with a batch."""

    def __init__(self, model: nn.Module, loss: Any) -> None:
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, *batch: Tensor, **scalars: Tensor) -> Any:
        """The loss. scalars: what it reads, by name."""
        if is_of_torch(self.loss) and not scalars:
            if len(batch) == 1:
                raise ArgumentTypeError(
                    "loss: a loss of torch needs a target, and batches have one array; allowed: batches "
                    "(x, y), or a function loss(model, x)"
                )
            return self.loss(self.model(*batch[:-1]), batch[-1])
        if takes_model(self.loss, len(batch)):
            return self.loss(self.model, *batch, **scalars)
        return self.loss(self.model(batch[0]), batch[1], **scalars)


class FlatLoss:
    """loss(theta, batch), theta [D] the parameters to train, one after the other.

    The copy is in training mode. Batch-norm uses batch statistics and keeps none; dropout is off.
    """

    def __init__(self, module: Any, loss: Any, dtype: torch.dtype) -> None:
        _check(module, loss)
        held = {n: t for n, t in module.state_dict(keep_vars=True).items() if isinstance(t, Tensor)}
        trained = {id(p): name for name, p in module.named_parameters() if p.requires_grad}
        # a shared parameter goes by its first name
        self._owners = {name: trained[id(t)] for name, t in held.items() if id(t) in trained}
        self._others = {n: _cast(t.detach().clone(), dtype) for n, t in held.items() if n not in self._owners}
        self._order = list(held)
        try:
            model = copy.deepcopy(module)
            criterion = copy.deepcopy(loss) if isinstance(loss, nn.Module) else loss
        except Exception as error:
            raise ArgumentError(
                f"module: cannot be copied: {error}; allowed: a module that copy.deepcopy takes"
            ) from error
        learned = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        self.device, self.dtype = learned[0][1].device, dtype
        self.whole = _Whole(model, criterion).to(dtype).train().requires_grad_(False)
        _put_to_rest(model)
        self.names = [f"model.{name}" for name, _ in learned]
        self.shapes = [p.shape for _, p in learned]
        self.sizes = [p.numel() for _, p in learned]
        self.start = torch.cat([p.detach().to(dtype).reshape(-1) for _, p in learned])
        self.has_recurrence = any(isinstance(part, nn.RNNBase) for part in model.modules())
        self._seen = False

    def __call__(self, theta: Tensor, batch: Batch, scalars: Mapping[str, Tensor] | None = None) -> Tensor:
        """A scalar. scalars: what the loss reads, by name; else it has its own defaults."""
        found = functional_call(self.whole, self._parts(theta), batch, dict(scalars or {}))
        if not isinstance(found, Tensor):
            raise ArgumentTypeError(f"loss: returned {type(found).__name__}; allowed: a scalar torch.Tensor")
        if found.numel() != 1:
            raise ShapeError(f"loss: returned a tensor of shape {tuple(found.shape)}; allowed: a scalar")
        if found.is_complex() or not found.is_floating_point():
            raise DTypeError(f"loss: returned {found.dtype}; allowed: a real, floating scalar")
        return found.reshape(())

    def parameters(self, theta: Tensor) -> dict[str, Tensor]:
        """All that `state_dict` holds, by name, with these parameters; the rest is as it was."""
        parts = {name.removeprefix("model."): part for name, part in self._parts(theta).items()}
        owners, others = self._owners, self._others
        return {n: parts[owners[n]].clone() if n in owners else others[n].clone() for n in self._order}

    def check(self, batch: Batch, scalars: Mapping[str, Tensor]) -> None:
        """One evaluation, to see that the next one would be the same. ArgumentError where it is not.

        Also where one of `scalars` is never read.
        """
        if self._seen:
            return
        state = random_state()
        held = {name: (t, t.clone()) for name, t in self.whole.named_buffers()}
        try:
            with torch.enable_grad():
                read = {name: scalar.clone().requires_grad_() for name, scalar in scalars.items()}
                found = self(self.start.clone().requires_grad_(), batch, read)
            drawn = not same_state(state, random_state())
        finally:
            set_random_state(state)
        now = dict(self.whole.named_buffers())
        written = [n for n, (t, old) in held.items() if now.get(n) is not t or not torch.equal(t, old)]
        if not found.requires_grad:
            raise DTypeError(
                "loss: returned a tensor without a gradient; allowed: a scalar that depends on the parameters"
            )
        if drawn:
            raise ArgumentError(
                "module: draws random numbers in its forward pass, which cannot be differentiated; allowed: "
                "dropout as modules, which are off here, or dropout=0 where it is a function"
            )
        if written:
            raise ArgumentError(
                f"module: its forward pass writes to the buffers {_listed(written)}; allowed: a forward pass "
                "that reads them alone (statistics of batch norm are not kept here)"
            )
        parts = torch.autograd.grad(found, list(read.values()), allow_unused=True) if read else ()
        for name, part in zip(read, parts, strict=True):
            if part is None:
                raise never_read(name)
        self._seen = True

    def _parts(self, theta: Tensor) -> dict[str, Tensor]:
        parts = theta.split(self.sizes)
        return {n: part.view(shape) for n, part, shape in zip(self.names, parts, self.shapes, strict=True)}


def _cast(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def _listed(names: list[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _check(module: Any, loss: Any) -> None:
    """What cannot be copied and trained in another dtype."""
    if not isinstance(module, nn.Module):
        raise ArgumentTypeError(f"module: got {type_of(module)}; allowed: a torch.nn.Module")
    if isinstance(module, torch.jit.ScriptModule):
        raise ArgumentTypeError(
            "module: got a ScriptModule; allowed: the torch.nn.Module that it was made of"
        )
    check_loss(loss)
    if is_of_lrswift(loss):
        raise ArgumentTypeError(
            "loss: got one of lrswift, which takes its own tensors; allowed: one of torch, such as "
            "torch.nn.functional.cross_entropy, or lrswift.hypergradient of lrswift.from_torch(module, x)"
        )
    named = list(module.named_parameters())
    lazy = [n for n, p in [*named, *module.named_buffers()] if nn.parameter.is_lazy(p)]
    if lazy:
        raise ArgumentError(
            f"module: has parameters without a shape: {_listed(lazy)}; allowed: a module that was called "
            "once, which gives them theirs"
        )
    learned = [(n, p) for n, p in named if p.requires_grad]
    if not learned:
        raise ArgumentError("module: has no parameter to train; allowed: at least one with requires_grad")
    odd = [f"{n} of {p.dtype}" for n, p in learned if not p.is_floating_point()]
    if odd:
        raise DTypeError(f"module: has parameters {_listed(odd)}; allowed: real, floating parameters")
    kinds = [n for n, p in named if type(p) not in (Tensor, nn.Parameter) or p.layout is not torch.strided]
    if kinds:
        raise DTypeError(
            f"module: {_listed(kinds)} are sharded, sparse or of another class; allowed: plain parameters"
        )
    devices = sorted({str(p.device) for _, p in named})
    if len(devices) > 1 or devices == ["meta"]:
        raise ArgumentError(f"module: has parameters on {', '.join(devices)}; allowed: one device with data")
    hooks = [f"a gradient hook of {n}" for n, p in named if p._backward_hooks]
    for n, part in module.named_modules():
        if part._backward_hooks or part._backward_pre_hooks:
            hooks.append(f"a backward hook of {n or 'the module itself'}")
    if hooks:
        raise ArgumentError(
            f"module: has hooks that would be lost: {_listed(hooks)}; allowed: a module without "
            "(handle.remove() takes one off)"
        )


def _put_to_rest(model: nn.Module) -> None:
    """No statistics are kept, no unit is dropped."""
    for part in model.modules():
        if isinstance(part, nn.modules.batchnorm._NormBase) and part.track_running_stats:
            part.running_mean = part.running_var = part.num_batches_tracked = None
            part.track_running_stats = False
        elif isinstance(part, nn.modules.dropout._DropoutNd):
            part.eval()
        elif isinstance(part, (nn.MultiheadAttention, nn.RNNBase)):
            part.dropout = 0.0


@contextmanager
def repeatable(has_recurrence: bool) -> Iterator[None]:
    """Algorithms that give the same bits again and have second derivatives.

    Fused attention and the fused recurrences of cuDNN and oneDNN have none.
    """
    changes: list[tuple[Any, str, bool]] = [
        (torch.backends.cudnn, "deterministic", True), (torch.backends.cudnn, "benchmark", False),
    ]  # fmt: skip
    if has_recurrence:
        changes += [(torch.backends.cudnn, "enabled", False), (torch.backends.mkldnn, "enabled", False)]
    before = [getattr(library, name) for library, name, _ in changes]
    try:
        for library, name, value in changes:
            setattr(library, name, value)
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            yield
    finally:
        for (library, name, _), value in zip(changes, before, strict=True):
            setattr(library, name, value)


def derived(function: Callable[[], Any]) -> Any:
    """A derivative, or one of one; RecordingError where torch.func has none."""
    try:
        return function()
    except RuntimeError as error:
        if isinstance(error, (Error, torch.OutOfMemoryError)):
            raise
        raise RecordingError(
            f"loss: torch.func cannot differentiate it twice: {error}; allowed: operations with second "
            "derivatives (tile=1 needs none of vmap), or lrswift.hypergradient of "
            "lrswift.from_torch(module, x), which has its own"
        ) from error
