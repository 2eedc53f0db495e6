"""Batch normalization with what stands behind it."""

from __future__ import annotations

from .. import nn
from ..nn import functional as F


class NormReLU(nn.BatchNorm2d):
    """Batch normalization and ReLU in one pass."""

    def forward(self, x: F.Operand, residual: F.Tensor | None = None, relu: bool = True) -> F.Tensor:
        """Of channels in the last axis."""
        return super().forward(x, residual, relu)
