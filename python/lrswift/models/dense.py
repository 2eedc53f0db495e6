"""Densely connected networks of small images."""

from __future__ import annotations

from .. import nn
from ..checks import shown
from ..errors import ArgumentError
from ..nn import functional as F
from ..tensors.functions import cat
from .images import Images
from .normalized import NormReLU

_BLOCKS = {121: (6, 12, 24, 16), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32)}
# channels of a bottleneck's 1x1 convolution, in units of the growth
_BOTTLENECK = 4


class _DenseLayer(nn.Module):
    """Normalized 1x1 and 3x3 convolutions, whose channels are put beside those that come in."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        inner = _BOTTLENECK * growth
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, inner, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, growth, 3, padding=1, bias=False)

    def forward(self, x: F.Tensor) -> F.Tensor:
        hidden = self.conv1(self.norm1(x, relu=True))
        return cat([x, self.conv2(self.norm2(hidden, relu=True))], axis=3)


def densenet(
    depth: int = 121, growth: int = 12, classes: int = 10, blocks: tuple[int, ...] | None = None
) -> nn.Sequential:
    """DenseNet-BC of small images: dense blocks, and between them layers that halve channels and image.

    A 3x3 convolution to twice the growth comes first, without pooling.

    Args:
        depth: 121, 169 or 201, by which blocks are chosen. Default 121.
        growth: channels that a layer adds, at least 1. Default 12.
        classes: outputs, at least 1. Default 10.
        blocks: layers of each block, at least 1 each, in place of those of `depth`. Default None.

    Returns:
        The network, [N, H, W, 3] to [N, classes].

    Raises:
        ArgumentError: another depth, or a number out of bounds.
        ArgumentTypeError: a number is none.
        DTypeError: a number is no integer.
        ShapeError: a size is no shape of an array.

    Source:
        Huang et al., "Densely connected convolutional networks" (2017); growth 12 as in the TLR paper.
    """
    if blocks is None and depth not in _BLOCKS:
        raise ArgumentError(f"densenet: depth: got {shown(depth)}; allowed: {', '.join(map(str, _BLOCKS))}")
    if growth < 1:
        raise ArgumentError(f"densenet: growth: got {shown(growth)}; allowed: at least 1")
    counts = _BLOCKS[depth] if blocks is None else blocks
    if not counts or any(count < 1 for count in counts):
        raise ArgumentError(f"densenet: blocks: got {shown(blocks)}; allowed: numbers of at least 1")
    channels = 2 * growth
    layers: list[nn.Module] = [Images(3), nn.Conv2d(3, channels, 3, padding=1, bias=False)]
    for place, count in enumerate(counts):
        if place > 0:
            layers += [NormReLU(channels), nn.Conv2d(channels, channels // 2, 1, bias=False), nn.AvgPool2d(2)]
            channels //= 2
        for _ in range(count):
            layers.append(_DenseLayer(channels, growth))
            channels += growth
    return nn.Sequential(*layers, NormReLU(channels), nn.GlobalAvgPool2d(), nn.Linear(channels, classes))
