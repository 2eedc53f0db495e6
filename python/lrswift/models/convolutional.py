"""Convolutions, pooling, and layers behind them, without normalization."""

from __future__ import annotations

from .. import nn
from ..checks import shown
from ..errors import ArgumentError
from .images import Images

_POOLING = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}


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
        Images(channels),
        *(nn.Conv2d(channels, 6, 5, padding=padding), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(16 * side * side, 120), nn.ReLU()),
        *(nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, classes)),
    )


def mnist_cnn(classes: int = 10, pooling: str = "max") -> nn.Sequential:
    """5x5 convolutions to 20 and 50 channels, each pooled by 2, then layers of 500 and classes.

    Args:
        classes: outputs, at least 1. Default 10.
        pooling: "max", or "average" as in the QLABGrad paper, which gives kernels and pooling of its MNIST
            network and not its widths. Default "max".

    Returns:
        The network, [N, 28, 28] or [N, 28, 28, 1] to [N, classes].

    Raises:
        ArgumentError: classes is out of bounds, or another pooling.

    Source:
        The network of Caffe's MNIST example, after LeCun et al. (1998).
    """
    if pooling not in _POOLING:
        raise ArgumentError(f"mnist_cnn: pooling: got {shown(pooling)}; allowed: {', '.join(_POOLING)}")
    pool = _POOLING[pooling]
    return nn.Sequential(
        Images(1),
        *(nn.Conv2d(1, 20, 5), nn.ReLU(), pool(2)),
        *(nn.Conv2d(20, 50, 5), nn.ReLU(), pool(2)),
        *(nn.Flatten(), nn.Linear(50 * 4 * 4, 500), nn.ReLU(), nn.Linear(500, classes)),
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
        Images(channels),
        *(nn.Conv2d(channels, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(64 * side * side, 128), nn.ReLU(), nn.Linear(128, classes)),
    )


def fashion_convnet(classes: int = 10, dropout: tuple[float, float] = (0.4, 0.5)) -> nn.Sequential:
    """5x5 convolutions to 32 and 64 channels, pooled by 2, then layers of 1024 and classes, with dropout.

    Args:
        classes: outputs, at least 1. Default 10.
        dropout: what is dropped before the layer of 1024 and behind it, each at least 0 and below 1. Default
            (0.4, 0.5).

    Returns:
        The network, [N, 28, 28] or [N, 28, 28, 1] to [N, classes].

    Raises:
        ArgumentError: classes or dropout is out of bounds.
        ArgumentTypeError: dropout is no pair of numbers.

    Source:
        The Fashion-MNIST experiment of Rolinek and Martius, "L4" (arXiv 1802.05074), section 3.5; where its
        two rates of dropout stand is our reading.
    """
    return nn.Sequential(
        Images(1),
        *(nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Dropout(dropout[0]), nn.Linear(64 * 7 * 7, 1024), nn.ReLU()),
        *(nn.Dropout(dropout[1]), nn.Linear(1024, classes)),
    )
