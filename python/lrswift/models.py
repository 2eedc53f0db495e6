"""Ready-made networks: the ones the source papers train. Images are (N, H, W, C)."""

from __future__ import annotations

from collections.abc import Sequence

from . import nn
from .errors import ArgumentError, ShapeError
from .nn import functional as F

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "softplus": nn.Softplus,
}  # fmt: skip


class _Images(nn.Module):
    """Gives gray images [N, H, W] the channel axis that convolutions want."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: F.Operand) -> F.Tensor:
        t = F.as_float(x, "images")
        if t.ndim == 3 and self.channels == 1:
            return t.reshape((*t.shape, 1))
        if t.ndim != 4 or t.shape[3] != self.channels:
            raise ShapeError(f"x: got shape {t.shape}; allowed: [N, H, W, {self.channels}]")
        return t


def mlp(
    inputs: int, hidden: Sequence[int] = (1000, 1000), outputs: int = 10, activation: str = "relu"
) -> nn.Sequential:
    """Fully connected layers with an activation between.

    The default is the network of the TLR and QLABGrad papers' MNIST experiments.

    Args:
        inputs: numbers per row, at least 1; x is [N, inputs], or images of as many numbers.
        hidden: sizes of the hidden layers. Default (1000, 1000).
        outputs: numbers per row of the result. Default 10.
        activation: "relu", "gelu", "tanh", "sigmoid" or "softplus". Default "relu".

    Returns:
        The network, x to [N, outputs].

    Raises:
        ArgumentError: the activation is unknown, or a size is out of bounds.
    """
    if activation not in _ACTIVATIONS:
        raise ArgumentError(f"mlp: activation: got {activation!r}; allowed: {', '.join(_ACTIVATIONS)}")
    layers: list[nn.Module] = [nn.Flatten()]
    width = inputs
    for size in hidden:
        layers += [nn.Linear(width, size), _ACTIVATIONS[activation]()]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, outputs))


def lenet(classes: int = 10, channels: int = 1, size: int = 28) -> nn.Sequential:
    """LeNet-5: 5x5 convolutions to 6 and 16 channels, each pooled by 2, then layers of 120, 84 and classes.

    Args:
        classes: outputs, at least 1. Default 10.
        channels: of the images, at least 1. Default 1.
        size: height and width of the images in pixels, at least 16; at 28 the first convolution pads by 2, as
            LeCun's images had 32. Default 28.

    Returns:
        The network, [N, size, size, channels] (gray ones also [N, size, size]) to [N, classes].

    Raises:
        ArgumentError: a number is out of bounds.

    Source:
        LeCun et al., "Gradient-based learning applied to document recognition" (1998).
    """
    padding = 2 if size == 28 else 0
    side = ((size + 2 * padding - 4) // 2 - 4) // 2
    if side < 1:
        raise ArgumentError(f"lenet: size: got {size}; allowed: at least 16")
    return nn.Sequential(
        _Images(channels),
        *(nn.Conv2d(channels, 6, 5, padding=padding), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(16 * side * side, 120), nn.ReLU()),
        *(nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, classes)),
    )


def mnist_cnn(classes: int = 10) -> nn.Sequential:
    """5x5 convolutions to 20 and 50 channels, each pooled by 2, then layers of 500 and classes.

    Args:
        classes: outputs, at least 1. Default 10.

    Returns:
        The network, [N, 28, 28] or [N, 28, 28, 1] to [N, classes].

    Raises:
        ArgumentError: classes is out of bounds.

    Source:
        The MNIST experiments of Rolinek and Martius, "L4" (arXiv 1802.05074).
    """
    return nn.Sequential(
        _Images(1),
        *(nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(50 * 4 * 4, 500), nn.ReLU(), nn.Linear(500, classes)),
    )


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


class _NormReLU(nn.BatchNorm2d):
    """Batch normalization and ReLU in one pass."""

    def forward(self, x: F.Operand, residual: F.Tensor | None = None, relu: bool = True) -> F.Tensor:
        return super().forward(x, residual, relu)


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


def resnet(depth: int = 18, classes: int = 10) -> nn.Sequential:
    """ResNet-18 or -34 with the stem for small images: a 3x3 convolution to 64 channels, without pooling.

    Args:
        depth: 18 or 34. Default 18.
        classes: outputs, at least 1. Default 10.

    Returns:
        The network, [N, H, W, 3] to [N, classes].

    Raises:
        ArgumentError: another depth, or classes out of bounds.

    Source:
        He et al., "Deep residual learning for image recognition" (2016); the stem is usual for CIFAR.
    """
    counts = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
    if depth not in counts:
        raise ArgumentError(f"resnet: depth: got {depth!r}; allowed: {', '.join(map(str, counts))}")
    return nn.Sequential(
        *(_Images(3), nn.Conv2d(3, 64, 3, padding=1, bias=False), _NormReLU(64)),
        *_stages(_Residual, 64, (64, 128, 256, 512), counts[depth]),
        *(nn.GlobalAvgPool2d(), nn.Linear(512, classes)),
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
        raise ArgumentError(f"wide_resnet: depth: got {depth!r}; allowed: 10, 16, 22, 28, ...")
    if width < 1:
        raise ArgumentError(f"wide_resnet: width: got {width!r}; allowed: at least 1")
    widths = [16 * width, 32 * width, 64 * width]
    return nn.Sequential(
        *(_Images(3), nn.Conv2d(3, 16, 3, padding=1, bias=False)),
        *_stages(_Preactivated, 16, widths, [(depth - 4) // 6] * 3),
        *(_NormReLU(widths[-1]), nn.GlobalAvgPool2d(), nn.Linear(widths[-1], classes)),
    )


def alrs_cnn(classes: int = 10, channels: int = 1, size: int = 28) -> nn.Sequential:
    """3x3 convolutions to 32 and 64 channels, pooled by 2, then layers of 128 and classes.

    The ALRS paper does not describe its MNIST network; this one reproduces its rates.

    Args:
        classes: outputs, at least 1. Default 10.
        channels: of the images, at least 1. Default 1.
        size: height and width of the images in pixels, at least 6. Default 28.

    Returns:
        The network, [N, size, size, channels] (gray ones also [N, size, size]) to [N, classes].

    Raises:
        ArgumentError: a number is out of bounds.
    """
    side = (size - 4) // 2
    if side < 1:
        raise ArgumentError(f"alrs_cnn: size: got {size}; allowed: at least 6")
    return nn.Sequential(
        _Images(channels),
        *(nn.Conv2d(channels, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(64 * side * side, 128), nn.ReLU(), nn.Linear(128, classes)),
    )
