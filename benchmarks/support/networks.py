"""The networks of the benchmarks as lists of layers, which every peer builds in its own way."""

from __future__ import annotations

from collections.abc import Sequence

Layer = tuple  # its kind and its numbers


def conv(kernel: int, inputs: int, outputs: int, padding: int = 0) -> list[Layer]:
    """(conv, kernel, inputs, outputs, stride, padding, bias), then ReLU and pooling by 2."""
    return [("conv", kernel, inputs, outputs, 1, padding, True), ("relu",), ("pool",)]


def dense(*sizes: int) -> list[Layer]:
    """Linear layers with ReLU between."""
    layers: list[Layer] = []
    for a, b in zip(sizes, sizes[1:], strict=False):
        layers += [("linear", a, b), ("relu",)]
    return layers[:-1]


def blocks(kind: str, inputs: int, widths: Sequence[int], counts: Sequence[int]) -> list[Layer]:
    """Residual blocks, (kind, inputs, outputs, stride); every stage but the first halves the image."""
    layers: list[Layer] = []
    for stage, (width, count) in enumerate(zip(widths, counts, strict=True)):
        for i in range(count):
            layers.append((kind, inputs, width, 2 if stage and not i else 1))
            inputs = width
    return layers


def wide_resnet(width: int) -> list[Layer]:
    """WRN-16: preactivated blocks of 16, 32 and 64 times `width` channels."""
    widths = [16 * width, 32 * width, 64 * width]
    stem = ("conv", 3, 3, 16, 1, 1, False)
    head = [("norm", widths[-1]), ("relu",), ("mean",), ("linear", widths[-1], 10)]
    return [stem, *blocks("preactivated", 16, widths, [2, 2, 2]), *head]


NETWORKS: dict[str, list[Layer]] = {
    "mlp": dense(784, 1000, 1000, 10),
    "mlp-small": dense(784, 32, 10),
    "mnist-cnn": [*conv(5, 1, 20), *conv(5, 20, 50), ("flatten",), *dense(800, 500, 10)],
    "lenet": [*conv(5, 1, 6, 2), *conv(5, 6, 16), ("flatten",), *dense(400, 120, 84, 10)],
    "wrn-16-1": wide_resnet(1),
    "wrn-16-4": wide_resnet(4),
    "resnet-18": [
        *(("conv", 3, 3, 64, 1, 1, False), ("norm", 64), ("relu",)),
        *blocks("residual", 64, [64, 128, 256, 512], [2, 2, 2, 2]),
        *(("mean",), ("linear", 512, 10)),
    ],
}


def shape(network: str) -> tuple[int, ...]:
    """Of one example."""
    first = NETWORKS[network][0]
    if first[0] == "linear":
        return (784,)
    return (28, 28) if first[2] == 1 else (32, 32, 3)


def products(network: str) -> list[float]:
    """Operations of each layer's product, forward, for one example."""
    size, found = shape(network)[0], []

    def convolution(kernel: int, inputs: int, outputs: int, stride: int, padding: int) -> None:
        nonlocal size
        size = (size + 2 * padding - kernel) // stride + 1
        found.append(2.0 * size * size * kernel * kernel * inputs * outputs)

    for kind, *numbers in NETWORKS[network]:
        if kind == "conv":
            convolution(*numbers[:5])
        elif kind == "pool":
            size //= 2
        elif kind == "linear":
            found.append(2.0 * numbers[0] * numbers[1])
        elif kind in ("preactivated", "residual"):
            inputs, outputs, stride = numbers
            before = size
            convolution(3, inputs, outputs, stride, 1)
            convolution(3, outputs, outputs, 1, 1)
            if stride != 1 or inputs != outputs:
                size = before
                convolution(1, inputs, outputs, stride, 0)
    return found


def step_operations(network: str) -> float:
    """Of a training step, for one example: three products a layer, but no gradient of the images."""
    forward = products(network)
    return 3 * sum(forward) - forward[0]
