"""Residual networks of small images."""

from __future__ import annotations

from collections.abc import Sequence

from .. import nn
from ..checks import shown
from ..errors import ArgumentError
from ..nn import functional as F
from .images import Images
from .normalized import NormReLU

# of a bottleneck's last convolution over its others
EXPANSION = 4


class _Shortcut(nn.Module):
    """Brings a residual to another size: a 1x1 convolution, then batch normalization if asked for."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        self.norm = nn.BatchNorm2d(outputs) if norm else nn.Identity()

    def forward(self, x: F.Tensor) -> F.Tensor:
        return self.norm(self.conv(x))


class _Residual(nn.Module):
    """Two 3x3 convolutions, each with batch normalization behind it, beside a shortcut (He et al., 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else _Shortcut(inputs, outputs, stride, norm=True)

    def forward(self, x: F.Tensor) -> F.Tensor:
        hidden = self.norm1(self.conv1(x), relu=True)
        return self.norm2(self.conv2(hidden), residual=self.shortcut(x), relu=True)


class _Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions, the last four times as wide, beside a shortcut (He et al., 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        inner = outputs // EXPANSION
        self.conv1 = nn.Conv2d(inputs, inner, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, outputs, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(outputs)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else _Shortcut(inputs, outputs, stride, norm=True)

    def forward(self, x: F.Tensor) -> F.Tensor:
        hidden = self.norm1(self.conv1(x), relu=True)
        hidden = self.norm2(self.conv2(hidden), relu=True)
        return self.norm3(self.conv3(hidden), residual=self.shortcut(x), relu=True)


class _Preactivated(nn.Module):
    """Batch normalization and ReLU before each of two 3x3 convolutions (Zagoruyko and Komodakis, 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else _Shortcut(inputs, outputs, stride, norm=False)

    def forward(self, x: F.Tensor) -> F.Tensor:
        hidden = self.norm1(x, relu=True)
        residual = x if isinstance(self.shortcut, nn.Identity) else self.shortcut(hidden)
        return self.conv2(self.norm2(self.conv1(hidden), relu=True)) + residual


def _stages(
    block: type[nn.Module], inputs: int, widths: Sequence[int], counts: Sequence[int]
) -> list[nn.Module]:
    """Blocks of each width in turn; every stage but the first halves the image."""
    layers: list[nn.Module] = []
    for stage, (width, count) in enumerate(zip(widths, counts, strict=True)):
        for i in range(count):
            layers.append(block(inputs, width, 2 if stage > 0 and i == 0 else 1))  # type: ignore[call-arg]
            inputs = width
    return layers


# depth -> blocks of each stage; those of 50 are bottlenecks
_STAGES = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
# stages of depths that are 6 n + 2, for CIFAR
_SMALL = (20, 32, 44, 56, 110)


def resnet(depth: int = 18, classes: int = 10, width: int | None = None) -> nn.Sequential:
    """Residual networks with the stem for small images: a 3x3 convolution, without pooling.

    Depths 18, 34 and 50 have four stages, of `width` channels, twice as many, and so on (four times as many
    behind the bottlenecks of 50). Depths 20, 32, 44, 56 and 110, He's for CIFAR, have three stages of
    (depth - 2) / 6 blocks each. Shortcuts to another size are 1x1 convolutions in all of them.

    Args:
        depth: 18, 20, 32, 34, 44, 50, 56 or 110. Default 18.
        classes: outputs, at least 1. Default 10.
        width: channels of the first stage, at least 1. None: 64, or 16 for three stages. Default None.

    Returns:
        The network, [N, H, W, 3] to [N, classes].

    Raises:
        ArgumentError: another depth, or a number out of bounds.

    Source:
        He et al., "Deep residual learning for image recognition" (2016); the stem is usual for CIFAR. Its
        three stages pad shortcuts with zeros (option A) where ours project (option B).
    """
    if depth not in _STAGES and depth not in _SMALL:
        allowed = ", ".join(map(str, sorted((*_STAGES, *_SMALL))))
        raise ArgumentError(f"resnet: depth: got {shown(depth)}; allowed: {allowed}")
    counts = _STAGES.get(depth, [(depth - 2) // 6] * 3)
    first = width if width is not None else 64 if depth in _STAGES else 16
    if not isinstance(first, int) or first < 1:
        raise ArgumentError(f"resnet: width: got {shown(width)}; allowed: an integer of at least 1")
    expansion = EXPANSION if depth == 50 else 1
    widths = [expansion * first * 2**stage for stage in range(len(counts))]
    return nn.Sequential(
        *(Images(3), nn.Conv2d(3, first, 3, padding=1, bias=False), NormReLU(first)),
        *_stages(_Bottleneck if depth == 50 else _Residual, first, widths, counts),
        *(nn.GlobalAvgPool2d(), nn.Linear(widths[-1], classes)),
    )


def wide_resnet(depth: int = 16, width: int = 4, classes: int = 10) -> nn.Sequential:
    """Wide residual network: three stages of (depth - 4) / 6 blocks, of 16, 32 and 64 times `width` channels.

    Args:
        depth: 4 more than a positive multiple of 6. Default 16.
        width: at least 1. Default 4.
        classes: outputs, at least 1. Default 10.

    Returns:
        The network, [N, H, W, 3] to [N, classes].

    Raises:
        ArgumentError: a number is out of bounds.

    Source:
        Zagoruyko and Komodakis, "Wide residual networks" (2016).
    """
    if depth < 10 or (depth - 4) % 6:
        raise ArgumentError(f"wide_resnet: depth: got {shown(depth)}; allowed: 10, 16, 22, 28, ...")
    if width < 1:
        raise ArgumentError(f"wide_resnet: width: got {shown(width)}; allowed: at least 1")
    widths = [16 * width, 32 * width, 64 * width]
    return nn.Sequential(
        *(Images(3), nn.Conv2d(3, 16, 3, padding=1, bias=False)),
        *_stages(_Preactivated, 16, widths, [(depth - 4) // 6] * 3),
        *(NormReLU(widths[-1]), nn.GlobalAvgPool2d(), nn.Linear(widths[-1], classes)),
    )
