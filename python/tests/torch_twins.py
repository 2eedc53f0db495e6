"""A module of torch and its network in the engine, side by side: values, derivatives and steps."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

import lrswift as lr


def normed(v: torch.Tensor, g: torch.Tensor, dim: int = 0) -> torch.Tensor:
    return v * g / v.norm(dim=[a for a in range(v.ndim) if a != dim], keepdim=True)


@contextmanager
def differentiable_twice() -> Iterator[None]:
    """Within: torch makes of simple parts what it cannot differentiate twice, or only in single precision.

    Its fused attention and hardsigmoid have no second derivatives, and weight_norm has wrong ones; gradients
    of hardsigmoid and celu take their constants in float32.
    """
    kept = F.hardsigmoid, F.hardswish, F.celu, torch._weight_norm
    torch._weight_norm = normed
    F.celu = lambda x, alpha=1.0, inplace=False: torch.where(
        x > 0, x, alpha * torch.expm1(x.clamp(max=0) / alpha)
    )
    F.hardsigmoid = lambda x, inplace=False: F.relu6(x + 3) / 6
    F.hardswish = lambda x, inplace=False: x * F.relu6(x + 3) / 6
    try:
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            yield
    finally:
        F.hardsigmoid, F.hardswish, F.celu, torch._weight_norm = kept


def leaves(made: Any) -> list[Any]:
    """The tensors of an output."""
    if isinstance(made, dict):
        made = list(made.values())
    if isinstance(made, (tuple, list)):
        return [leaf for part in made for leaf in leaves(part)]
    return [] if made is None else [made]


def array(tensor: torch.Tensor | lr.Tensor) -> np.ndarray:
    return tensor.detach().numpy()


class Twins:
    """Both, with targets for what they return; the loss is the sum of squared differences, over rows."""

    def __init__(self, module: torch.nn.Module, native: lr.nn.Module, output: Any, rows: int) -> None:
        self.module, self.native, self.output, self.rows = module, native, output, rows
        self.names = [name for name, _ in module.named_parameters()]

    def theirs(self, inputs: Any, targets: Any) -> torch.Tensor:
        made = leaves(self.output(self.module(*inputs)))
        return sum(((a - b) ** 2).sum() for a, b in zip(made, targets, strict=True)) / self.rows

    def ours(self, inputs: Any, targets: Any) -> lr.Tensor:
        made = leaves(self.output(self.native(*inputs)))
        losses = [
            (a - lr.tensor(array(b), dtype=a.dtype)).square().sum()
            for a, b in zip(made, targets, strict=True)
        ]
        return sum(losses[1:], losses[0]) / self.rows

    def parameters(self) -> list[lr.Tensor]:
        return [self.native.tensor_of(name) for name in self.names]

    def laid(self, name: str, values: np.ndarray) -> np.ndarray:
        """As the engine keeps it."""
        order = self.native._orders.get(name)
        return values if order is None else np.ascontiguousarray(values.transpose(order))

    def targets(self, inputs: Any) -> list[torch.Tensor]:
        kept = copy.deepcopy(self.module.state_dict())
        with torch.no_grad():
            made = leaves(self.output(self.module(*inputs)))
        self.module.load_state_dict(kept)
        return [torch.randn_like(a) for a in made]


def apart(found: Any, expected: Any) -> float:
    """The largest difference, relative to the largest number or 1."""
    a, b = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert a.shape == b.shape
    return float(np.abs(a - b).max() / max(1.0, np.abs(b).max())) if b.size else 0.0
