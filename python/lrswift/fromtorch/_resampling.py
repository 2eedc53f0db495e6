"""Images and signals at another size: nearest pixels, and linear or cubic in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..tensors.functions import broadcast_to
from ..tensors.indexing import take
from ..tensors.tensor import Tensor
from ._convolution import batched, finished
from ._pooling import mixed
from ._rules import Call, Rule
from ._values import Value


def targets(t: Tensor, dimensions: int, size: Any, scales: Any) -> list[tuple[int, int, float | None]]:
    """(axis, size, factor) of each axis of space."""
    found = []
    for i in range(dimensions):
        axis = i + 3 - dimensions
        factor = None if scales is None else float(scales[i])
        # as torch: the size is that of the factor, cut off
        wanted = int(size[i]) if size is not None else int(t.shape[axis] * (factor or 1.0))
        found.append((axis, wanted, factor))
    return found


def nearest(dimensions: int) -> Rule:
    def rule(call: Call, x: Value, size: Any = None, scales: Any = None) -> Value:
        t, alone = batched(call, x, dimensions)
        for axis, wanted, factor in targets(t, dimensions, size, scales):
            t = repeated(t, axis, wanted, factor)
        return finished(call, t, dimensions, alone)

    return rule


def repeated(t: Tensor, axis: int, wanted: int, factor: float | None) -> Tensor:
    given = t.shape[axis]
    ratio = given / wanted if factor is None else 1 / factor
    # torch computes the place in single precision
    places = np.minimum((np.arange(wanted) * np.float32(ratio)).astype(np.int64), given - 1)
    if wanted % given == 0 and (places == np.arange(wanted) // (wanted // given)).all():
        shape, k = list(t.shape), wanted // given
        spread = [*shape[: axis + 1], k, *shape[axis + 1 :]]
        made = broadcast_to(t.reshape(*shape[: axis + 1], 1, *shape[axis + 1 :]), spread)
        return made.reshape(*shape[:axis], wanted, *shape[axis + 1 :])
    return take(t, places, axis)


def linear(dimensions: int) -> Rule:
    return separable(dimensions, weights)


def cubic(dimensions: int) -> Rule:
    return separable(dimensions, cubic_weights)


def separable(dimensions: int, weights: Callable[[int, int, bool, float | None], np.ndarray]) -> Rule:
    """Axis by axis, each a product with `weights`, [wanted, given]."""

    def rule(
        call: Call, x: Value, size: Any = None, align_corners: bool = False, scales: Any = None
    ) -> Value:
        t, alone = batched(call, x, dimensions)
        for axis, wanted, factor in targets(t, dimensions, size, scales):
            t = mixed(t, axis, weights(t.shape[axis], wanted, align_corners, factor))
        return finished(call, t, dimensions, alone)

    return rule


def weights(given: int, wanted: int, corners: bool, factor: float | None) -> np.ndarray:
    """[wanted, given]: of which pixels each new one is a mean."""
    if corners:
        places = np.arange(wanted) * ((given - 1) / (wanted - 1) if wanted > 1 else 0.0)
    else:
        ratio = given / wanted if factor is None else 1 / factor
        places = np.maximum((np.arange(wanted) + 0.5) * ratio - 0.5, 0.0)
    low = np.minimum(places.astype(np.int64), given - 1)
    high = np.minimum(low + 1, given - 1)
    share = np.minimum(places - low, 1.0)
    made = np.zeros((wanted, given))
    np.add.at(made, (np.arange(wanted), low), 1 - share)
    np.add.at(made, (np.arange(wanted), high), share)
    return made


def cubic_weights(given: int, wanted: int, corners: bool, factor: float | None) -> np.ndarray:
    """[wanted, given], by Keys' cubic with a = -0.75; pixels beyond the border are those of the border."""
    if corners:
        places = np.arange(wanted) * ((given - 1) / (wanted - 1) if wanted > 1 else 0.0)
    else:
        places = (np.arange(wanted) + 0.5) * (given / wanted if factor is None else 1 / factor) - 0.5
    low = np.floor(places).astype(np.int64)
    made = np.zeros((wanted, given))
    for offset in range(-1, 3):
        d, a = np.abs(places - low - offset), -0.75
        near = ((a + 2) * d - (a + 3)) * d**2 + 1
        far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
        share = np.where(d <= 1, near, np.where(d < 2, far, 0.0))
        np.add.at(made, (np.arange(wanted), np.clip(low + offset, 0, given - 1)), share)
    return made


RULES: dict[str, Rule] = {
    "aten.upsample_nearest1d.vec": nearest(1),
    "aten.upsample_nearest2d.vec": nearest(2),
    "aten.upsample_linear1d.vec": linear(1),
    "aten.upsample_bilinear2d.vec": linear(2),
    "aten.upsample_bicubic2d.vec": cubic(2),
}
