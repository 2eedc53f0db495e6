"""Exact hypergradients: a whole training run differentiated with respect to its hyperparameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..checks import check_whole
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..optim.rules import FAMILIES, run_rule, run_rules
from ..progress import Progress
from ..tensors.dtypes import as_dtype
from ..tensors.tensor import Tensor
from .episode import Episode, source
from .layers import SCOPES, by_layer, layer_names

OPTIMIZERS = tuple(run_rules())
CURVATURES = ("hessian", "gauss_newton")


@dataclass(frozen=True)
class Hypergradient:
    """Derivatives of the validation loss at the end of a training run.

    learning_rates, momentums, weight_decays, beta2s, epsilons: float64, one entry per value given, the sum
    over the steps of its window (divide by the window's length for an average). With per="layer"
    learning_rates is [layers, windows], a row for each of `layers`, the names of modules. valid_loss:
    example-weighted mean at the end. parameters: name -> array, where the run ended. losses: float64 [T],
    before each step.
    """

    learning_rates: np.ndarray
    momentums: np.ndarray
    weight_decays: np.ndarray
    beta2s: np.ndarray
    epsilons: np.ndarray
    valid_loss: float
    parameters: dict[str, np.ndarray] = field(repr=False)
    losses: np.ndarray = field(repr=False)
    layers: tuple[str, ...] = ()


def hypergradient(
    model: Any,
    loss: Callable[..., Tensor],
    train_batches: Any,
    valid_batches: Any,
    learning_rates: Any,
    momentums: Sequence[float] | None = None,
    weight_decays: Sequence[float] = (0.0,),
    optimizer: str = "sgd",
    mode: str = "forward",
    horizon: int | None = None,
    tile: int = 8,
    dtype: Any = np.float64,
    beta2s: Sequence[float] | None = None,
    epsilons: Sequence[float] | None = None,
    clip_gradient: float | None = None,
    clip_hvp: float | None = None,
    columns: Sequence[int] | None = None,
    progress: bool = False,
    *,
    per: str = "all",
    curvature: str = "hessian",
) -> Hypergradient:
    """Trains a copy of `model` for T = len(train_batches) steps and differentiates its validation loss.

    Of n values of a hyperparameter, step t (from 0) uses the one numbered floor(n t / T).
    optimizer: an update rule of `lrswift.optim` by the core's name: "sgd", "nesterov" (SGD's), "ema", "adam",
    "adamw", "rmsprop", "adagrad", "adadelta". Its arguments take the values of these families, and None is
    the rule's default, as in `lrswift.optim`:
    momentums: of SGD and RMSprop, beta of "ema", beta1 of Adam and AdamW. beta2s: the memory of the squared
    gradient: beta2 of Adam and AdamW, alpha of RMSprop, rho of Adadelta. epsilons: of all but SGD and "ema".
    weight_decays: coupled, AdamW's decoupled; (0,) for all. Other arguments keep their defaults. Adam's
    averages are corrected by the betas of the step. A family that a rule has no argument for is an error.
    mode: "forward" carries a tangent of parameters and state per value, in memory that does not depend on T;
    "reverse" keeps the trajectory. Both are exact. tile: Hessian products taken at once, 8.
    horizon: every H steps the validation gradient of that point is added and the tangents are dropped (1:
    greedy); default: the whole run. dtype: float64 or float32, of the copy and of floating batches.
    clip_gradient: bound of each element of the gradient, trained with and differentiated (elements beyond it
    have derivative 0, as of PyTorch's clamp). clip_hvp: bound of each element of the Hessian products, which
    makes the result inexact; forward only. columns: numbers of the values to differentiate by, counted
    through the families in the order above; others are 0.
    per: "layer" gives every module that holds parameters learning rates of its own: learning_rates
    [layers, windows], or [windows] as the same for all; columns count through the rows.
    curvature: "gauss_newton" carries tangents by J' H J instead of the Hessian, J of the model's outputs and
    H of the loss in them (plus what the loss makes of parameters directly). It leaves out the network's own
    second derivatives and has no negative directions where the loss is convex in the outputs; the result is
    exact only for models that are linear in their parameters.
    train_batches, valid_batches: sequences of (x, y, ...); loss: as in `fit`, recorded once per shape.
    Batch-norm uses batch statistics, dropout is off; `model` itself stays as it is.
    Raises ArgumentError, ShapeError, DTypeError, RecordingError, and Diverged with the step at which a loss
    is not finite. Source: FDS (Micaelli and Storkey, 2021), equation 4, by dual numbers.
    """
    if mode not in ("forward", "reverse"):
        raise ArgumentError(f"mode: got {mode!r}; allowed: forward, reverse")
    if per not in SCOPES:
        raise ArgumentError(f"per: got {per!r}; allowed: {', '.join(SCOPES)}")
    if curvature not in CURVATURES:
        raise ArgumentError(f"curvature: got {curvature!r}; allowed: {', '.join(CURVATURES)}")
    kind = as_dtype(dtype)
    train = source(train_batches, "train_batches", kind)
    valid = source(valid_batches, "valid_batches", kind)
    steps = len(train)
    stride = _horizon(horizon, steps)
    layers = layer_names(model) if per == "layer" else ()
    values = values_of(optimizer, learning_rates, momentums, weight_decays, beta2s, epsilons, layers)
    episode = Episode(
        model, loss, steps, values, optimizer, mode, tile, kind, columns, clip_gradient, clip_hvp, curvature
    )
    total = steps * (2 if mode == "reverse" else 1)
    with Progress(total, "hypergradient", progress) as bar:
        for low in range(0, steps, stride):
            episode.train(train, low, min(low + stride, steps), bar)
            episode.validate(valid)
            valid_loss = episode.collect(train, bar)
    return Hypergradient(
        **episode.results(),
        valid_loss=valid_loss,
        parameters=episode.parameters(),
        losses=np.concatenate(episode.losses),
        layers=layers,
    )


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


def _horizon(horizon: int | None, steps: int) -> int:
    if horizon is None:
        return steps
    return check_whole(horizon, "horizon", 1, steps)


__all__ = ["FAMILIES", "OPTIMIZERS", "Hypergradient", "hypergradient", "values_of"]
