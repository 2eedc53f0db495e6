"""Whether gradients and state fit their parameters: shapes, dtypes, devices, and the memory behind them.

All of them are other people's objects, which may have changed since the last step: `p.data` replaced,
`model.double()`, state of another model, a storage that was resized.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..checks import shown
from ..errors import ArgumentError, DTypeError, Error, ShapeError

PLAIN_CLASSES = (Tensor, torch.nn.Parameter)
# what torch's optimizers keep of a parameter in its shape; what else is in their state is the user's own
VECTORS = frozenset({
    "acc_delta", "exp_avg", "exp_avg_sq", "exp_inf", "grad_avg", "max_exp_avg_sq", "momentum_buffer",
    "square_avg", "sum",
})  # fmt: skip
# what their state holds that is a number
COUNTERS = frozenset({"step", "mu_product", "eta", "mu"})

#: shape, strides, dtype and device of a parameter
Kind = tuple[torch.Size, tuple[int, ...], torch.dtype, torch.device]


def kind_of(tensor: Tensor) -> Kind:
    return tensor.shape, tensor.stride(), tensor.dtype, tensor.device


def whole(tensor: Tensor) -> bool:
    """Whether the storage of a strided tensor reaches to its last element; torch itself does not look."""
    if type(tensor) not in PLAIN_CLASSES:
        return True  # what a subclass keeps is its own
    count = tensor.numel()
    if not tensor.is_contiguous():
        count = (
            1 + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride(), strict=True)) if count else 0
        )
    return (tensor.storage_offset() + count) * tensor.itemsize <= tensor.untyped_storage().nbytes()


def fits(tensor: Tensor, kind: Kind) -> bool:
    """Whether a dense tensor is of this shape, dtype and device, and all of it is there."""
    shape, _, dtype, device = kind
    return (
        tensor.shape == shape
        and tensor.dtype is dtype
        and tensor.device == device
        and tensor.layout is torch.strided
        and whole(tensor)
    )


def misfit(tensor: Tensor, kind: Kind, what: str, remedy: str) -> Error:
    """The error for a tensor that does not fit. what: its name; remedy: what is allowed."""
    shape, _, dtype, device = kind
    if tensor.layout is not torch.strided:
        return DTypeError(f"{what} is {tensor.layout}; allowed: {remedy}")
    if tensor.shape != shape:
        return ShapeError(
            f"{what} has shape {tuple(tensor.shape)}, its parameter {tuple(shape)}; allowed: {remedy}"
        )
    if tensor.dtype is not dtype or tensor.device != device:
        return DTypeError(
            f"{what} is {tensor.dtype} on {tensor.device}, its parameter {dtype} on {device}; "
            f"allowed: {remedy}"
        )
    held, needed = tensor.untyped_storage().nbytes(), tensor.nbytes
    return ArgumentError(
        f"{what} has a storage of {held} bytes, too few for the {needed} of its shape: it was resized; "
        "allowed: a storage that holds the whole tensor"
    )


def is_vector(key: str, of_torch: bool) -> bool:
    """Whether an entry of the state is laid out as its parameter; of_torch: by one of torch's optimizers."""
    return key in VECTORS if of_torch else key not in COUNTERS


def check_state(
    held: Mapping[Tensor, Mapping[str, Any]],
    tensors: Sequence[Tensor],
    kinds: Sequence[Kind],
    names: Any,
    of_torch: bool,
) -> None:
    """The vectors that an optimizer keeps, under one of torch's rules or ours, fit their parameters.

    names: called for the parameters' names when there is something to say.
    """
    for i, (p, kind) in enumerate(zip(tensors, kinds, strict=True)):
        for key, value in held.get(p, {}).items():
            if isinstance(value, Tensor) and is_vector(key, of_torch) and not fits(value, kind):
                remedy = "the same, as optimizer.load_state_dict(optimizer.state_dict()) casts it"
                if value.shape != kind[0]:
                    remedy = "state of the same shape, or none: optimizer.state.clear()"
                raise misfit(value, kind, f"step: state {key!r} of {names()[i]}", remedy)


def counter(value: Any, what: str) -> int:
    """How many steps a state says it has taken."""
    number = value
    if isinstance(value, Tensor):
        number = value.item() if value.numel() == 1 and not value.is_complex() else math.nan
    if not isinstance(number, (int, float)) or not math.isfinite(number) or number < 0:
        raise ArgumentError(f"{what}: got {shown(value)}; allowed: a number of steps, finite and at least 0")
    return int(number)


def refit(kept: dict[int, Tensor], places: Sequence[int], tensors: Sequence[Tensor]) -> None:
    """Lets vectors that are kept by place follow their parameters to another dtype, device or layout.

    Of another shape, they are forgotten, as for a parameter that is new.
    """
    for place, p in zip(places, tensors, strict=True):
        value = kept.get(place)
        if value is None or kind_of(value) == kind_of(p):
            continue
        if value.shape == p.shape:
            kept[place] = torch.empty_like(p, requires_grad=False).copy_(value)
        else:
            del kept[place]
