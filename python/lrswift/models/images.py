"""What networks of images begin with."""

from __future__ import annotations

from .. import nn
from ..errors import ShapeError
from ..nn import functional as F


class Images(nn.Module):
    """Gives gray images [N, H, W] the channel axis that convolutions want."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: F.Operand) -> F.Tensor:
        """The images as [N, H, W, channels]."""
        t = F.as_float(x, "images")
        if t.ndim == 3 and self.channels == 1:
            return t.reshape((*t.shape, 1))
        if t.ndim != 4 or t.shape[3] != self.channels:
            raise ShapeError(f"x: got shape {t.shape}; allowed: [N, H, W, {self.channels}]")
        return t
