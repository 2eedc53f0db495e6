"""Convolution as its definition: a loop over the kernel's elements, channels-last."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

Pair = tuple[int, int]


def taps(
    x: np.ndarray, w: np.ndarray, stride: Pair, padding: Pair, dilation: Pair
) -> Iterator[tuple[int, int, tuple[slice, slice]]]:
    """Kernel places with the rows and columns of the padded image that they see."""
    height, width = output_size(x.shape, w.shape, stride, padding, dilation)
    for ky in range(w.shape[0]):
        for kx in range(w.shape[1]):
            top, left = ky * dilation[0], kx * dilation[1]
            rows = slice(top, top + (height - 1) * stride[0] + 1, stride[0])
            columns = slice(left, left + (width - 1) * stride[1] + 1, stride[1])
            yield ky, kx, (rows, columns)


def output_size(
    x_shape: tuple[int, ...], w_shape: tuple[int, ...], stride: Pair, padding: Pair, dilation: Pair
) -> tuple[int, ...]:
    """Places of the kernel along both axes."""
    return tuple(
        (x_shape[1 + i] + 2 * padding[i] - dilation[i] * (w_shape[i] - 1) - 1) // stride[i] + 1
        for i in (0, 1)
    )


def _padded(x: np.ndarray, padding: Pair) -> np.ndarray:
    return np.pad(x, ((0, 0), (padding[0],) * 2, (padding[1],) * 2, (0, 0)))


def forward(
    x: np.ndarray, w: np.ndarray, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> np.ndarray:
    """y[n, i, j, o] = sum over kernel places and the channels of o's group of x times w."""
    n, channels, outputs = x.shape[0], x.shape[3] // groups, w.shape[3] // groups
    y = np.zeros((n, *output_size(x.shape, w.shape, stride, padding, dilation), w.shape[3]))
    image = _padded(x, padding)
    for ky, kx, (rows, columns) in taps(x, w, stride, padding, dilation):
        for group in range(groups):
            into = slice(group * outputs, (group + 1) * outputs)
            seen = image[:, rows, columns, group * channels : (group + 1) * channels]
            y[..., into] += seen @ w[ky, kx, :, into]
    return y


def gradients(
    x: np.ndarray, w: np.ndarray, gy: np.ndarray, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> tuple[np.ndarray, np.ndarray]:
    """(gx, gw) of <gy, forward(x, w)>."""
    channels, outputs = x.shape[3] // groups, w.shape[3] // groups
    image = _padded(x, padding)
    gx, gw = np.zeros_like(image), np.zeros_like(w)
    for ky, kx, (rows, columns) in taps(x, w, stride, padding, dilation):
        for group in range(groups):
            into = slice(group * outputs, (group + 1) * outputs)
            of = slice(group * channels, (group + 1) * channels)
            gx[:, rows, columns, of] += gy[..., into] @ w[ky, kx, :, into].T
            gw[ky, kx, :, into] = np.einsum("nijc,nijo->co", image[:, rows, columns, of], gy[..., into])
    inside = (slice(padding[0], padding[0] + x.shape[1]), slice(padding[1], padding[1] + x.shape[2]))
    return gx[:, inside[0], inside[1]], gw
