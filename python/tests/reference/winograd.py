"""Winograd's minimal filtering F(4x4,3x3) after Lavin and Gray (2016), for any interpolation points."""

from __future__ import annotations

import numpy as np


def transforms(points: list[float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """B' [6, 6], G [6, 3] and A' [4, 6] of the Toom-Cook algorithm at five finite points and infinity."""
    into, kernel, out = np.zeros((6, 6)), np.zeros((6, 3)), np.zeros((4, 6))
    for j, point in enumerate(points):
        others = points[:j] + points[j + 1 :]
        into[j, :5] = np.poly(others)[::-1]
        kernel[j] = point ** np.arange(3) / np.prod([point - other for other in others])
        out[:, j] = point ** np.arange(4)
    into[5] = np.poly(points)[::-1]
    kernel[5, 2] = out[3, 5] = 1
    return into, kernel, out


def forward(x, w, padding, matrices):
    """y [n, h', w', o] of x [n, h, w, c] and w [3, 3, c, o], tile by tile of 4 x 4 outputs."""
    into, kernel, out = matrices
    n, height, width = x.shape[0], *(s + 2 * p - 2 for s, p in zip(x.shape[1:3], padding, strict=True))
    rows, columns = -(-height // 4), -(-width // 4)
    room = [(p, 4 * t + 2 - s - p) for s, p, t in zip(x.shape[1:3], padding, (rows, columns), strict=True)]
    padded = np.pad(x, [(0, 0), *room, (0, 0)])
    weights = np.einsum("ia,jb,abco->ijco", kernel, kernel, w)
    y = np.zeros((n, 4 * rows, 4 * columns, w.shape[3]))
    for r in range(0, 4 * rows, 4):
        for s in range(0, 4 * columns, 4):
            tile = np.einsum("ia,jb,nabc->nijc", into, into, padded[:, r : r + 6, s : s + 6])
            sums = np.einsum("nijc,ijco->nijo", tile, weights)
            y[:, r : r + 4, s : s + 4] = np.einsum("ia,jb,nabo->nijo", out, out, sums)
    return y[:, :height, :width]
