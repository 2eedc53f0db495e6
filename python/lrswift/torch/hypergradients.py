"""`hypergradient`: a training run of a torch module, differentiated in torch, on the module's device."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Unpack

import numpy as np
import torch

from ..checks import check_whole, shown
from ..errors import DTypeError
from ..hypergradients.course import RunFile, finish, name_of, told
from ..hypergradients.hypergradient import Hypergradient, title, values_of
from ..hypergradients.layers import layer_names
from ..hypergradients.options import HypergradientFields, HypergradientOptions
from ..loop.digests import digest
from ..progress import Progress
from ..records import takes
from ._run import Run
from ._run_batches import ListedBatches, RowBatches, SlicedBatches, Source


@takes(
    "module loss train_batches valid_batches learning_rates momentums weight_decays optimizer mode horizon "
    "tile dtype beta2s epsilons clip_gradient clip_hvp columns progress * hyperparameters memory per "
    "curvature checkpoint",
    options=HypergradientOptions,
)
def hypergradient(
    module: torch.nn.Module,
    loss: Callable[..., Any],
    train_batches: Any,
    valid_batches: Any,
    learning_rates: Any,
    momentums: Sequence[float] | None = None,
    weight_decays: Sequence[float] = (0.0,),
    dtype: Any = torch.float64,
    beta2s: Sequence[float] | None = None,
    epsilons: Sequence[float] | None = None,
    columns: Sequence[int] | None = None,
    progress: bool = False,
    *,
    hyperparameters: Mapping[str, Any] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    options: HypergradientOptions = HypergradientOptions(),
    **_: Unpack[HypergradientFields],
) -> Hypergradient:
    """Trains a copy of a torch module and differentiates its validation loss with respect to hyperparameters.

    As `lrswift.hypergradient`, but in torch, on the device that the module is on. The run has
    T = len(train_batches) steps. Of the n values of a hyperparameter, step t = 0, ..., T - 1 uses number

        floor(n t / T).

    The copy is in training mode: batch-norm uses batch statistics and keeps none, dropout is off; `module`
    itself stays as it is. On CUDA cuDNN is held to deterministic algorithms.

    Args:
        module: a `torch.nn.Module` with parameters on one device, of which a copy in `dtype` is trained.
            Parameters with requires_grad=False stay as they are.
        loss: one of torch, as a module or a function of `torch.nn.functional`, of (module(*inputs), the last
            array); or a function loss(module(x), y) or loss(module, *batch) that returns a scalar tensor.
        train_batches: a sequence of T batches (x, y, ...), one for each step, of tensors or arrays, which are
            brought to the module's device.
        valid_batches: a sequence of such batches; their mean loss, weighted by examples, is differentiated.
        learning_rates: numbers [windows]; with per="layer" or "tensor" [layers, windows], or [windows], for
            all.
        momentums: numbers [windows]: of SGD and RMSprop, beta of "ema", beta1 of Adam and AdamW. None: the
            rule's default, as in `lrswift.optim`. Default None.
        weight_decays: numbers [windows]; coupled, AdamW's decoupled. Default (0.0,).
        dtype: float64 or float32, of the copy and of floating batches. Default torch.float64.
        beta2s: numbers [windows], the memory of the squared gradient: beta2 of Adam and AdamW, alpha of
            RMSprop, rho of Adadelta. None: the rule's default. Default None.
        epsilons: numbers [windows], of all rules but SGD and "ema". None: the rule's default. Default None.
        columns: numbers of the values to differentiate by, counted through rates (row by row), momenta,
            decays, beta2s, epsilons and `hyperparameters`; derivatives with respect to others are 0. None:
            all. Default None.
        progress: whether to show a bar. Default False.
        hyperparameters: by name, a number or numbers [windows] that the training loss reads: it is given a
            scalar tensor of this name. The validation loss is the loss with its own default. None: none.
            Default None.
        checkpoint: a file that is written atomically every ten seconds, or less often where writing takes
            long. If it is there, the run goes on from it, to the same bits; when the run has ended it is
            removed. None: none. Default None.
        options: a `HypergradientOptions`, whose fields may be given one by one instead; its `curvature` must
            be "hessian". None: its defaults. Default None.

    Returns:
        A `Hypergradient`: the derivatives by family, the validation loss, and where the run ended; its
        `parameters` are tensors in `dtype` on the module's device, as `load_state_dict` takes them.

    Raises:
        ArgumentError: a value is out of bounds, there are more values than steps, `memory` is too small for
            three snapshots, the loss does not read a hyperparameter, a replayed loss is another one than
            before, `checkpoint` is of another run, or the module cannot be trained like this: it draws
            random numbers, writes to its buffers, has backward hooks, or lies on several devices.
        ArgumentTypeError: an argument is of a wrong type, or values are no numbers.
        DTypeError: `dtype`, or that of parameters or a batch, is not allowed.
        ShapeError: values, or the arrays of a batch, do not fit, or the loss is no scalar.
        RecordingError: torch has no second derivatives of an operation of the loss.
        Diverged: a loss is not finite; the message names the step.
        FileNotFoundError: the folder of `checkpoint` does not exist.
        FormatError: the file of `checkpoint` is damaged or altered.
        OSError: nothing can be written where `checkpoint` should be.

    Source:
        Micaelli and Storkey, "Gradient-based hyperparameter optimization over long horizons" (arXiv
        2007.07869), equation 4, by torch.func.
    """
    layers: tuple[str, ...] = ()
    if options.per != "all" and isinstance(module, torch.nn.Module):
        layers = layer_names(module, options.per)
    values = values_of(options.optimizer, learning_rates, momentums, weight_decays, beta2s, epsilons, layers)
    kind = run_dtype(dtype)
    device = next((p.device for p in _parameters(module)), torch.device("cpu"))
    train = _source(train_batches, "train_batches", kind, device)
    valid = _source(valid_batches, "valid_batches", kind, device)
    steps = len(train)
    stride = steps if options.horizon is None else check_whole(options.horizon, "horizon", 1, steps)
    run = Run(module, loss, steps, values, options, kind, columns, hyperparameters)

    def identity() -> dict[str, Any]:
        return {
            **vars(options), **told(values | run.scalar_values), "memory": None, "mode": run.mode,
            "loss": name_of(loss), "columns": None if columns is None else list(map(int, columns)),
            "dtype": str(kind), "parameters": digest([run.theta.cpu().numpy()]), "steps": steps,
            "train": train.digest(), "valid_batches": len(valid), "valid": valid.digest(),
        }  # fmt: skip

    file = RunFile(checkpoint, identity)
    total = steps * (2 if run.mode == "reverse" else 1)
    with Progress(total, title(run.mode, run.cost, run.replays), progress) as bar:
        finish(run, train, valid, stride, bar, file)
    return Hypergradient(
        **run.results(),
        valid_loss=run.valid_loss,
        parameters=run.loss.parameters(run.theta),
        losses=np.array(run.losses),
        layers=layers,
        mode=run.mode,
        cost=run.cost,
        hyperparameters=run.hyperparameters(),
        initial_scales=run.initial_scales(),
    )


def run_dtype(dtype: Any) -> torch.dtype:
    """float64 or float32 of torch. DTypeError for others."""
    found = dtype
    if not isinstance(dtype, torch.dtype):
        try:
            found = getattr(torch, np.dtype(dtype).name, None)
        except TypeError:
            found = None
    if found not in (torch.float32, torch.float64):
        raise DTypeError(f"dtype: got {shown(dtype)}; allowed: float64, float32")
    return found


def _parameters(module: Any) -> Any:
    return module.parameters() if isinstance(module, torch.nn.Module) else ()


def _source(batches: Any, name: str, kind: torch.dtype, device: torch.device) -> Source:
    if isinstance(batches, (RowBatches, SlicedBatches)):
        return batches
    return ListedBatches(batches, name, kind, device)
