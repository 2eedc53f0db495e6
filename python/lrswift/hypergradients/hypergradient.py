"""Exact hypergradients: a whole training run differentiated with respect to its hyperparameters."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Unpack

import numpy as np

from ..checks import check_whole
from ..errors import ArgumentTypeError, ShapeError
from ..loop.digests import digest
from ..optim.rules import FAMILIES, run_rule
from ..progress import Progress
from ..records import takes
from ..tensors.dtypes import as_dtype
from ..tensors.tensor import Tensor
from .course import RunFile, finish, name_of, told
from .episode import Episode, source
from .layers import by_layer, layer_names
from .options import HypergradientFields, HypergradientOptions


@dataclass(frozen=True)
class Hypergradient:
    """Derivatives of the validation loss at the end of a training run with respect to its hyperparameters.

    A derivative with respect to a value is the sum over the steps that use it; divide by their number for an
    average.

    Attributes:
        learning_rates: float64 [windows], or [layers, windows] with per="layer" or "tensor".
        momentums: float64 [windows].
        weight_decays: float64 [windows].
        beta2s: float64 [windows], empty where the rule has none.
        epsilons: float64 [windows], empty where the rule has none.
        valid_loss: example-weighted mean of the validation loss where the run ended.
        parameters: by name, the parameters and buffers where the run ended, in the run's dtype: arrays, or
            tensors of torch from `lrswift.torch.hypergradient`.
        losses: float64 [steps], the training loss before each step.
        layers: with per="layer" or "tensor", the names of the modules or parameters that the rows of
            `learning_rates` belong to; else empty.
        mode: "forward" or "reverse", as was asked for or chosen.
        cost: of a step, in steps of training alone, as predicted from the number of values, of steps and of
            snapshots.
        hyperparameters: by name, float64 of the shape that was given: the derivatives by what the training
            loss reads.
        initial_scales: by name of a parameter, the derivative by a factor on all of its values at the start
            of the run, at 1; of a layer the sum of its parameters'. Empty in forward mode.
    """

    learning_rates: np.ndarray
    momentums: np.ndarray
    weight_decays: np.ndarray
    beta2s: np.ndarray
    epsilons: np.ndarray
    valid_loss: float
    parameters: dict[str, Any] = field(repr=False)
    losses: np.ndarray = field(repr=False)
    layers: tuple[str, ...] = ()
    mode: str = "forward"
    cost: float = float("nan")
    hyperparameters: dict[str, np.ndarray] = field(default_factory=dict)
    initial_scales: dict[str, float] = field(default_factory=dict)


@takes(
    "model loss train_batches valid_batches learning_rates momentums weight_decays optimizer mode horizon "
    "tile dtype beta2s epsilons clip_gradient clip_hvp columns progress * hyperparameters memory per "
    "curvature checkpoint",
    options=HypergradientOptions,
)
def hypergradient(
    model: Any,
    loss: Callable[..., Tensor],
    train_batches: Any,
    valid_batches: Any,
    learning_rates: Any,
    momentums: Sequence[float] | None = None,
    weight_decays: Sequence[float] = (0.0,),
    dtype: Any = np.float64,
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
    """Trains a copy of a model and differentiates its validation loss with respect to hyperparameters.

    The run has T = len(train_batches) steps. Of the n values of a hyperparameter, step t = 0, ..., T - 1 uses
    number

        floor(n t / T).

    Batch-norm uses batch statistics, dropout is off; `model` itself stays as it is.

    Args:
        model: an `nn.Module`; a copy of it in `dtype` is trained.
        loss: a function as in `fit`, returning a scalar Tensor; it is recorded once per shape of batch.
        train_batches: a sequence of T batches (x, y, ...), one for each step, of arrays.
        valid_batches: a sequence of such batches; their mean loss, weighted by examples, is differentiated.
        learning_rates: numbers [windows]; with per="layer" or "tensor" [layers, windows], or [windows], for
            all.
        momentums: numbers [windows]: of SGD and RMSprop, beta of "ema", beta1 of Adam and AdamW. None: the
            rule's default, as in `lrswift.optim`. Default None.
        weight_decays: numbers [windows]; coupled, AdamW's decoupled. Default (0.0,).
        dtype: float64 or float32, of the copy and of floating batches. Default float64.
        beta2s: numbers [windows], the memory of the squared gradient: beta2 of Adam and AdamW, alpha of
            RMSprop, rho of Adadelta. None: the rule's default. Default None.
        epsilons: numbers [windows], of all rules but SGD and "ema". None: the rule's default. Default None.
        columns: numbers of the values to differentiate by, counted through rates (row by row), momenta,
            decays, beta2s, epsilons and `hyperparameters`; derivatives with respect to others are 0. None:
            all. Default None.
        hyperparameters: by name, a number or numbers [windows] that the training loss reads: it is given a
            scalar Tensor of this name, {"smoothing": 0.1} for loss(logits, target, smoothing=0.0). The
            validation loss is the loss with its own default. None: none. Default None.
        progress: whether to show a bar. Default False.
        checkpoint: a file that is written atomically every ten seconds, or less often where writing takes
            long. If it is there, the run goes on from it, to the same bits; when the run has ended it is
            removed. On the way back it goes over the rest of the horizon once more, whose losses must be the
            same. None: none. Default None.
        options: a `HypergradientOptions`, whose fields may be given one by one instead. None: its defaults.
            Default None.

    Returns:
        A `Hypergradient`: the derivatives by family, the validation loss, and where the run ended.

    Raises:
        ArgumentError: a value is out of bounds, there are more values than steps, `memory` is too small for
            three snapshots, the loss does not read a hyperparameter, a replayed loss is another one than
            before, or `checkpoint` is of another run.
        ArgumentTypeError: an argument is of a wrong type, or values are no numbers.
        BufferError: a batch lies in another device's memory.
        DTypeError: `dtype`, or the dtype of a batch, is not allowed.
        ShapeError: values, or the arrays of a batch, do not fit.
        RecordingError: the loss reads values while it is computed.
        Diverged: a loss is not finite; the message names the step.
        FileNotFoundError: the folder of `checkpoint` does not exist.
        FormatError: the file of `checkpoint` is damaged or altered.
        OSError: nothing can be written where `checkpoint` should be.

    Source:
        Micaelli and Storkey, "Gradient-based hyperparameter optimization over long horizons" (arXiv
        2007.07869), equation 4, by dual numbers.
    """
    kind = as_dtype(dtype)
    train = source(train_batches, "train_batches", kind)
    valid = source(valid_batches, "valid_batches", kind)
    steps = len(train)
    stride = steps if options.horizon is None else check_whole(options.horizon, "horizon", 1, steps)
    layers = () if options.per == "all" else layer_names(model, options.per)
    values = values_of(options.optimizer, learning_rates, momentums, weight_decays, beta2s, epsilons, layers)
    episode = Episode(
        model, loss, steps, values, options, dtype=kind, columns=columns, hyperparameters=hyperparameters
    )

    def identity() -> dict[str, Any]:
        return {
            **vars(options), **told(values | episode.scalar_values), "memory": None, "mode": episode.mode,
            "loss": name_of(loss),
            "columns": None if columns is None else list(map(int, columns)), "dtype": kind.name,
            "parameters": digest(episode.parameters().values()), "steps": steps, "train": train.digest(),
            "valid_batches": len(valid), "valid": valid.digest(),
        }  # fmt: skip

    file = RunFile(checkpoint, identity)
    total = steps * (2 if episode.mode == "reverse" else 1) + episode.replays
    with Progress(total, title(episode.mode, episode.cost, episode.replays), progress) as bar:
        finish(episode, train, valid, stride, bar, file)
    return Hypergradient(
        **episode.results(),
        valid_loss=episode.valid_loss,
        parameters=episode.parameters(),
        losses=np.concatenate(episode.losses),
        layers=layers,
        mode=episode.mode,
        cost=episode.cost,
        hyperparameters=episode.hyperparameters(),
        initial_scales=episode.initial_scales(),
    )


def title(mode: str, cost: float, replays: int) -> str:
    """What a progress bar says of how a run is differentiated."""
    again = f", {replays} replayed" if replays else ""
    return f"hypergradient, {mode}: about {cost:.1f} plain steps each{again}"


def values_of(
    optimizer: str,
    learning_rates: Any,
    momentums: Sequence[float] | None,
    weight_decays: Sequence[float],
    beta2s: Sequence[float] | None,
    epsilons: Sequence[float] | None,
    layers: Sequence[str] = (),
) -> dict[str, np.ndarray]:
    """Family -> float64 array, with the defaults of `optimizer` for what is None.

    Rates are [layers, windows] where layers are given.
    """
    defaults = {family: (value,) for family, value in run_rule(optimizer).families.items()}
    if "weight_decays" not in defaults and not np.any(weight_decays):
        weight_decays = ()
    given = (learning_rates, momentums, weight_decays, beta2s, epsilons)
    return {
        name: by_layer(_array(name, value), layers, name)
        if layers and name == "learning_rates"
        else _numbers(name, defaults.get(name, ()) if value is None else value)
        for name, value in zip(FAMILIES, given, strict=True)
    }


def _array(name: str, value: Any) -> np.ndarray:
    try:
        return np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise ArgumentTypeError(f"{name}: got {value!r}; allowed: a list of numbers") from None


def _numbers(name: str, value: Any) -> np.ndarray:
    array = _array(name, value)
    if array.ndim > 1:
        raise ShapeError(f"{name}: got an array of shape {array.shape}; allowed: a list of numbers")
    return array.reshape(-1)


__all__ = ["FAMILIES", "Hypergradient", "hypergradient", "values_of"]
