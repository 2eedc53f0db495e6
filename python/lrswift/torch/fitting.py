"""`fit`: a module of torch trained by the engine, which then has the weights."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
import torch

from ..checks import type_of
from ..errors import ArgumentError, ArgumentTypeError
from ..fromtorch.convert import from_torch
from ..loop.history import History
from ..loop.recorder import Modes
from ..nn.functional import cross_entropy
from ..optim import Optimizer
from ..records import takes
from ..search.find import find_lr
from ..tensors.autograd import no_grad
from ..training.fit import fit as native_fit
from ..training.fit import named_method
from ..training.options import FitFields, FitOptions
from ._criteria import check_loss, is_of_torch, leaves_out, native_loss
from ._probing import random_state, set_random_state
from ._sources import Sources


@takes(
    "module train loss optimizer valid epochs batch_size shuffle seed metrics progress log checkpoint resume "
    "callbacks rate_valid",
    options=FitOptions,
)
def fit(
    module: torch.nn.Module,
    train: Any,
    loss: Any = cross_entropy,
    optimizer: Any = "auto",
    valid: Any = None,
    epochs: int = 1,
    batch_size: int = 64,
    shuffle: bool = True,
    seed: int = 0,
    *,
    rate_valid: Any = None,
    options: FitOptions = FitOptions(),
    **_: Unpack[FitFields],
) -> History:
    """Trains a module of torch in the Swift engine; afterwards the module has the weights.

    The network is made by `lrswift.from_torch` of the first batch and trained by `lrswift.fit`. Weights and
    statistics of batch norm are written back in any case, after Ctrl-C or an error those of the last whole
    step. Modes, gradients and random states of torch stay as they are.

    Args:
        module: a `torch.nn.Module` on the CPU, of float32 or float64, as `lrswift.from_torch` takes it.
            Parameters with requires_grad=False stay as they are, parts in evaluation mode in that mode.
        train: (x, y) tensors or arrays of equal length, a TensorDataset, or an iterable of such batches that
            can start anew, a DataLoader for one. Floating data are cast to the parameters' dtype.
        loss: one of torch, a module such as `torch.nn.CrossEntropyLoss(label_smoothing=0.1)` or a function of
            `torch.nn.functional`, of (module(*inputs), the last array); or one of lrswift, of (module(x), y)
            or of (module, *batch), on tensors of lrswift. Default `lrswift.nn.functional.cross_entropy`.
        optimizer: a name as "auto", "momentum" or "l4+adam" (those of the command line), or a callable
            (params) -> one of `lrswift.optim`. Default "auto".
        valid: data of the same form. None: no validation. Default None.
        epochs: passes over `train`. Default 1.
        batch_size: rows of a batch, where data are arrays; the last one may be smaller. Default 64.
        shuffle: whether arrays come in a new order in every epoch, from (seed, epoch) alone. Default True.
        seed: of that order, at least 0. Default 0.
        rate_valid: data for a rate that descends on a validation loss, in place of `valid`. None: `valid`.
            Default None.
        options: a `FitOptions`, whose fields may be given one by one instead. None: its defaults.

    Returns:
        The `History`, as of `lrswift.fit`.

    Raises:
        ArgumentError: the module or the loss cannot be read (the message names every operation and what to
            do instead), a name of `optimizer` is unknown, or another value is out of bounds.
        ArgumentTypeError: an argument is of a wrong type.
        BufferError: data lie in another device's memory.
        DTypeError: the dtype of parameters or data is not allowed.
        ShapeError: arrays are of different lengths, or the loss is no scalar.
        FileNotFoundError: the folder of `checkpoint` or `log` does not exist.
        FormatError: the file of `checkpoint` is damaged or altered.
        OSError: nothing can be written where `checkpoint` or `log` should be.
        Diverged: loss or gradient were not finite in 20 steps in a row.
        Error: another thread trains the same network.

    Warns:
        RecordingWarning: the loss is run anew for every batch.
        UserWarning: the checkpoint holds no state of an iterable that may have one.
    """
    if not isinstance(module, torch.nn.Module):
        raise ArgumentTypeError(
            f"fit: module: got {type_of(module)}; allowed: a torch.nn.Module (lrswift.fit takes others)"
        )
    check_loss(loss, "fit: ")
    _check_optimizer(optimizer)
    data, checked, rated = (_arrays(d) for d in (train, valid, rate_valid))
    batch = _first(data, "train", batch_size, module)
    network = from_torch(module, batch[:-1] if len(batch) > 1 else batch)
    if is_of_torch(loss):
        outputs = _outputs(network, batch)
        targets = [_targets(d) for d in (data, checked, rated) if d is not None]
        loss = native_loss(loss, outputs, batch, leaves_out(loss, targets))
    made = _made(optimizer, network, loss, data, batch_size, seed, options.progress)
    try:
        return native_fit(
            network, made, data, checked, loss, epochs, batch_size, shuffle, seed, rate_valid=rated,
            options=options,
        )  # fmt: skip
    finally:
        network.to_torch(module)


def _check_optimizer(optimizer: Any) -> None:
    if isinstance(optimizer, torch.optim.Optimizer) or (
        isinstance(optimizer, type) and issubclass(optimizer, torch.optim.Optimizer)
    ):
        kind = optimizer if isinstance(optimizer, type) else type(optimizer)
        raise ArgumentTypeError(
            f"fit: optimizer: got {kind.__name__} of torch; allowed: a name such as 'momentum', or a "
            "callable (params) -> one of lrswift.optim; torch's own are wrapped by lrswift.torch.Adapted"
        )
    if isinstance(optimizer, Optimizer):
        raise ArgumentTypeError(
            "fit: optimizer: got one over other parameters; allowed: a callable (params) -> one of "
            "lrswift.optim, as the network is made here"
        )


def _outputs(network: Any, batch: tuple[torch.Tensor, ...]) -> Any:
    """What it returns for the example; leaves no trace."""
    modes = Modes(network)
    network.eval()
    try:
        with no_grad():
            return network(*batch[:-1]) if len(batch) > 1 else None
    finally:
        modes.restore()


def _made(
    optimizer: Any, network: Any, loss: Any, data: Any, batch_size: int, seed: int, progress: bool
) -> Any:
    """The optimizer over what is learned of the network."""
    learned = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    if not learned:
        raise ArgumentError(
            "fit: module: has no parameter to learn; allowed: at least one with requires_grad=True"
        )
    if callable(optimizer):
        return optimizer(learned)
    if not isinstance(optimizer, str):
        return optimizer
    method = named_method("auto" if optimizer.lower() == "auto" else optimizer)
    rate = None
    if method.kind == "found":
        rate = find_lr(network, loss, data, method.make, batch_size, seed=seed, progress=progress).lr
    return method.optimizer(learned, rate)  # type: ignore[arg-type]


def _arrays(data: Any) -> Any:
    """Data of torch as `lrswift.fit` takes them."""
    if isinstance(data, torch.utils.data.TensorDataset):
        return data.tensors
    if isinstance(data, torch.utils.data.Dataset) and not hasattr(data, "__iter__"):
        raise ArgumentTypeError(
            f"fit: train, valid: got {type_of(data)}; allowed: a DataLoader of it, tensors or arrays"
        )
    return (data.x, data.y) if hasattr(data, "x") and hasattr(data, "y") else data


def _whole(data: Any) -> bool:
    """Whether data are arrays, and no iterable of batches."""
    return isinstance(data, (tuple, np.ndarray, torch.Tensor)) or (
        isinstance(data, list) and len(data) > 0 and not isinstance(data[0], (tuple, list))
    )


def _targets(data: Any) -> Any:
    """The last of the arrays; None where they come in batches."""
    return (data[-1] if isinstance(data, (tuple, list)) else data) if _whole(data) else None


def _first(data: Any, name: str, rows: int, module: torch.nn.Module) -> tuple[torch.Tensor, ...]:
    """The first batch, as tensors of the parameters' dtype. Generators and loaders stay where they are."""
    if _whole(data):
        given = data if isinstance(data, (tuple, list)) else (data,)
        batch: Any = tuple(np.asarray(part)[:rows] for part in given)
    else:
        state, sources = random_state(), Sources(data)
        try:
            batch = next(iter(data), None)
        except TypeError:
            raise ArgumentTypeError(
                f"fit: {name}: got {type_of(data)}; allowed: (x, y) tensors or arrays, a "
                "TensorDataset, or an iterable of batches"
            ) from None
        finally:
            sources.restore()
            set_random_state(state)
        if batch is None:
            raise ArgumentError(f"fit: {name}: no batch in the first epoch; allowed: at least one")
    floating = next((p.dtype for p in module.parameters()), torch.float32)
    parts = batch if isinstance(batch, (tuple, list)) else (batch,)
    return tuple(_tensor(part, floating, name) for part in parts)


def _tensor(part: Any, floating: torch.dtype, name: str) -> torch.Tensor:
    try:
        made = part.detach() if isinstance(part, torch.Tensor) else torch.from_numpy(np.array(part))
    except TypeError as error:
        raise ArgumentTypeError(f"fit: {name}: {error}; allowed: tensors or arrays of numbers") from None
    return made.to(floating) if made.is_floating_point() else made
