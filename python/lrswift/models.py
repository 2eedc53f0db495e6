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
    """Fully connected layers with an activation between; x [N, inputs] or images of as many numbers.

    activation: relu, gelu, tanh, sigmoid or softplus. The default is the network of the TLR and
    QLABGrad papers' MNIST experiments.
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
    """LeNet-5: 5x5 convolutions to 6 and 16 channels, each pooled by 2, then 120, 84, classes.

    x [N, size, size, channels] (28: the first convolution pads by 2, as LeCun et al., 1998, had 32).
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
    """5x5 convolutions to 20 and 50 channels, each pooled by 2, then 500, classes; x [N, 28, 28(, 1)].

    The network of the L4 paper's MNIST experiments.
    """
    return nn.Sequential(
        _Images(1),
        *(nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(50 * 4 * 4, 500), nn.ReLU(), nn.Linear(500, classes)),
    )


def alrs_cnn(classes: int = 10, channels: int = 1, size: int = 28) -> nn.Sequential:
    """3x3 convolutions to 32 and 64 channels, pooled by 2, then 128, classes; x [N, size, size, channels].

    The ALRS paper does not describe its MNIST network; this one reproduces its rates.
    """
    side = (size - 4) // 2
    if side < 1:
        raise ArgumentError(f"alrs_cnn: size: got {size}; allowed: at least 6")
    return nn.Sequential(
        _Images(channels),
        *(nn.Conv2d(channels, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(64 * side * side, 128), nn.ReLU(), nn.Linear(128, classes)),
    )
