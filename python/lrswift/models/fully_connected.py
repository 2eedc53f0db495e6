"""Fully connected networks."""

from __future__ import annotations

from collections.abc import Sequence

from .. import nn
from ..checks import shown
from ..errors import ArgumentError

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "softplus": nn.Softplus,
}  # fmt: skip


def mlp(
    inputs: int, hidden: Sequence[int] | int = (1000, 1000), outputs: int = 10, activation: str = "relu"
) -> nn.Sequential:
    """Fully connected layers with an activation between.

    The networks of the papers' MNIST experiments: (1000, 1000), QLABGrad's; (1000,), TLR's; (300, 100), L4's.

    Args:
        inputs: numbers per row, at least 1; x is [N, inputs], or images of as many numbers.
        hidden: sizes of the hidden layers, or the size of a single one. Default (1000, 1000).
        outputs: numbers per row of the result. Default 10.
        activation: "relu", "gelu", "tanh", "sigmoid" or "softplus". Default "relu".

    Returns:
        The network, x to [N, outputs].

    Raises:
        ArgumentError: the activation is unknown, or a size is out of bounds.
    """
    if activation not in _ACTIVATIONS:
        raise ArgumentError(f"mlp: activation: got {shown(activation)}; allowed: {', '.join(_ACTIVATIONS)}")
    layers: list[nn.Module] = [nn.Flatten()]
    width = inputs
    for size in [hidden] if isinstance(hidden, int) else hidden:
        layers += [nn.Linear(width, size), _ACTIVATIONS[activation]()]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, outputs))
